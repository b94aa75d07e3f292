"""``mer-bench status``."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

import click

from mer_bench.cli.console import show, table_lines
from mer_bench.cli.options import json_option, open_results, results_option
from mer_bench.cli.standard_output import answers

if TYPE_CHECKING:
    from mer_bench.engine.planned import Planned
    from mer_bench.plugin_manager import Catalogue
    from mer_bench.results import RowResults
    from mer_bench.store import Store

_WATCH_SECONDS = 5.0
_HEADINGS = ("row", "preset", "selection", "seeds", "folds", "UF1", "UAR", "time", "caveats")


@click.command(name="status")
@results_option
@click.option("--watch", is_flag=True, help=f"Print again every {_WATCH_SECONDS:g} seconds, until Ctrl-C is pressed.")
@json_option("Print a JSON object on stdout: each row and seed, the runs on a cluster, and their failed cells.")
def command(results: str | None, watch: bool, as_json: bool) -> None:
    """Show what the results folder holds: each row with its settings, input, scores, time, and missing folds.

    Scores are those of the protocol's first slice. Time is summed over all cells. For runs on a cluster, the tasks of
    missing cells, and the logs of failed cells and of tasks that ended without theirs, are named.
    """
    from mer_bench.engine.planned import Planned
    from mer_bench.engine.sample_plan import damaged_sample_plans
    from mer_bench.store.run_plan import damaged_plans

    store = open_results(results)
    for sentence in (*damaged_plans(store), *damaged_sample_plans(store)):
        store.notice(sentence)
    planned = Planned(store, cache(_catalogue))
    _print(store, planned, as_json=as_json)
    while watch:
        time.sleep(_WATCH_SECONDS)
        _print(store, planned, as_json=as_json)


def _catalogue() -> Catalogue:
    # Imported for planned runs only: a twentieth of a second.
    from mer_bench.plugin_manager import load_catalogue

    return load_catalogue()


def _print(store: Store, planned: Planned, *, as_json: bool) -> None:
    from mer_bench.cli.planned_status import PlannedStatus
    from mer_bench.result_texts import result_object
    from mer_bench.results import read_results
    from mer_bench.row_names import RowNames

    rows = read_results(store)
    short = RowNames.stored(store.path)
    names = {row.record["row_key"]: short.of(row.record["method"]["name"], row.record["row_key"]) for row in rows}
    answer = [
        {
            **result_object(row, seed, names[row.record["row_key"]]),
            "training": row.record["training"],
            "missing": seed.total - seed.done - seed.failed,
            "seconds": round(sum(cell["seconds"] for cell in row.stored if cell["seed"] == seed.seed), 3),
        }
        for row in (rows if as_json else ())
        for seed in row.seeds
    ]
    tables = list(_lines(rows, names)) if rows else ["no cell is stored yet"]
    known = PlannedStatus.of(planned, rows, names)
    show({"rows": answer, **known.as_json()}, [*tables, *known.lines()], as_json=as_json)
    answers().flush()


def _lines(rows: Sequence[RowResults], names: Mapping[str, str]) -> Iterator[str]:
    """Yield a table for each protocol and input, so that no table mixes them."""
    from mer_bench.cli.row_texts import DEVIATION, settings_lines, settings_text
    from mer_bench.cli.stored_rows import protocol_text
    from mer_bench.result_texts import input_text, preset_text, settings_order

    def place(row: RowResults) -> str:
        return f"{protocol_text(row.record)}, input: {input_text(row.record)}"

    def order(row: RowResults) -> tuple[object, ...]:
        return place(row), row.record["method"]["name"], settings_order(row.record)

    for number, (heading, members) in enumerate(groupby(sorted(rows, key=order), key=place)):
        group = list(members)
        yield f"\n{heading}" if number else heading
        yield from table_lines(_HEADINGS, [_cells(row, names[row.record["row_key"]]) for row in group])
        if any(mean.std is not None for row in group for mean in row.means.values()):
            yield DEVIATION
        said = [row.record for row in group if settings_text(row.record) != preset_text(row.record)]
        yield from settings_lines(said, names)


def _cells(row: RowResults, name: str) -> list[str]:
    from mer_bench.cli.row_texts import DETERMINISTIC
    from mer_bench.durations import duration_text
    from mer_bench.result_texts import mean_text, preset_text, seeds_text
    from mer_bench.scoring.metrics import TABLE_METRICS

    first = next(iter(row.record["protocol"]["slices"]))
    failed = sum(seed.failed for seed in row.seeds)
    folds = f"{sum(seed.done for seed in row.seeds)}/{sum(seed.total for seed in row.seeds)}"
    return [
        name,
        preset_text(row.record),
        row.selection,
        DETERMINISTIC if row.record["deterministic"] else seeds_text(row.seeds),
        folds + (f", {failed} failed" if failed else ""),
        *(mean_text(row.means.get((first, metric))) for metric in TABLE_METRICS),
        duration_text(sum(cell["seconds"] for cell in row.stored)),
        ", ".join(row.record["caveats"]),
    ]
