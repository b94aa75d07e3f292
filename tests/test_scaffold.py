"""What ``mer-bench plugin new`` writes is a plugin that works, and what it cannot write it refuses."""
