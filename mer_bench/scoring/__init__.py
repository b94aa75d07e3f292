"""Figures from stored predictions: pure functions on arrays."""
