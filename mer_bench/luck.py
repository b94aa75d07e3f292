"""Where rows stand beside a guesser who keeps the best of as many epochs on each test subject."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from mer_bench.results import Means, RowResults, SeedResult, means
from mer_bench.rules import ORACLE
from mer_bench.statistics.luck import LuckCurve, luck_curve
from mer_bench.statistics.resampling import Interval
from mer_bench.store.schema import RowRecord

SHOWN_EPOCHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Numbers of epochs that a table of a guesser's scores has."""
_POINTS = 60

GUESSER_TEXT = (
    "A guesser draws each class as often as the data has it, sees no sample, and keeps for each fold the epoch with "
    "the most hits. Its epochs are independent, a network's are not: this shows what such a choice can do, and models "
    "no network."
)

Labels = tuple[tuple[int, ...], ...]
"""The true labels of each fold."""


@dataclass(frozen=True)
class Standing:
    """A row beside the guesser.

    Parameters
    ----------
    row : RowResults
    epochs : int
        From how many the oracle chose in each fold; the most of any fold.
    last, oracle : Means
        Over the same seeds: under the row's own rule, and with the best epoch of each test subject.
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
    extra = sorted({row.epochs.most for row in rows if row.epochs.most})
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
        own = paired_means({"last": row.seeds, ORACLE: row.oracle})
        if best := own.get(ORACLE):
            epochs, needed = row.epochs.most, curve.needed(best["full", "uf1"].value)
            found.append(Standing(row, epochs, last=own["last"], oracle=best, guesser=curve.at(epochs), needed=needed))
    return found


def counted_seeds(stored: Mapping[str, Sequence[SeedResult]]) -> dict[str, frozenset[int]]:
    """Return the seeds that count under each selection rule.

    Those that are complete under ``last`` and under every other rule; a rule that shares no seed with the others counts
    its own. A rule without a complete seed is left out.

    Parameters
    ----------
    stored : mapping of str to sequence of SeedResult
        Selection rule to the results of a method with the same settings.
    """
    complete = {rule: frozenset(seed.seed for seed in seeds if seed.complete) for rule, seeds in stored.items()}
    shared = complete.get("last", frozenset())
    for rule in (ORACLE, "inner"):
        shared = shared & complete.get(rule, shared) or shared
    counted = {rule: shared if shared & own else own for rule, own in complete.items()}
    return {rule: own for rule, own in counted.items() if own}


def paired_means(stored: Mapping[str, Sequence[SeedResult]]) -> dict[str, Means]:
    """Return the means under each selection rule, over `counted_seeds`."""
    counted = counted_seeds(stored)
    return {rule: means([seed for seed in stored[rule] if seed.seed in own]) for rule, own in counted.items()}
