"""Pure functions on arrays: no paths, no pandas."""
