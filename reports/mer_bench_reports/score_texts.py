"""How a report prints its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mer_bench.result_texts import MISSING, incomplete_text
from mer_bench.results import Mean, Means, RowResults, SeedResult, means


def columns(slices: Iterable[str]) -> list[tuple[str, str]]:
    """Return the slices and metrics that a table has columns for."""
    return [(name, metric) for name in slices for metric in ("uf1", "uar")]


def difference_text(last: Mean | None, oracle: Mean | None) -> str:
    """Return how far the oracle's mean lies above that of the last epoch, with its sign."""
    return MISSING if last is None or oracle is None else f"{oracle.value - last.value:+.4f}"


def folds_text(seeds: Sequence[SeedResult]) -> str:
    """Return ``68``, or which seeds are not complete."""
    return incomplete_text(seeds) or str(seeds[0].total)


def samples_text(seeds: Sequence[SeedResult], n_samples: int) -> str:
    """Return ``442``, or how many of them are predicted: ``312/442``, named by seed where there are several."""
    parts = [
        (f"seed {seed.seed}: " if len(seeds) > 1 else "") + f"{len(seed.predictions)}/{n_samples}"
        for seed in seeds
        if not seed.complete
    ]
    return "; ".join(parts) or str(n_samples)


def count_texts(counts: Iterable[int]) -> list[tuple[int, float, str]]:
    """Return each count of a row of a confusion matrix, its share of the row, and the share as text.

    The text is a dash in the row of a class without a true sample.
    """
    counts = tuple(counts)
    n_true = sum(counts)
    return [(n, n / n_true, f"{n / n_true:.2f}") if n_true else (n, 0.0, MISSING) for n in counts]


def shown_seed(row: RowResults) -> SeedResult | None:
    """Return the seed whose confusion matrices are shown: the first complete one."""
    return next((seed for seed in row.seeds if seed.complete), None)


def diagnosis(row: RowResults) -> tuple[Means, Means]:
    """Return the means by the last epoch and by the oracle, both over the seeds that are complete under the oracle."""
    both = [(last, oracle) for last, oracle in zip(row.seeds, row.oracle, strict=True) if oracle.complete]
    return means([last for last, _ in both]), means([oracle for _, oracle in both])
