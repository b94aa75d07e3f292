"""Checks of the scores that the files beside a store state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

import numpy as np

from mer_bench.checks.base import Answer, Finding, Severity, check
from mer_bench.checks.material import Material
from mer_bench.checks.stated_files import FILES, Stated, UnreadableError, read_stated
from mer_bench.results import METRICS, RowResults, SeedResult
from mer_bench.rules import ABSENT_CLASS_RULES
from mer_bench.scoring.metrics import confusion, score_counts

_ROUNDING = 5.1e-5
"""A score may be printed with four decimals."""
_NAMES = dict(zip(METRICS, ("UF1", "UAR", "accuracy"), strict=True))


@check(
    "MER003",
    "scores averaged over folds",
    Severity.ERROR,
    meaning="UF1 and UAR are those of all folds' predictions together (MEGC 2019: true and false positives are "
    "summed over folds). The mean of each fold's own score is another number, most often a higher one: most folds "
    "lack a class, and 23 of the composite database's 68 hold only one.",
    looks_at="The scores that `report.json` and `report.csv` in the folder state, beside those of the stored "
    "predictions. mer-bench itself never averages over folds: such a score was written by something else.",
    cure="Write the report again (`mer-bench report`), and correct what was copied from the old one.",
)
def averaged_over_folds(material: Material) -> Answer:
    """Look for stated scores that are means over folds."""
    for row, stated in _stated_rows(material):
        wrong = [each for each in stated if _is_of_folds(row, each)]
        if wrong:
            first = wrong[0]
            pooled = f"all folds together give {_pooled(row, first):.4f}"
            yield Finding(
                (first.file, material.name(row)),
                f"states {_named(first)} = {first.value:.4f}, the mean over folds; {pooled}{_more(wrong)}",
            )


@check(
    "MER015",
    "stated scores are not those of the predictions",
    Severity.ERROR,
    meaning="A report in the folder states a score that no stored prediction gives.",
    looks_at="The scores that `report.json` and `report.csv` in the folder state, beside those of the stored "
    "predictions. The other files of a report are not read.",
    cure="Write the report again (`mer-bench report`), and correct what was copied from the old one.",
)
def other_stated_scores(material: Material) -> Answer:
    """Look for stated scores that the predictions do not give."""
    for row, stated in _stated_rows(material):
        wrong = [each for each in stated if _is_other(row, each) and not _is_of_folds(row, each)]
        if wrong:
            first, pooled = wrong[0], _pooled(row, wrong[0])
            gives = "they are not all stored" if pooled is None else f"the stored predictions give {pooled:.4f}"
            yield Finding(
                (first.file, material.name(row)),
                f"states {_named(first)} = {first.value:.4f}; {gives}{_more(wrong)}",
            )
    if material.has_folder:
        yield from _unknown(material)


def _unknown(material: Material) -> Iterator[Finding]:
    """Yield files that cannot be read, and rows that are stated and not stored."""
    known = {row.record["row_key"] for row in material.rows}
    for name in FILES:
        try:
            stated = read_stated(material.store.path / name)
        except UnreadableError as error:
            yield Finding((name,), f"cannot be read: {error}")
            continue
        for key in dict.fromkeys(each.row_key for each in stated if each.row_key not in known):
            yield Finding((name,), f"states scores of a row that is not stored (key {key[:12]!r})")


def _stated_rows(material: Material) -> Iterator[tuple[RowResults, list[Stated]]]:
    """Yield each row with its scores in a file, file by file."""
    for name in FILES if material.has_folder else ():
        try:
            stated = read_stated(material.store.path / name)
        except UnreadableError:
            continue
        for row in material.rows:
            if own := [each for each in stated if each.row_key == row.record["row_key"]]:
                yield row, own


def _is_other(row: RowResults, stated: Stated) -> bool:
    pooled = _pooled(row, stated)
    return pooled is None or abs(pooled - stated.value) > _ROUNDING


def _is_of_folds(row: RowResults, stated: Stated) -> bool:
    """Return whether a score is not that of all folds together, and is a mean over folds by some rule."""
    seeds = _seeds(row, stated)
    if seeds is None or not _is_other(row, stated):
        return False
    averages = [_fold_means(row, seed, stated) for seed in seeds]
    return any(abs(fmean(way) - stated.value) <= _ROUNDING for way in zip(*averages, strict=True))


def _pooled(row: RowResults, stated: Stated) -> float | None:
    """Return the score that the stored predictions give; None if they are not all stored."""
    seeds = _seeds(row, stated)
    if seeds is None or any(stated.part not in seed.slices for seed in seeds):
        return None
    value: float = fmean(getattr(seed.slices[stated.part], stated.metric) for seed in seeds)
    return value


def _seeds(row: RowResults, stated: Stated) -> Sequence[SeedResult] | None:
    """Return the complete seeds of which a score is stated; None if one of them is not stored."""
    seeds = [seed for seed in row.seeds if seed.seed in stated.seeds and seed.complete]
    return seeds if seeds and len(seeds) == len(stated.seeds) else None


def _fold_means(row: RowResults, seed: SeedResult, stated: Stated) -> list[float]:
    """Return the mean of a score over folds, under each rule for absent classes."""
    protocol = row.record["protocol"]
    databases = protocol["slices"].get(stated.part, ())
    counts = []
    for fold in row.record["folds"].values():
        pairs = [seed.predictions[key] for key in fold["samples"] if key.partition("/")[0] in databases]
        if pairs:
            truth, predicted = zip(*pairs, strict=True)
            counts.append(confusion(truth, predicted, len(protocol["classes"])))
    return [
        fmean(getattr(own, stated.metric) for own in score_counts(np.array(counts), absent_class=rule))
        for rule in ABSENT_CLASS_RULES
        if counts
    ]


def _named(stated: Stated) -> str:
    seed = f"seed {stated.seeds[0]}" if len(stated.seeds) == 1 else f"the mean of {len(stated.seeds)} seeds"
    return f"{_NAMES[stated.metric]} of {stated.part}, {seed}"


def _more(wrong: Sequence[Stated]) -> str:
    return f" (and {len(wrong) - 1} more such scores)" if len(wrong) > 1 else ""
