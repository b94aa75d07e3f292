"""Scores from predictions: pure functions on arrays."""
