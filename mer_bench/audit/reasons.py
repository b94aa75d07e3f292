"""Likely reasons for an impossible pair: each is named only if the pair becomes possible under it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product

from mer_bench.audit.matrices import Measure, check_counts, macro
from mer_bench.audit.precision import find_precision
from mer_bench.audit.printed import Printed, Window
from mer_bench.audit.search import Found, find
from mer_bench.errors import MerBenchError

MOST_MISSING = 3
"""Samples that another count may lack."""
_MOST_LISTS = 34
"""Other counts that are tried: all of three and four classes, the nearest of more."""
_RUNS = (2, 3, 5, 10)
_MOST_ROWS = 300_000
"""What is searched for one reason: a reason has to be found, not excluded."""


@dataclass(frozen=True)
class Reason:
    """One explanation under which a pair is possible.

    Parameters
    ----------
    name : str
        ``precision``, ``swapped``, ``accuracy``, ``weighted-f1``, ``mean-of-runs`` or ``other-counts``.
    text : str
        For people.
    """

    name: str
    text: str


def reasons(
    counts: Sequence[int],
    uf1: Printed,
    uar: Printed,
    near: Found,
    *,
    no_mean: bool,
) -> list[Reason]:
    """Return the reasons that were tested and make a pair possible, the most specific first.

    Parameters
    ----------
    counts : sequence of int
    uf1, uar : Printed
        An impossible pair.
    near : Found
        The possible pair nearest to it.
    no_mean : bool
        Whether it is known that no mean of runs gives the pair.
    """
    windows = uf1.window("rounded"), uar.window("rounded")
    measure = macro(counts)
    return [
        *_other_scores(measure, *windows),
        *(() if no_mean else _runs(measure, uf1, uar, near)),
        *_counts(counts, windows),
    ]


def _other_scores(measure: Measure, uf1: Window, uar: Window) -> Iterator[Reason]:
    """The same matrices, other scores."""
    counts, n = measure.counts, measure.n_samples
    if _is_found(measure, uar, uf1):
        yield Reason("swapped", "the two numbers are exchanged: as UF1 what is printed as UAR, and the reverse")
    if find_precision(measure, uf1, uar) is not None:
        yield Reason("precision", "the number called UAR is the mean precision")
    accuracy = tuple(Fraction(1, n) for _ in counts)
    if _is_found(Measure(counts, measure.f1_weights, accuracy), uf1, uar):
        yield Reason("accuracy", "the number called UAR is the accuracy (the recall weighted by class)")
    by_count = tuple(Fraction(c, n) for c in counts)
    if _is_found(Measure(counts, by_count, measure.hit_weights), uf1, uar):
        yield Reason("weighted-f1", "the number called UF1 is the F1 score weighted by class counts")
    if _is_found(Measure(counts, by_count, accuracy), uf1, uar):
        yield Reason(
            "both-weighted", "both numbers are weighted by class counts: F1, and recall, which is the accuracy"
        )


def _is_found(measure: Measure, first: Window, second: Window) -> bool:
    return find(measure, first, second, _MOST_ROWS).matrix is not None


def _runs(measure: Measure, uf1: Printed, uar: Printed, near: Found) -> Iterator[Reason]:
    """Means over runs: all runs but one have the nearest possible scores, and the last one brings the mean home."""
    if near.scores is None:
        return
    for n in _RUNS:
        last = [_last_of(n, own.window("rounded"), at) for own, at in zip((uf1, uar), near.scores, strict=True)]
        if _is_found(measure, last[0], last[1]):
            yield Reason("mean-of-runs", f"both numbers are means of {n} runs (seeds)")
            return


def _last_of(n: int, mean: Window, others: Fraction) -> Window:
    return Window(n * mean.low - (n - 1) * others, n * mean.high - (n - 1) * others)


def _counts(counts: Sequence[int], windows: tuple[Window, Window]) -> Iterator[Reason]:
    """Other sample lists: those that lack a few samples; the first that makes it possible."""
    for other in islice(_fewer(counts), _MOST_LISTS):
        if _is_found(macro(other), *windows):
            missing = sum(counts) - sum(other)
            yield Reason("other-counts", f"{missing} sample{'s' * (missing > 1)} fewer, such as {listed(other)}")
            return


def _fewer(counts: Sequence[int]) -> Iterator[tuple[int, ...]]:
    steps = [step for step in product(range(MOST_MISSING + 1), repeat=len(counts)) if 0 < sum(step) <= MOST_MISSING]
    for step in sorted(steps, key=sum):
        other = tuple(n - less for n, less in zip(counts, step, strict=True))
        if min(other) >= 0:
            try:
                check_counts(other)
            except MerBenchError:
                continue
            yield other


def listed(counts: Sequence[int]) -> str:
    return "/".join(map(str, counts))
