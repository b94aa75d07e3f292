"""``mer-bench luck``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import click

from mer_bench.cli.completion import complete_data
from mer_bench.cli.console import show, table_lines
from mer_bench.cli.options import data_option, json_option, open_results, protocol_option, results_option
from mer_bench.errors import MerBenchError

if TYPE_CHECKING:
    from mer_bench.luck import Standing
    from mer_bench.results import RowResults
    from mer_bench.statistics.luck import LuckCurve


@click.command(name="luck")
@results_option
@protocol_option(help="The protocol, with --data.  [default: cde]")
@click.option(
    "--data", shell_complete=complete_data, help="Take the folds of this data, instead of those of stored rows."
)
@data_option
@click.option("--allow-partial", is_flag=True, help="With --data: although its counts differ from the protocol's.")
@json_option("Print one JSON object for each table on stdout.")
def command(results: str | None, protocol: str | None, data: str | None, as_json: bool, **asked: Any) -> None:
    """Show what a guesser reaches if the best epoch is chosen on the test subject, and where stored rows stand.

    UF1 and UAR on the full set, by the number of epochs to choose from: the mean of 200 guessers, and where 95 % of
    them are.
    """
    if data is not None and results is not None:
        raise MerBenchError(
            "--results is for the folds of stored rows, --data for those of data; leave one of the two out"
        )
    if data is None:
        if protocol is not None or asked["data_options"] or asked["allow_partial"]:
            raise MerBenchError(
                "--protocol, --data-option and --allow-partial need --data, which names the folds' data"
            )
        found = _of_rows(results)
    else:
        found = iter([_of_data(protocol or "cde", data, **asked)])
    for table in found:
        show(_answer(table), _lines(table), as_json=as_json)


@dataclass(frozen=True)
class _Table:
    """What the folds are of, the guesser's scores, where rows stand, the rows with an oracle, and all names by key."""

    title: str
    curve: LuckCurve
    standings: Sequence[Standing] = ()
    rows: Sequence[RowResults] = ()
    names: Mapping[str, str] = field(default_factory=dict)

    def name(self, row: RowResults) -> str:
        return self.names[row.record["row_key"]]


def _of_rows(results: str | None) -> Iterator[_Table]:
    from mer_bench.cli.stored_rows import StoredRows, protocol_text
    from mer_bench.luck import curve_of, standings
    from mer_bench.result_texts import data_text
    from mer_bench.results import read_results

    store = open_results(results)
    named = StoredRows(store)
    groups: dict[tuple[str, str], list[RowResults]] = {}
    for row in read_results(store):
        groups.setdefault((row.record["protocol"]["hash"], row.record["input"]["digest"]), []).append(row)
    if not groups:
        raise MerBenchError(f"{store.path} holds no result; measure a network with `mer-bench run`, or name --data")
    for rows in groups.values():
        record, curve = rows[0].record, curve_of(rows)
        title = f"{protocol_text(record)}, input: {data_text(record)}"
        names = {row.record["row_key"]: named.name(row.record) for row in rows}
        yield _Table(title, curve, standings(rows, curve), [row for row in rows if row.epochs.most], names)


def _of_data(protocol: str, data: str, *, data_options: dict[str, str], allow_partial: bool) -> _Table:
    from mer_bench.databases.open import open_source
    from mer_bench.evaluation.protocol_data import read_protocol_data
    from mer_bench.luck import guesser
    from mer_bench.plugin_manager import load_catalogue
    from mer_bench.protocol import load_protocol

    catalogue = load_catalogue()
    loaded = load_protocol(catalogue.protocol(protocol).path, protocol)
    read = read_protocol_data(loaded, open_source(data, data_options, catalogue), allow_partial=allow_partial)
    folds = tuple(tuple(int(read.table.labels[i]) for i in fold.test) for fold in read.folds.values())
    curve = guesser(folds, len(loaded.classes), loaded.absent_class)
    return _Table(f"{loaded.name}@{loaded.version}: {sum(map(len, folds))} samples, {len(folds)} folds", curve)


def _answer(table: _Table) -> dict[str, object]:
    from mer_bench.cli.row_texts import warnings_object
    from mer_bench.scoring.metrics import TABLE_METRICS

    curve = table.curve
    return {
        "folds": table.title,
        "guesser": [
            {"epochs": n, **{name: asdict(each) for name, each in zip(TABLE_METRICS, curve.at(n), strict=True)}}
            for n in curve.epochs
        ],
        "rows": [
            {
                "row": table.name(own.row),
                "epochs": own.epochs,
                "last": {metric: own.last["full", metric].value for metric in TABLE_METRICS},
                "oracle": {metric: own.oracle["full", metric].value for metric in TABLE_METRICS},
                "needed": own.needed,
                **warnings_object(own.row),
            }
            for own in table.standings
        ],
        "without_oracle": [table.name(row) for row in _unpaired(table)],
    }


def _unpaired(table: _Table) -> list[RowResults]:
    """Return the rows with scores of every epoch, but of no seed in all folds: they stand nowhere."""
    shown = [own.row for own in table.standings]
    return [row for row in table.rows if row not in shown]


def _lines(table: _Table) -> Iterator[str]:
    from mer_bench.certainty import interval_text
    from mer_bench.cli.row_texts import warning_lines
    from mer_bench.luck import GUESSER_TEXT, SHOWN_EPOCHS
    from mer_bench.result_texts import incomplete_text

    yield table.title
    yield ""
    epochs = sorted({*SHOWN_EPOCHS, *(own.epochs for own in table.standings)})
    yield from table_lines(
        ("best of epochs", "guesser's UF1", "guesser's UAR"),
        [(str(n), *map(interval_text, table.curve.at(n))) for n in epochs],
    )
    if table.standings:
        yield ""
        yield from table_lines(_HEADINGS, [_row_cells(table.name(own.row), own) for own in table.standings])
        yield from warning_lines([own.row for own in table.standings], table.names)
    for row in table.rows:
        if missing := incomplete_text(row.oracle):
            yield f"{table.name(row)}: scores of every epoch are missing: {missing}"
    yield ""
    yield GUESSER_TEXT


_HEADINGS = ("row", "epochs", "last, UF1", "oracle, UF1", "guesser's UF1", "a guesser needs")


def _row_cells(name: str, own: Standing) -> tuple[str, ...]:
    from mer_bench.luck import SHOWN_EPOCHS

    needed = f"over {SHOWN_EPOCHS[-1]}" if own.needed is None else f"about {own.needed}"
    scores = (own.last["full", "uf1"].value, own.oracle["full", "uf1"].value, own.guesser[0].value)
    return name, str(own.epochs), *(f"{score:.4f}" for score in scores), f"{needed} epochs for the oracle's UF1"
