"""A run: its resources, its worker processes, and the order of its steps."""
