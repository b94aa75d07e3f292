"""What the benchmarks know of the composite database (CDE)."""

FOLD_SIZES = [1] * 8 + [2] * 7 + [3] * 11 + [4] * 10 + [5] * 6 + [6] * 4 + [7] * 2 + [8] * 3 + [9] * 3 + [10] * 4
FOLD_SIZES += [11] * 4 + [13, 19, 20, 22, 31, 39]
"""Samples of each of the 68 subjects, ascending."""
