"""Scores from stored predictions: pure functions on arrays."""
