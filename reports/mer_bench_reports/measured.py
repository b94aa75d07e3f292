"""From results to rows: figures over seeds, confusion matrices, provenance."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

from mer_bench.results import Result, read_results
from mer_bench.scoring.metrics import Scores
from mer_bench.store import Store
from mer_bench.store.schema import CellRecord
from mer_bench_reports.provenance import row_facts, without_folders
from mer_bench_reports.report_data import Confusion, Failure, Figure, MeasuredRow, SeedResult, SliceFigures
from mer_bench_reports.wording import slice_title

_SHOWN_FAILURES = 5
_LONGEST_ERROR = 400


def measured_rows(store: Store) -> list[MeasuredRow]:
    """Return every row of which something is stored, in the store's order."""
    by_row: dict[str, list[Result]] = {}
    for result in read_results(store):
        by_row.setdefault(result.row["row_key"], []).append(result)
    # What is wrong with a file was said when its result was read; it is not said twice.
    silent = Store(store.path)
    return [_measured_row(silent, results) for results in by_row.values()]


def over_seeds(seeds: Sequence[SeedResult]) -> dict[str, SliceFigures]:
    """Return the figures of each slice over all seeds; nothing where a fold of any seed is missing."""
    if not seeds or not all(seed.complete for seed in seeds):
        return {}
    return {
        name: SliceFigures(
            uf1=_figure([seed.slices[name].uf1 for seed in seeds]),
            uar=_figure([seed.slices[name].uar for seed in seeds]),
            accuracy=_figure([seed.slices[name].accuracy for seed in seeds]),
        )
        for name in seeds[0].slices
    }


def _measured_row(store: Store, results: list[Result]) -> MeasuredRow:
    own = [result for result in results if result.selection != "oracle"]
    oracle = tuple(_seed_result(result) for result in results if result.selection == "oracle")
    if not any(seed.done for seed in oracle):
        oracle = ()
    row = own[0].row
    seeds = tuple(_seed_result(result) for result in own)
    shown = next((seed for seed in seeds if seed.complete and seed.slices), None)
    cells = [
        cell for seed in seeds for fold in row["folds"] if (cell := store.read_cell(row, seed.seed, fold)) is not None
    ]
    failures = [_failure(cell) for cell in cells if cell["status"] == "failed"]
    return MeasuredRow(
        record=row,
        selection=own[0].selection,
        seeds=seeds,
        figures=over_seeds(seeds),
        oracle=oracle,
        oracle_figures=over_seeds(oracle),
        confusion_seed=shown.seed if shown else None,
        confusions=_confusions(shown.slices) if shown else (),
        provenance=row_facts(
            row,
            [seed.seed for seed in seeds],
            {cell["device"] for cell in cells},
            sum(result.seconds for result in own),
        ),
        failures=tuple(failures[:_SHOWN_FAILURES]),
        n_failures=len(failures),
        run_ids=tuple(sorted({run_id for result in own for run_id in result.run_ids})),
    )


def _seed_result(result: Result) -> SeedResult:
    return SeedResult(
        seed=result.seed,
        done=result.done,
        failed=result.failed,
        total=result.total,
        n_predicted=len(result.predictions),
        slices=result.slices,
    )


def _figure(values: Sequence[float]) -> Figure:
    return Figure(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)


def _confusions(slices: Mapping[str, Scores]) -> tuple[Confusion, ...]:
    return tuple(
        Confusion(slice_title(name), scores.confusion, tuple(map(_shares, scores.confusion)))
        for name, scores in slices.items()
    )


def _shares(counts: Iterable[int]) -> tuple[float | None, ...]:
    counts = tuple(counts)
    n_true = sum(counts)
    return tuple(count / n_true if n_true else None for count in counts)


def _failure(cell: CellRecord) -> Failure:
    error = cell["error"]
    text = f"{error['type']}: {error['message']}" if error else "no reason stored"
    line = " ".join(without_folders(text).split())
    return Failure(cell["seed"], cell["fold"], line if len(line) <= _LONGEST_ERROR else f"{line[:_LONGEST_ERROR]}…")
