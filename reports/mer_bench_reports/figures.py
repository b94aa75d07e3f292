"""How figures are printed."""

from __future__ import annotations

from collections.abc import Sequence

from mer_bench_reports.report_data import Figure, SeedResult

MISSING = "–"


def figure_text(figure: Figure | None) -> str:
    """Return ``0.4321``, ``0.4321 ± 0.0123`` over seeds, or a dash."""
    if figure is None:
        return MISSING
    return f"{figure.mean:.4f}" if figure.std is None else f"{figure.mean:.4f} ± {figure.std:.4f}"


def difference_text(last: Figure | None, oracle: Figure | None) -> str:
    """Return how far the oracle figure lies above the last one, with its sign."""
    return MISSING if last is None or oracle is None else f"{oracle.mean - last.mean:+.4f}"


def share_text(share: float | None) -> str:
    """Return a share with two decimals, or a dash."""
    return MISSING if share is None else f"{share:.2f}"


def folds_text(seeds: Sequence[SeedResult]) -> str:
    """Return ``68``, or what is missing: ``57/68 folds (2 failed)``, named by seed where there are several."""
    if all(seed.complete for seed in seeds):
        return str(seeds[0].total)
    parts = [
        f"{_which(seed, seeds)}{seed.done}/{seed.total} folds" + (f" ({seed.failed} failed)" if seed.failed else "")
        for seed in seeds
        if not seed.complete
    ]
    return "; ".join(parts)


def samples_text(seeds: Sequence[SeedResult], n_samples: int) -> str:
    """Return ``442``, or how many of them are predicted: ``312/442``."""
    if all(seed.complete for seed in seeds):
        return str(n_samples)
    parts = [f"{_which(seed, seeds)}{seed.n_predicted}/{n_samples}" for seed in seeds if not seed.complete]
    return "; ".join(parts)


def _which(seed: SeedResult, seeds: Sequence[SeedResult]) -> str:
    return f"seed {seed.seed}: " if len(seeds) > 1 else ""
