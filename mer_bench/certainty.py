"""How certain the scores of stored rows are, and how two rows compare, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mer_bench.results import RowResults, SeedResult
from mer_bench.statistics.paired import Difference, Pair, compare, holm
from mer_bench.statistics.resampling import LEVEL, Interval, intervals
from mer_bench.statistics.subjects import METRICS, SubjectCounts, subject_of
from mer_bench.store.schema import RowRecord

SIGNIFICANT = 0.05
"""The largest p of a difference that is called one."""
METRIC_TITLES = {"uf1": "UF1", "uar": "UAR"}


def subject_counts(seeds: Sequence[SeedResult], part: str) -> SubjectCounts | None:
    """Return the predictions of a row's complete seeds, by subject; None if there are none.

    Parameters
    ----------
    seeds : sequence of SeedResult
        Of one row and selection rule.
    part : str
        A slice of the protocol.
    """
    complete = [seed for seed in seeds if part in seed.slices]
    if not complete:
        return None
    record = complete[0].record
    protocol = record["protocol"]
    counts = SubjectCounts.of(
        [seed.predictions for seed in complete],
        len(protocol["classes"]),
        absent_class=protocol["absent_class"],
        shared_training=_shares_training(record),
    )
    return counts.only(protocol["slices"][part])


def score_intervals(seeds: Sequence[SeedResult]) -> dict[tuple[str, str], Interval]:
    """Return the interval of each slice and score of a row's complete seeds; without those of too few subjects.

    Parameters
    ----------
    seeds : sequence of SeedResult
        Of one row and selection rule.
    """
    found: dict[tuple[str, str], Interval] = {}
    for part in next((seed.slices for seed in seeds if seed.complete), ()):
        counts = subject_counts(seeds, part)
        for metric, interval in zip(METRICS, (counts and intervals(counts)) or (), strict=False):
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
    pairs: dict[str, Pair] = {}
    for part in a[0].record["protocol"]["slices"]:
        first, second = subject_counts(a, part), subject_counts(b, part)
        if first is not None and second is not None:
            pairs[part] = compare(first, second)
    return pairs


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
    own = subject_counts(leader.seeds, "full")
    counts = {row.record["row_key"]: subject_counts(row.seeds, "full") for row in scored if row is not leader}
    pairs = {key: compare(own, other) for key, other in counts.items() if own is not None and other is not None}
    adjusted = holm([pair.differences["uf1"].p for pair in pairs.values()])
    return Ranking(leader, pairs, dict(zip(pairs, adjusted, strict=True)))


def interval_text(interval: Interval, *, sign: bool = False) -> str:
    """Return ``0.4321 (0.3702 to 0.4899)``; with signs for a difference."""
    return f"{number_text(interval.value, sign=sign)} ({limits_text(interval, sign=sign)})"


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
    """Return ``p = 0.043``, or ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def verdict(a: str, b: str, pair: Pair, metric: str = "uf1") -> str:
    """Return in a sentence whether a row is better than another.

    Parameters
    ----------
    a, b : str
        The rows' names.
    pair : Pair
    metric : {"uf1", "uar"}
    """
    difference = pair.differences[metric]
    found = _found(difference, METRIC_TITLES[metric])
    if pair.smallest_p > SIGNIFICANT:
        subjects = pair.better + pair.worse + pair.equal
        return (
            f"Nothing can be shown about {a} and {b}: they differ on only {pair.differing} of {subjects} subjects. "
            f"{a} has {found}."
        )
    if difference.p > SIGNIFICANT:
        return f"No difference between {a} and {b} is shown: {a} has {found}."
    better, worse = (a, b) if difference.interval.value > 0 else (b, a)
    return f"{better} is better than {worse}: {a} has {found}."


def _found(difference: Difference, title: str) -> str:
    interval = difference.interval
    value = number_text(interval.value, sign=True)
    return f"{value} {title} ({level_text(interval, sign=True)}, {p_text(difference.p)})"


def _shares_training(record: RowRecord) -> bool:
    """Return whether a training is tested on several subjects."""
    folds: Mapping[str, Mapping[str, int]] = {name: fold["samples"] for name, fold in record["folds"].items()}
    return any(len({subject_of(sample_id) for sample_id in samples}) > 1 for samples in folds.values())
