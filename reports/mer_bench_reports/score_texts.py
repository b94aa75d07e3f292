"""How a report prints numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mer_bench import certainty
from mer_bench.certainty import Ranking, lead_text, limits_text, number_text, p_text, share_text
from mer_bench.result_texts import MISSING, incomplete_text, mean_text
from mer_bench.results import RowResults, SeedResult
from mer_bench.rules import SELECTIONS
from mer_bench.scoring.metrics import TABLE_METRICS
from mer_bench.statistics.resampling import Interval
from mer_bench_reports.remeasured import difference
from mer_bench_reports.report_data import GAPS, Remeasured, SelectionLine

SELECTION_HEADINGS = (*SELECTIONS, *(f"{rule} − last" for rule in GAPS), "guesser")
"""What `selection_texts` returns."""


def columns(slices: Iterable[str]) -> list[tuple[str, str]]:
    """Return the slice and metric of each score column of a table."""
    return [(name, metric) for name in slices for metric in TABLE_METRICS]


def published_texts(found: Remeasured, part: str) -> list[str]:
    """Return published, measured, and measured less published, of UF1 and of UAR; dashes if they are not comparable."""
    texts = []
    for metric in range(len(TABLE_METRICS)):
        scores = difference(found, part, metric)
        if scores is None:
            texts += [MISSING] * 3
        else:
            printed, mean, less = scores
            texts += [number_text(printed), mean_text(mean, " ± "), number_text(less, sign=True)]
    return texts


def folds_text(seeds: Sequence[SeedResult]) -> str:
    """Return ``68``, or which seeds are incomplete."""
    return incomplete_text(seeds) or str(seeds[0].total)


def limits_in_brackets(interval: Interval | None) -> str:
    """Return ``(0.6234 to 0.7512)``; empty for no interval."""
    return f"({limits_text(interval)})" if interval else ""


def pair_texts(ranking: Ranking, key: str) -> list[str]:
    """Return the cells of a row beside the leader: differences, p, how often the leader is better, and subjects."""
    pair = ranking.pairs[key]
    return [
        *(lead_text(pair.differences[metric]) for metric in TABLE_METRICS),
        p_text(ranking.p[key]),
        share_text(pair.differences["uf1"].probability),
        f"{pair.better}, {pair.worse}, {pair.equal}",
    ]


def samples_text(seeds: Sequence[SeedResult], n_samples: int) -> str:
    """Return ``442``, or how many of them have a prediction: ``312/442``, with the seed if there are several."""
    parts = [
        (f"seed {seed.seed}: " if len(seeds) > 1 else "") + f"{len(seed.predictions)}/{n_samples}"
        for seed in seeds
        if not seed.complete
    ]
    return "; ".join(parts) or str(n_samples)


def count_texts(counts: Iterable[int]) -> list[tuple[int, float, str]]:
    """Return for each count in a row of a confusion matrix: the count, its share of the row, and the share as text.

    For a class without a true sample, the text is a dash.
    """
    counts = tuple(counts)
    n_true = sum(counts)
    return [(n, n / n_true, f"{n / n_true:.2f}") if n_true else (n, 0.0, MISSING) for n in counts]


def shown_seed(row: RowResults) -> SeedResult | None:
    """Return the seed whose confusion matrices are shown: the first complete one, or None."""
    return next((seed for seed in row.seeds if seed.complete), None)


def selection_texts(line: SelectionLine, metric: str) -> list[str]:
    """Return a line's cells of one score, under `SELECTION_HEADINGS`."""
    own = [mean_text(line.means.get(rule, {}).get(("full", metric)), " ± ") for rule in SELECTIONS]
    gaps = [line.gap(rule, metric) for rule in GAPS]
    guesser = line.guesser[TABLE_METRICS.index(metric)] if line.guesser else None
    return [
        *own,
        *(MISSING if gap is None else number_text(gap, sign=True) for gap in gaps),
        MISSING if guesser is None else certainty.interval_text(guesser),
    ]


def epochs_text(line: SelectionLine) -> str:
    """Return from how many epochs the oracle chose in each fold: ``800``, or ``61 to 800`` where folds stop early."""
    epochs = line.entry.row.epochs
    if not epochs.most:
        return MISSING
    return str(epochs.most) if epochs.fewest == epochs.most else f"{epochs.fewest} to {epochs.most}"
