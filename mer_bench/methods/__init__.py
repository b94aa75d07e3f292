"""The base classes of methods."""
