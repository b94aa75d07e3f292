"""Where rows stand beside a guesser who keeps the best of as many epochs on each test subject."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from mer_bench.results import Means, RowResults, means
from mer_bench.statistics.luck import LuckCurve, luck_curve
from mer_bench.statistics.resampling import Interval
from mer_bench.store.schema import RowRecord

SHOWN_EPOCHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Numbers of epochs that a table of a guesser's scores has."""
_POINTS = 60

Labels = tuple[tuple[int, ...], ...]
"""The true labels of each fold."""


@dataclass(frozen=True)
class Standing:
    """A row beside the guesser.

    Parameters
    ----------
    row : RowResults
    epochs : int
        How many the oracle chose from in each fold.
    last, oracle : Means
        Over complete seeds: under the row's own rule, and with the best epoch of each test subject.
    guesser : (Interval, Interval)
        UF1 and UAR of a guesser with as many epochs.
    needed : int or None
        With about how many epochs a guesser reaches the oracle's UF1; None if more than a thousand do not.
    """

    row: RowResults
    epochs: int
    last: Means
    oracle: Means
    guesser: tuple[Interval, Interval]
    needed: int | None


def fold_labels(record: RowRecord) -> Labels:
    """Return the true labels of each fold of a row."""
    return tuple(tuple(fold["samples"].values()) for fold in record["folds"].values())


@cache
def guesser(folds: Labels, n_classes: int, absent_class: str, extra: tuple[int, ...] = ()) -> LuckCurve:
    """Return a guesser's scores on these folds, up to a thousand epochs, and for some other numbers of epochs."""
    spaced = np.geomspace(1, SHOWN_EPOCHS[-1], _POINTS).round().astype(int).tolist()
    labels = [np.array(labels, dtype=np.int64) for labels in folds]
    return luck_curve(labels, n_classes, [*spaced, *SHOWN_EPOCHS, *extra], absent_class=absent_class)


def curve_of(rows: Sequence[RowResults]) -> LuckCurve:
    """Return a guesser's scores on the folds of rows, which must be the same in all of them."""
    record = rows[0].record
    extra = sorted({n for row in rows if (n := _n_epochs(row)) is not None})
    protocol = record["protocol"]
    return guesser(fold_labels(record), len(protocol["classes"]), protocol["absent_class"], tuple(extra))


def standings(rows: Iterable[RowResults], curve: LuckCurve) -> list[Standing]:
    """Return where rows with an oracle stand beside the guesser.

    Parameters
    ----------
    rows : iterable of RowResults
    curve : LuckCurve
        As `curve_of` returns for these rows.
    """
    found = []
    for row in rows:
        epochs, best = _n_epochs(row), means(row.oracle)
        if epochs is not None and best:
            needed = curve.needed(best["full", "uf1"].value)
            guesser_scores = curve.at(epochs)
            found.append(Standing(row, epochs, last=row.means, oracle=best, guesser=guesser_scores, needed=needed))
    return found


def _n_epochs(row: RowResults) -> int | None:
    """Return from how many epochs a row's oracle chose; None for a row without one."""
    if not any(seed.complete for seed in row.oracle):
        return None
    cell = next(cell for cell in row.finished if cell["epoch_scores"])
    stored = row.store.read_epoch_scores(cell["key"], row.record, cell)
    return None if stored is None else len(stored[1])
