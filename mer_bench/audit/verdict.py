"""The verdict on a published pair of scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mer_bench.audit.matrices import Measure, macro
from mer_bench.audit.printed import Printed, Way
from mer_bench.audit.search import Found, find

Kind = Literal["possible", "possible if truncated", "impossible", "undecided"]

KINDS: dict[Kind, str] = {
    "possible": "a confusion matrix with these class counts gives both scores, rounded as printed",
    "possible if truncated": "only with the further digits of one score, or of both, cut off does a matrix give them",
    "impossible": "no confusion matrix with these class counts gives both scores, neither rounded nor truncated",
    "undecided": "the search ended before it had gone through all confusion matrices",
}
"""The verdicts, with a sentence for each."""

WAYS: tuple[tuple[Way, Way], ...] = (
    ("rounded", "rounded"),
    ("truncated", "truncated"),
    ("rounded", "truncated"),
    ("truncated", "rounded"),
)
"""How UF1 and UAR may have been shortened, in the order in which they are tried."""


@dataclass(frozen=True)
class Verdict:
    """Whether a pair of scores is possible.

    Parameters
    ----------
    kind : Kind
    ways : tuple of Way, or None
        How UF1 and UAR were shortened, where a matrix was found.
    found : Found
        With a matrix that gives the pair, if it is possible.
    """

    kind: Kind
    ways: tuple[Way, Way] | None
    found: Found


def judge(counts: Sequence[int], uf1: Printed, uar: Printed) -> Verdict:
    """Return whether a confusion matrix with these class counts gives a printed UF1 and UAR.

    Raises
    ------
    MerBenchError
        The counts are not those of two classes or more.
    """
    return judge_measure(macro(counts), uf1, uar)


def judge_measure(measure: Measure, first: Printed, second: Printed) -> Verdict:
    """Return whether a confusion matrix gives two printed scores under a measure."""
    complete = True
    for ways in WAYS:
        found = find(measure, first.window(ways[0]), second.window(ways[1]))
        if found.matrix is not None:
            if not complete:
                # Whether rounding alone gives the pair was not decided, so neither is the milder verdict.
                return Verdict("undecided", ways, found)
            return Verdict("possible" if ways == WAYS[0] else "possible if truncated", ways, found)
        complete = complete and found.complete
    return Verdict("impossible" if complete else "undecided", None, found)
