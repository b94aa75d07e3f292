"""How certain the scores of stored rows are, and how two rows compare, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mer_bench.results import RowResults, SeedResult
from mer_bench.scoring.metrics import TABLE_METRICS
from mer_bench.statistics.paired import Difference, Pair, compare, holm
from mer_bench.statistics.resampling import LEVEL, Interval, intervals
from mer_bench.statistics.subjects import SubjectCounts, subject_of
from mer_bench.store.schema import RowRecord

SIGNIFICANT = 0.05
"""The largest p of a difference that is called one."""


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
        shared_training=_shares_training(record),
    )


def by_slice(record: RowRecord, counts: SubjectCounts) -> dict[str, SubjectCounts]:
    """Return the counts of each slice of the row's protocol that has subjects."""
    slices = {part: counts.only(databases) for part, databases in record["protocol"]["slices"].items()}
    return {part: own for part, own in slices.items() if own.subjects}


def score_intervals(seeds: Sequence[SeedResult]) -> dict[tuple[str, str], Interval]:
    """Return the interval of each slice and score of a row's complete seeds; without those of too few subjects.

    Parameters
    ----------
    seeds : sequence of SeedResult
        Of one row and selection rule.
    """
    found: dict[tuple[str, str], Interval] = {}
    counts = subject_counts(seeds)
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
        The rows have other samples.
    """
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
    pairs : mapping of str to Pair
        Row key of each other row with scores to the leader beside that row, on the full set.
    p : mapping of str to float
        Row key to p of the difference in UF1, adjusted for the number of rows (Holm).
    """

    leader: RowResults
    pairs: Mapping[str, Pair]
    p: Mapping[str, float]


def ranking(rows: Sequence[RowResults]) -> Ranking | None:
    """Compare the best of some rows with each other one; None if fewer than two have scores.

    Parameters
    ----------
    rows : sequence of RowResults
        Of one protocol and the same samples.
    """
    scored = [row for row in rows if row.means]
    if len(scored) < 2:
        return None
    leader = max(scored, key=lambda row: row.means["full", "uf1"].value)
    own = subject_counts(leader.seeds)
    counts = {row.record["row_key"]: subject_counts(row.seeds) for row in scored if row is not leader}
    pairs = {key: compare(own, other) for key, other in counts.items() if own is not None and other is not None}
    adjusted = holm([pair.differences["uf1"].p for pair in pairs.values()])
    return Ranking(leader, pairs, dict(zip(pairs, adjusted, strict=True)))


def interval_text(interval: Interval, *, sign: bool = False) -> str:
    """Return ``0.4321 (0.3702 to 0.4899)``; with signs for a difference."""
    return f"{number_text(interval.value, sign=sign)} ({limits_text(interval, sign=sign)})"


def lead_text(difference: Difference) -> str:
    """Return ``+0.0321 (-0.0102 to +0.0699)``; only the difference where subjects are too few for an interval."""
    interval = difference.interval
    return interval_text(interval, sign=True) if interval else number_text(difference.value, sign=True)


def level_text(interval: Interval, *, sign: bool = False) -> str:
    """Return ``95 % interval 0.3702 to 0.4899``; with signs for a difference."""
    return f"{100 * LEVEL:.0f} % interval {limits_text(interval, sign=sign)}"


def limits_text(interval: Interval, *, sign: bool = False) -> str:
    """Return ``0.3702 to 0.4899``; with signs for a difference."""
    return f"{number_text(interval.low, sign=sign)} to {number_text(interval.high, sign=sign)}"


def number_text(value: float, *, sign: bool = False) -> str:
    """Return ``0.4321``; of a difference ``+0.0321``, but nothing has a sign that is printed as zero."""
    rounded = round(value, 4)
    return f"{rounded:{'+' if sign else ''}.4f}" if rounded else f"{0:.4f}"


def p_text(p: float) -> str:
    """Return a p-value as a table prints it: ``0.043``, or ``< 0.001``."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def verdict(a: str, b: str, pair: Pair) -> str:
    """Return in a sentence whether a row has the better UF1 than another.

    Parameters
    ----------
    a, b : str
        The rows' names.
    pair : Pair
    """
    difference = pair.differences["uf1"]
    found = _found(difference)
    if pair.smallest_p > SIGNIFICANT:
        subjects = pair.better + pair.worse + pair.equal
        return (
            f"Nothing can be shown about {a} and {b}: they differ on only {pair.differing} of {subjects} subjects. "
            f"{a} has {found}."
        )
    if difference.p > SIGNIFICANT:
        return f"No difference between {a} and {b} is shown: {a} has {found}."
    better, worse = (a, b) if difference.value > 0 else (b, a)
    return f"{better} is better than {worse}: {a} has {found}."


def _found(difference: Difference) -> str:
    interval, p = difference.interval, p_text(difference.p)
    known = f"{level_text(interval, sign=True)}, " if interval else ""
    return f"{number_text(difference.value, sign=True)} UF1 ({known}p {p if p.startswith('<') else f'= {p}'})"


def _shares_training(record: RowRecord) -> bool:
    """Return whether a training is tested on several subjects."""
    folds: Mapping[str, Mapping[str, int]] = {name: fold["samples"] for name, fold in record["folds"].items()}
    return any(len({subject_of(sample_id) for sample_id in samples}) > 1 for samples in folds.values())
