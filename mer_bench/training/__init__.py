"""Training of networks, one fold at a time."""
