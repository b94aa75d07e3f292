"""What carries the cells out, and the run around them."""
