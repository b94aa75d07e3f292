"""``mer-bench export``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mer_bench.cli.completion import complete_method, complete_row
from mer_bench.cli.options import notice, open_results, protocol_option, results_option
from mer_bench.cli.standard_output import say, tell
from mer_bench.errors import MerBenchError
from mer_bench.names import normalise_name

if TYPE_CHECKING:
    from mer_bench.cli.stored_rows import StoredRows
    from mer_bench.results import RowResults
    from mer_bench_reports.exports.exported import ExportedRow, Files

FORMATS = ("every-eval-ever", "hf-eval-results", "codabench", "croissant", "megc", "csv")
RELATIONSHIPS = ("first_party", "third_party", "collaborative", "other")
"""The words of Every Eval Ever."""

_OF = {
    "dataset_id": ("--dataset-id", "hf-eval-results"),
    "relationship": ("--relationship", "every-eval-ever"),
    "organization": ("--organization", "every-eval-ever"),
    "samples": ("--samples", "every-eval-ever"),
    "seed": ("--seed", "megc"),
    "selection": ("--selection", "megc"),
}
"""Each option of one format, and that format."""


@click.command(name="export")
@click.option("--format", "form", type=click.Choice(FORMATS), required=True, help="What to write.")
@click.option("--out", required=True, metavar="PATH", help="The file (croissant, megc, csv), or else the folder.")
@click.option("--method", "-m", shell_complete=complete_method, help="Only rows of this method.")
@protocol_option(help="Only rows of this protocol.  [default: all; of megc and croissant: cde]")
@click.option("--row", "rows", multiple=True, shell_complete=complete_row, help="Only this row; repeat for several.")
@click.option("--seed", type=int, help="Of megc: the index of one seed.  [default: 0]")
@click.option("--selection", help="Of megc: last, inner or oracle.  [default: the stored one, never oracle]")
@click.option("--dataset-id", metavar="OWNER/NAME", help="Of hf-eval-results: the data set that is the leaderboard.")
@click.option(
    "--relationship", type=click.Choice(RELATIONSHIPS), help="Of every-eval-ever: yours to the methods' authors."
)
@click.option("--organization", help="Of every-eval-ever: who measured.  [default: not stated]")
@click.option("--samples", is_flag=True, default=None, help="Of every-eval-ever: predictions too. They tell classes.")
@results_option
def command(
    form: str,
    out: str,
    method: str | None,
    protocol: str | None,
    rows: tuple[str, ...],
    results: str | None,
    **options: str | int | bool | None,
) -> None:
    """Write stored results, or a protocol, in the format of another place.

    A row with missing folds is left out. Results of the oracle are never exported, except by megc where they are asked
    for.
    """
    for name, value in options.items():
        option, owner = _OF[name]
        if value is not None and form != owner:
            raise MerBenchError(f"{option} is an option of --format {owner}, not of {form}; leave it out")
    if form == "croissant":
        _write_croissant(out, protocol or "cde")
        return
    from mer_bench.cli.stored_rows import StoredRows
    from mer_bench.results import read_row

    store = open_results(results)
    named = StoredRows(store)
    chosen = [read_row(store, named.find(row)) for row in dict.fromkeys(rows)]
    if form == "megc":
        if len(rows) > 1:
            raise MerBenchError(f"a log has the predictions of one row, and --row names {len(rows)}; name one")
        wanted = {"row": rows[0] if rows else None, "method": method, "protocol": protocol}
        _write_megc(out, chosen or [read_row(store, record) for record in named.records], named, {**wanted, **options})
        return
    read = chosen or [read_row(store, record) for record in named.records]
    fitting = [row for row in read if _fits(row, method, protocol)]
    if not fitting:
        raise MerBenchError(f"no stored row fits; stored: {named.described(named.records) or 'nothing'}")
    from mer_bench_reports.exports.exported import exported_rows, write_files

    names = {row.record["row_key"]: named.name(row.record) for row in fitting}
    complete = exported_rows(store, fitting, names, notice)
    files, folder = _render(form, complete, out, options)
    for path in write_files(folder, files):
        say(path)
    _warn(form, complete)


def _fits(row: RowResults, method: str | None, protocol: str | None) -> bool:
    record = row.record
    return (method is None or record["method"]["name"] == normalise_name(method)) and (
        protocol is None or record["protocol"]["name"] == normalise_name(protocol)
    )


def _render(
    form: str, rows: list[ExportedRow], out: str, options: Mapping[str, str | int | bool | None]
) -> tuple[Files, Path]:
    from mer_bench.version import __version__

    now = datetime.now(timezone.utc)
    if form == "csv":
        from mer_bench_reports.exports import tidy_csv

        path = Path(out)
        return {path.name: tidy_csv.render(rows).encode()}, path.parent
    if form == "codabench":
        from mer_bench_reports.exports import codabench

        return codabench.render(rows, generated=now), Path(out)
    if form == "hf-eval-results":
        from mer_bench_reports.exports import hugging_face

        if options["dataset_id"] is None:
            raise MerBenchError(
                "name the data set on the Hub that is, or will be, the leaderboard: --dataset-id owner/name"
            )
        return hugging_face.render(rows, dataset_id=str(options["dataset_id"])), Path(out)
    from mer_bench_reports.exports import every_eval_ever as eee

    evaluator = eee.Evaluator(
        organization=str(options["organization"] or eee.NOT_STATED),
        relationship=str(options["relationship"] or "other"),
    )
    samples = bool(options["samples"])
    return eee.render(rows, version=__version__, generated=now, evaluator=evaluator, samples=samples), Path(out)


def _write_megc(
    out: str, rows: list[RowResults], named: StoredRows, wanted: Mapping[str, str | int | bool | None]
) -> None:
    from mer_bench.cli.megc_export import write_megc_log

    texts = {name: None if wanted[name] is None else str(wanted[name]) for name in ("row", "method", "protocol")}
    selection = None if wanted["selection"] is None else str(wanted["selection"])
    write_megc_log(out, rows, named, **texts, seed=int(wanted["seed"] or 0), selection=selection)


def _write_croissant(out: str, name: str) -> None:
    from mer_bench.plugin_manager import load_catalogue
    from mer_bench.protocol import load_protocol
    from mer_bench.version import __version__
    from mer_bench_reports.exports import croissant
    from mer_bench_reports.exports.exported import write_files

    spec = load_catalogue().protocol(name)
    path = Path(out)
    now = datetime.now(timezone.utc)
    rendered = croissant.render(load_protocol(spec.path, spec.name), version=__version__, generated=now)
    for written in write_files(path.parent, {path.name: rendered.encode()}):
        say(written)


def _warn(form: str, rows: list[ExportedRow]) -> None:
    if form == "codabench":
        tell(
            "warning: bundle.zip holds the true classes (in reference_data.zip) and both archives hold names of clips; "
            "upload the bundle to Codabench, which hides them, and publish neither"
        )
    caveats = sorted({caveat for row in rows for caveat in row.row.record["caveats"]})
    if caveats:
        tell(f"warning: these results have caveats: {', '.join(caveats)}; state them wherever you use the files")
