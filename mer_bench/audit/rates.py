"""A paper's confusion matrix in shares of each class, or its diagonal, against its scores and class counts."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, floor, prod
from typing import Literal

import numpy as np

from mer_bench.arrays import BoolArray, DoubleArray, IntArray
from mer_bench.audit.matrices import Measure, macro
from mer_bench.audit.printed import Printed, Window, read_printed
from mer_bench.audit.search import MARGIN, find_among, range_among
from mer_bench.audit.slices import Part, rounded_or_truncated
from mer_bench.errors import MerBenchError

MOST_MATRICES = 3_000_000

Fit = Literal["fit", "do not fit", "not of these counts", "undecided"]

FITS: dict[Fit, str] = {
    "fit": "a confusion matrix with these class counts has these rates and both scores",
    "do not fit": "confusion matrices with these class counts have these rates, but none of them has both scores",
    "not of these counts": "no whole numbers of samples give these rates with these class counts",
    "undecided": "too many confusion matrices have these rates to look at each",
}
"""What rates can say, with a sentence for each."""

Rates = tuple[tuple[Printed, ...], ...]


@dataclass(frozen=True)
class RatesVerdict:
    """Whether rates, scores and counts fit.

    Parameters
    ----------
    fit : Fit
    transposed : bool
        Whether the rates are of the class counts only if columns are the truth.
    uf1, uar : tuple of float, or None
        The least and the largest scores of all matrices with these rates, where there are any.
    """

    fit: Fit
    transposed: bool = False
    uf1: tuple[float, float] | None = None
    uar: tuple[float, float] | None = None


def read_rates(text: str, n_classes: int, *, percent: bool = False) -> tuple[Rates, bool]:
    """Read comma-separated rates: a row for each true class, or one row with the diagonal.

    Returns
    -------
    rates : Rates
    percent : bool
        Whether they are in percent: as asked, or because one of them is larger than 1.

    Raises
    ------
    MerBenchError
        It is not a matrix of the classes or its diagonal, or a rate is not a number.
    """
    try:
        lines = [line for line in csv.reader(text.splitlines()) if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise MerBenchError(f"the rates are not a CSV: {error}; give numbers with commas between them") from None
    if len(lines) not in (1, n_classes) or any(len(line) != n_classes for line in lines):
        shape = f"{len(lines)} lines of {', '.join(map(str, sorted({len(line) for line in lines}))) or 'no'} numbers"
        raise MerBenchError(
            f"rates have {shape}; give {n_classes} lines of {n_classes} numbers, or the diagonal on one line"
        )
    cells = [cell.strip() for line in lines for cell in line]
    percent = percent or any(_is_percent(cell) for cell in cells)
    return tuple(tuple(read_printed(cell, percent=percent) for cell in line) for line in lines), percent


def _is_percent(cell: str) -> bool:
    try:
        return cell.endswith("%") or float(cell) > 1
    except ValueError:
        return False


def judge_rates(part: Part, rates: Rates) -> RatesVerdict:
    """Return whether a confusion matrix with the class counts has the rates, rounded or truncated, and both scores."""
    if len(rates) == 1:
        return _judge_diagonal(part, rates[0])
    found = _judge_matrix(part, rates)
    if found.fit == "not of these counts":
        turned = _judge_matrix(part, tuple(zip(*rates, strict=True)))
        if turned.fit != "not of these counts":
            return RatesVerdict(turned.fit, True, turned.uf1, turned.uar)
    return found


def _judge_diagonal(part: Part, rates: Sequence[Printed]) -> RatesVerdict:
    measure, windows = macro(part.counts), part.windows(truncated=True)
    choices = [_whole_numbers(rate, n) for rate, n in zip(rates, part.counts, strict=True)]
    if not all(choices):
        return RatesVerdict("not of these counts")
    if prod(map(len, choices)) > MOST_MATRICES:
        return RatesVerdict("undecided")
    hits = np.array(list(product(*choices)), dtype=np.int64)
    uars = hits @ np.array([float(weight) for weight in measure.hit_weights])
    uf1 = range_among(measure, hits)
    found = find_among(measure, *windows, hits)
    fit: Fit = "fit" if found.matrix is not None else "do not fit" if found.complete and uf1 else "undecided"
    return RatesVerdict(fit, uf1=uf1, uar=(float(uars.min()), float(uars.max())))


def _judge_matrix(part: Part, rates: Rates) -> RatesVerdict:
    measure, windows = macro(part.counts), part.windows(truncated=True)
    rows = [_whole_rows(line, n) for line, n in zip(rates, part.counts, strict=True)]
    if any(row is None for row in rows):
        return RatesVerdict("undecided")
    options = [row for row in rows if row is not None]
    if not all(map(len, options)):
        return RatesVerdict("not of these counts")
    if prod(map(len, options)) > MOST_MATRICES:
        return RatesVerdict("undecided")
    chosen = np.indices([len(row) for row in options]).reshape(len(options), -1)
    matrices = np.stack([row[places] for row, places in zip(options, chosen, strict=True)], axis=1)
    uf1, uar = _float_scores(measure, matrices)
    near = _inside(uf1, windows[0]) & _inside(uar, windows[1])
    exact = (measure.of_matrix(tuple(map(tuple, matrices[n].tolist()))) for n in np.flatnonzero(near))
    fits = any(a in windows[0] and b in windows[1] for a, b in exact)
    ranges = [(float(scores.min()), float(scores.max())) for scores in (uf1, uar)]
    return RatesVerdict("fit" if fits else "do not fit", False, ranges[0], ranges[1])


def _float_scores(measure: Measure, matrices: IntArray) -> tuple[DoubleArray, DoubleArray]:
    hits = np.diagonal(matrices, axis1=1, axis2=2)
    whole = np.maximum(matrices.sum(axis=1) + np.array(measure.counts), 1)
    f1_weights, hit_weights = (np.array([float(w) for w in ws]) for ws in (measure.f1_weights, measure.hit_weights))
    return (f1_weights * 2 * hits / whole).sum(axis=1), hits @ hit_weights


def _inside(scores: DoubleArray, window: Window) -> BoolArray:
    inside: BoolArray = (scores >= float(window.low) - MARGIN) & (scores <= float(window.high) + MARGIN)
    return inside


def _whole_numbers(rate: Printed, n: int) -> range:
    """Return the numbers of n samples that are printed as a rate, rounded or truncated."""
    window = rounded_or_truncated(rate)
    return range(max(0, ceil(window.low * n)), min(n, floor(window.high * n)) + 1)


def _whole_rows(rates: Sequence[Printed], n: int) -> IntArray | None:
    """Return all rows of n samples with these rates; None if they are too many."""
    *free, last = [_whole_numbers(rate, n) for rate in rates]
    if prod(map(len, free)) > MOST_MATRICES:
        return None
    rows = [(*row, n - sum(row)) for row in product(*free) if n - sum(row) in last]
    return np.array(rows, dtype=np.int64).reshape(-1, len(rates))
