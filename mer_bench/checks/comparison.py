"""Checks of rows beside each other: the baselines, and the next row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from mer_bench.certainty import SIGNIFICANT, number_text, p_text, shared_fold, subject_counts
from mer_bench.checks.base import Answer, Finding, NotLookedFor, Severity, check, grouped_unknown
from mer_bench.checks.material import Material
from mer_bench.results import Mean, RowResults
from mer_bench.statistics.paired import holm, swap_test
from mer_bench.statistics.resampling import RESAMPLES

BASELINE = "baseline"
"""The family of the methods that any other must beat."""
_SWAPS_PER_ROW = 40


@check(
    "MER005",
    "not better than a baseline",
    Severity.WARNING,
    meaning="A method is worth its cost only if it beats what costs nothing. With 68 subjects a lead of a few "
    "hundredths may be chance.",
    looks_at="The UF1 of each complete row of a comparison beside that of its best complete baseline (random, "
    "majority, svm-flow). Chance is measured by swapping the two rows' predictions subject by subject, as in the "
    "report; p is adjusted for the rows of the comparison (Holm). A comparison without a baseline is a finding, too.",
    cure="Run without `--no-baselines`; state the lead with its p, and claim no more than it shows.",
)
def not_better_than_baseline(material: Material) -> Answer:
    """Look for rows that are not shown to be better than the best baseline."""
    for number, table in enumerate(material.tables, start=1):
        methods = [row for row in _complete(table) if not _is_baseline(row)]
        baselines = [row for row in _complete(table) if _is_baseline(row)]
        if not methods:
            continue
        if not baselines:
            yield Finding((material.table_name(number),), "no baseline was measured in all folds beside its rows")
        elif fold := shared_fold(methods[0].record):
            why = f"fold {fold!r} tests several subjects with one training, so they are not independent"
            yield NotLookedFor((material.table_name(number),), why)
        else:
            yield from _beside(material, methods, max(baselines, key=_uf1))


def _beside(material: Material, methods: Sequence[RowResults], baseline: RowResults) -> Iterator[Finding]:
    name, least = material.name(baseline), _uf1(baseline)
    ahead = [row for row in methods if _uf1(row) > least]
    for row in methods:
        if row not in ahead:
            yield Finding(
                (material.name(row),),
                f"its UF1, {number_text(_uf1(row))}, is not above that of {name}, {number_text(least)}",
            )
    for row, p in zip(ahead, _adjusted(ahead, baseline, len(methods)), strict=True):
        if p > SIGNIFICANT:
            lead = number_text(_uf1(row) - least, sign=True)
            sentence = f"its UF1 is {lead} beside {name}, which may be chance (p {_p(p)})"
            yield Finding((material.name(row),), sentence)


def _adjusted(rows: Sequence[RowResults], baseline: RowResults, among: int) -> list[float]:
    """Return p of each row's lead over the baseline, adjusted for so many tests."""
    other = subject_counts(baseline.seeds)
    swaps = max(RESAMPLES, _SWAPS_PER_ROW * among)
    p = [
        float(swap_test(own, other, resamples=swaps)[0][0])
        for row in rows
        if (own := subject_counts(row.seeds)) is not None and other is not None
    ]
    return holm(p, among=among) if p else []


@check(
    "MER006",
    "seed spread at least the lead over the next row",
    Severity.WARNING,
    meaning="Another seed may turn the order of the two rows round, so the order says nothing.",
    looks_at="Of each complete row, its lead in mean UF1 over the next row of its comparison, and the standard "
    "deviation over seeds of either. A row with one seed has no known spread, unless its method draws no random "
    "number. Baselines are looked at only as the next row.",
    cure="Run more seeds (`--seeds 5`), and do not rank the two rows.",
)
def spread_of_seeds(material: Material) -> Answer:
    """Look for rows whose lead over the next is not larger than the spread over seeds."""
    unknown: list[tuple[str, str]] = []
    for table in material.tables:
        ranked = sorted(_complete(table), key=_uf1, reverse=True)
        for row, after in pairwise(ranked):
            if _is_baseline(row):
                continue
            unknown += [
                (material.name(own), "it has one seed, so its spread is not known; use --seeds 3")
                for own in (row, after)
                if not own.record["deterministic"] and _mean(own).std is None
            ]
            lead = _uf1(row) - _uf1(after)
            spread, of = max((_mean(own).std or 0.0, material.name(own)) for own in (row, after))
            if spread and spread >= lead:
                yield Finding(
                    (material.name(row),),
                    f"its lead over {material.name(after)} is {number_text(lead)} UF1, and the seeds of {of} spread by "
                    f"{number_text(spread)}",
                )
    yield from grouped_unknown(unknown)


def _complete(table: Sequence[RowResults]) -> list[RowResults]:
    return [row for row in table if row.means and row.is_complete]


def _is_baseline(row: RowResults) -> bool:
    return row.record["method"]["family"] == BASELINE


def _mean(row: RowResults) -> Mean:
    return row.means["full", "uf1"]


def _uf1(row: RowResults) -> float:
    return _mean(row).value


def _p(p: float) -> str:
    text = p_text(p)
    return text if text[0] in "<>" else f"= {text}"
