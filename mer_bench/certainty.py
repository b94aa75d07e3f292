"""How certain the scores of stored rows are, and how two rows compare, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb

from mer_bench.errors import MerBenchError
from mer_bench.result_texts import seeds_text
from mer_bench.results import RowResults, SeedResult
from mer_bench.scoring.metrics import TABLE_METRICS
from mer_bench.statistics.paired import Difference, Pair, compare, holm
from mer_bench.statistics.resampling import LEVEL, RESAMPLES, Interval, intervals
from mer_bench.statistics.subjects import SubjectCounts, subject_of
from mer_bench.store.schema import RowRecord

SIGNIFICANT = 0.05
"""The largest p of a difference that is called one."""
_SWAPS_PER_PAIR = 40

LEVEL_TEXT = f"{100 * LEVEL:.0f} %"
"""Of an interval."""

TIE = 1e-12
"""Means this close are equal: the same scores summed in another order differ by less."""


def subject_counts(seeds: Sequence[SeedResult]) -> SubjectCounts | None:
    """Return the predictions of a row's complete seeds, by subject; None if there are none.

    Parameters
    ----------
    seeds : sequence of SeedResult
        Of one row and selection rule.
    """
    complete = [seed for seed in seeds if seed.complete]
    if not complete:
        return None
    record = complete[0].record
    protocol = record["protocol"]
    return SubjectCounts.of(
        [seed.predictions for seed in complete],
        len(protocol["classes"]),
        absent_class=protocol["absent_class"],
    )


def by_slice(record: RowRecord, counts: SubjectCounts) -> dict[str, SubjectCounts]:
    """Return the counts of each slice of the row's protocol that has subjects."""
    slices = {part: counts.only(databases) for part, databases in record["protocol"]["slices"].items()}
    return {part: own for part, own in slices.items() if own.subjects}


def score_intervals(seeds: Sequence[SeedResult]) -> dict[tuple[str, str], Interval]:
    """Return the interval of each slice and score of a row's complete seeds; without those of too few subjects.

    There are none where a training is tested on several subjects: see `shared_fold`.

    Parameters
    ----------
    seeds : sequence of SeedResult
        Of one row and selection rule.
    """
    found: dict[tuple[str, str], Interval] = {}
    counts = None if shared_fold(seeds[0].record) else subject_counts(seeds)
    for part, own in by_slice(seeds[0].record, counts).items() if counts else ():
        for metric, interval in zip(TABLE_METRICS, intervals(own) or (), strict=False):
            found[part, metric] = interval
    return found


def compare_rows(a: Sequence[SeedResult], b: Sequence[SeedResult]) -> dict[str, Pair]:
    """Compare two rows of one protocol and the same samples, in each slice; in none if a row has no complete seed.

    Parameters
    ----------
    a, b : sequence of SeedResult
        Of one selection rule each.

    Raises
    ------
    MerBenchError
        The rows have other samples, or a training is tested on several subjects.
    """
    if fold := shared_fold(a[0].record):
        raise MerBenchError(
            f"fold {fold!r} tests several subjects with one training, so they are not independent; only rows of a "
            "leave-one-subject-out protocol can be compared"
        )
    first, second = subject_counts(a), subject_counts(b)
    if first is None or second is None:
        return {}
    others = by_slice(b[0].record, second)
    return {part: compare(own, others[part]) for part, own in by_slice(a[0].record, first).items()}


@dataclass(frozen=True, eq=False)
class Ranking:
    """The row of a table with the highest UF1 on the full set, and the others beside it.

    Parameters
    ----------
    leader : RowResults
        The first of those that tie exactly.
    tied : tuple of RowResults
        The others with exactly its UF1.
    pairs : mapping of str to Pair
        Row key of each other complete row to the leader beside that row, on the full set.
    p : mapping of str to float
        Row key to p of the difference in UF1, adjusted for the number of pairs that the table has (Holm): the leader is
        chosen by the same scores, so each pair might have been tested.
    """

    leader: RowResults
    tied: tuple[RowResults, ...]
    pairs: Mapping[str, Pair]
    p: Mapping[str, float]

    @property
    def n_pairs(self) -> int:
        """How many pairs the complete rows of the table make."""
        return comb(len(self.pairs) + 1, 2)

    @property
    def smallest_p(self) -> float:
        """The smallest adjusted p that these rows could give."""
        return min(holm([pair.smallest_p for pair in self.pairs.values()], among=self.n_pairs))


def ranking(rows: Sequence[RowResults]) -> Ranking | None:
    """Compare the best of some rows with each other one; None if fewer than two are complete.

    A row with an incomplete seed is left out: the mean of the others may be lucky. There is no ranking where a training
    is tested on several subjects: see `shared_fold`.

    Parameters
    ----------
    rows : sequence of RowResults
        Of one protocol and the same samples.
    """
    ranked = [row for row in rows if row.means and row.is_complete]
    if len(ranked) < 2 or shared_fold(ranked[0].record):
        return None
    uf1 = [row.means["full", "uf1"].value for row in ranked]
    leader, *tied = (row for row, value in zip(ranked, uf1, strict=True) if value >= max(uf1) - TIE)
    own = subject_counts(leader.seeds)
    counts = {row.record["row_key"]: subject_counts(row.seeds) for row in ranked if row is not leader}
    among = comb(len(ranked), 2)
    # With fewer, no p of many pairs could be small enough.
    swaps = max(RESAMPLES, _SWAPS_PER_PAIR * among)
    pairs = {
        key: compare(own, other, swaps=swaps) for key, other in counts.items() if own is not None and other is not None
    }
    adjusted = holm([pair.differences["uf1"].p for pair in pairs.values()], among=among)
    return Ranking(leader, tuple(tied), pairs, dict(zip(pairs, adjusted, strict=True)))


def interval_text(interval: Interval, *, sign: bool = False) -> str:
    """Return ``0.4321 (0.3702 to 0.4899)``; with signs for a difference."""
    return f"{number_text(interval.value, sign=sign)} ({limits_text(interval, sign=sign)})"


def lead_text(difference: Difference) -> str:
    """Return ``+0.0321 (-0.0102 to +0.0699)``; only the difference where subjects are too few for an interval."""
    interval = difference.interval
    return interval_text(interval, sign=True) if interval else number_text(difference.value, sign=True)


def level_text(interval: Interval, *, sign: bool = False) -> str:
    """Return ``95 % interval 0.3702 to 0.4899``; with signs for a difference."""
    return f"{LEVEL_TEXT} interval {limits_text(interval, sign=sign)}"


def limits_text(interval: Interval, *, sign: bool = False) -> str:
    """Return ``0.3702 to 0.4899``; with signs for a difference."""
    return f"{number_text(interval.low, sign=sign)} to {number_text(interval.high, sign=sign)}"


def number_text(value: float, *, sign: bool = False) -> str:
    """Return ``0.4321``; of a difference ``+0.0321``, but nothing has a sign that is printed as zero."""
    rounded = round(value, 4)
    return f"{rounded:{'+' if sign else ''}.4f}" if rounded else f"{0:.4f}"


def p_text(p: float) -> str:
    """Return a p-value as it is printed everywhere: ``0.234``, below .1 ``0.0432``, ``< 0.0005``.

    What is printed as 0.0500 is significant; a p above it that rounds to this is ``> 0.05``.
    """
    if p < 0.0005:
        return "< 0.0005"
    text = f"{p:.4f}" if p < 0.1 else f"{p:.3f}"
    return f"> {SIGNIFICANT}" if p > SIGNIFICANT and float(text) <= SIGNIFICANT else text


def share_text(share: float) -> str:
    """Return ``97 %``; ``> 99 %`` and ``< 1 %`` instead of all and nothing that are rounded."""
    percent = f"{100 * share:.0f} %"
    if percent == "100 %" and share < 1:
        return "> 99 %"
    return "< 1 %" if percent == "0 %" and share > 0 else percent


def name_with_seeds(name: str, seeds: Sequence[SeedResult]) -> str:
    """Return the name of a row, and how many of its seeds are complete unless all are: ``net-4f2a (1 of 3 seeds)``."""
    return name if all(seed.complete for seed in seeds) else f"{name} ({seeds_text(seeds)} seeds)"


def verdict(a: str, b: str, pair: Pair) -> str:
    """Return in a sentence whether a row has the better UF1 than another.

    Parameters
    ----------
    a, b : str
        The rows' names.
    pair : Pair
    """
    difference = pair.differences["uf1"]
    found = _lead(a, b, difference)
    if not pair.differing:
        return f"{a} and {b} predict the same: their confusion matrices agree for every subject."
    if pair.smallest_p > SIGNIFICANT:
        subjects = pair.better + pair.worse + pair.equal
        only = "only " if pair.differing < subjects else ""
        return (
            f"Nothing can be shown about {a} and {b}: they differ on {only}{pair.differing} of {subjects} subjects. "
            f"{found}."
        )
    if difference.p > SIGNIFICANT:
        return f"No difference between {a} and {b} is shown: {found}."
    better, worse = (a, b) if difference.value > 0 else (b, a)
    return f"{better} is better than {worse}: {found}."


def shared_fold(record: RowRecord) -> str:
    """Return the first fold that tests several subjects with one training, or an empty text.

    Such subjects are not independent, even where each of them has many samples: resampled and swapped subjects would
    promise too much.
    """
    return next(
        (name for name, fold in record["folds"].items() if len({subject_of(key) for key in fold["samples"]}) > 1), ""
    )


def _lead(a: str, b: str, difference: Difference) -> str:
    """Return which row is ahead by how much: ``ours is 0.0312 UF1 ahead of theirs (95 % interval …, p = 0.0123)``."""
    value, interval, p = difference.value, difference.interval, p_text(difference.p)
    if value < 0:
        a, b, value, interval = b, a, -value, interval and Interval(-interval.value, -interval.high, -interval.low)
    known = f"{level_text(interval, sign=True)}, " if interval else ""
    known += f"p {p}" if p[0] in "<>" else f"p = {p}"
    if value <= TIE:
        return f"{a} and {b} have the same UF1 ({known})"
    return f"{a} is {number_text(value)} UF1 ahead of {b} ({known})"
