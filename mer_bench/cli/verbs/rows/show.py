"""``mer-bench rows show``."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from mer_bench.cli.completion import complete_row
from mer_bench.cli.console import fact_lines, show
from mer_bench.cli.options import json_option, open_results, results_option
from mer_bench.sweep import setting_text

if TYPE_CHECKING:
    from mer_bench.results import RowResults


@click.command(name="show")
@click.argument("row", shell_complete=complete_row)
@results_option
@json_option()
def command(row: str, results: str | None, as_json: bool) -> None:
    """Show what is stored about ROW: parameters, input, scores of each seed, processors, time."""
    from mer_bench.cli.stored_rows import StoredRows
    from mer_bench.result_texts import result_object
    from mer_bench.results import read_row
    from mer_bench.row_command import run_command

    store = open_results(results)
    stored = StoredRows(store)
    record = stored.find(row)
    read, name = read_row(store, record), stored.name(record)
    command = run_command(record, [seed.seed for seed in read.seeds], read.selection, map(store.manifest, read.run_ids))
    again = shlex.join(command)
    answer = {
        "row": name,
        "record": record,
        "seconds": sum(cell["seconds"] for cell in read.stored),
        "command": again,
        "results": [result_object(read, result, name) for result in (*read.seeds, *read.oracle)],
    }
    show(answer, fact_lines(_facts(read, name, again)), as_json=as_json, indent=1)


def _facts(row: RowResults, name: str, again: str) -> Iterator[tuple[str, str]]:
    from mer_bench.caveats import caveat_sentence
    from mer_bench.cli.row_texts import DETERMINISTIC, settings_text
    from mer_bench.cli.stored_rows import protocol_text
    from mer_bench.durations import duration_text
    from mer_bench.result_texts import folds_text, input_text
    from mer_bench.results import METRICS
    from mer_bench.store.schema import failure_text

    record, representation = row.record, row.record["representation"]
    method = record["method"]
    yield "row", f"{name} (key {record['row_key']})"
    yield "method", f"{method['title']} ({method['name']} {method['version']}); {method['citation'] or 'no citation'}"
    yield "protocol", f"{protocol_text(record)}: {record['protocol']['title']}"
    yield "settings", settings_text(record)
    yield "parameters", setting_text(record["params"]) or "none"
    yield "input", input_text(record)
    yield "", f"{representation['name']} {setting_text(representation['params'])}".rstrip()
    yield "arithmetic", record["arithmetic"]
    yield "processors", ", ".join(sorted({cell["processor"] for cell in row.stored})) or "none yet"
    yield "time", duration_text(sum(cell["seconds"] for cell in row.stored)) + ", summed over all cells"
    yield "measured again by", again
    yield "runs", ", ".join(row.run_ids) or "none yet"
    for caveat in record["caveats"]:
        yield "caveat", caveat_sentence(caveat)
    for result in (*row.seeds, *row.oracle):
        seed = DETERMINISTIC if record["deterministic"] else f"seed {result.seed}"
        yield f"{seed}, {result.selection}", f"folds {folds_text(result)}"
        for part, scores in result.slices.items():
            yield "", f"{part}: " + ", ".join(f"{metric} {getattr(scores, metric):.4f}" for metric in METRICS)
    for cell in row.failures:
        error = cell["error"]
        yield "failed", f"seed {cell['seed']}, fold {cell['fold']}: {failure_text(error) if error else ''}"
