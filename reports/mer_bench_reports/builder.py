"""From a store to one `ReportData`: which rows compare, and why others stand apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from itertools import groupby
from typing import Literal

from mer_bench.errors import MerBenchError
from mer_bench.results import NO_EPOCHS
from mer_bench.store import Store
from mer_bench.version import __version__
from mer_bench_reports import wording
from mer_bench_reports.comparability import Group, group_rows, why_apart
from mer_bench_reports.measured import measured_rows
from mer_bench_reports.provenance import count_problems, read_runs, value_text
from mer_bench_reports.published import PublishedRow, load_published
from mer_bench_reports.report_data import CitedTable, Comparison, Entry, Fact, Family, MeasuredRow, ReportData, Slice

_SIGNS = "†‡§¶"
_METRICS = ("uf1", "uar", "accuracy")


def build_report(store: Store, *, generated: datetime | None = None) -> ReportData:
    """Read a store and work out what a report says of it.

    Parameters
    ----------
    store : Store
    generated : datetime, optional
        When the report is made, with its time zone; now by default.

    Raises
    ------
    MerBenchError
        The store holds no result.
    """
    rows = measured_rows(store)
    if not rows:
        raise MerBenchError(f"{store.path} holds no result to report; measure a method first with `mer-bench run`")
    groups = group_rows(rows)
    comparisons = tuple(_comparison(store, groups, number) for number in range(1, len(groups) + 1))
    return ReportData(
        generated=(generated or datetime.now(timezone.utc)).astimezone(timezone.utc),
        version=__version__,
        comparisons=comparisons,
        cited=_cited_tables(comparisons),
        rows=_in_order_of_appearance(comparisons),
        runs=read_runs(store, (run_id for row in rows for run_id in row.run_ids)),
    )


def _comparison(store: Store, groups: Sequence[Group], number: int) -> Comparison:
    group = groups[number - 1]
    record = group.rows[0].record
    protocol = record["protocol"]
    slices = _slices(group.rows[0])
    problems = count_problems(store, (run_id for row in group.rows for run_id in row.run_ids))
    footnotes = _footnotes(group.rows)
    return Comparison(
        number=number,
        protocol=f"{protocol['name']}@{protocol['version']}",
        protocol_name=protocol["name"],
        protocol_title=protocol["title"],
        protocol_hash=protocol["hash"],
        protocol_reference=_words(group.rows, "reference"),
        protocol_note=_words(group.rows, "note"),
        selection=group.selection,
        selection_text=wording.SELECTION_TEXTS.get(group.selection, group.selection),
        marks=group.marks,
        banners=tuple(wording.banner(mark, protocol["name"], problems) for mark in group.marks),
        apart=why_apart(groups, number),
        classes=tuple(protocol["classes"]),
        slices=slices,
        families=_families(group.rows, slices, footnotes),
        notes=tuple(_notes(group, slices)),
        footnotes=footnotes,
    )


def _words(rows: Sequence[MeasuredRow], key: Literal["reference", "note"]) -> str:
    """Return what the protocol says to people; rows of older stores may lack it."""
    return next((text for row in rows if (text := row.record["protocol"].get(key, ""))), "")


def _slices(row: MeasuredRow) -> tuple[Slice, ...]:
    """Count the true samples of each slice; every row of a comparison has the same."""
    protocol = row.record["protocol"]
    labels = [
        (sample_id.split("/", 1)[0], label)
        for fold in row.record["folds"].values()
        for sample_id, label in fold["samples"].items()
    ]
    slices = []
    for name, databases in protocol["slices"].items():
        inside = [label for database, label in labels if database in databases]
        counts = tuple(inside.count(label) for label in range(len(protocol["classes"])))
        slices.append(Slice(name, wording.slice_title(name), len(inside), counts))
    return tuple(slices)


def _families(rows: Sequence[MeasuredRow], slices: Sequence[Slice], footnotes: Iterable[Fact]) -> tuple[Family, ...]:
    signs = {text: sign for sign, text in footnotes}
    best = _best_figures(rows, slices)
    entries = [
        Entry(
            row=row,
            settings=_settings(row, rows),
            signs="".join(signs[wording.row_mark_text(mark)] for mark in _row_marks(row)),
            best=frozenset(
                (name, metric) for (name, metric), value in best.items() if _shown(row, name, metric) == value
            ),
        )
        for row in rows
    ]
    names = [*wording.FAMILY_TITLES, *sorted({_family(row) for row in rows} - set(wording.FAMILY_TITLES))]
    grouped = ((name, tuple(entry for entry in entries if _family(entry.row) == name)) for name in names)
    return tuple(Family(name, wording.family_title(name), members) for name, members in grouped if members)


def _best_figures(rows: Sequence[MeasuredRow], slices: Sequence[Slice]) -> dict[tuple[str, str], float]:
    """Return the highest figure of each column that two or more complete rows compete in."""
    best = {}
    for part in slices:
        for metric in _METRICS:
            values = [value for row in rows if (value := _shown(row, part.name, metric)) is not None]
            if len(values) > 1:
                best[part.name, metric] = max(values)
    return best


def _shown(row: MeasuredRow, name: str, metric: str) -> float | None:
    """Return a mean as it is printed: figures that print alike are equally good."""
    figures = row.figures.get(name)
    return round(getattr(figures, metric).mean, 4) if figures else None


def _settings(row: MeasuredRow, rows: Sequence[MeasuredRow]) -> str:
    """Name what tells a row from the others of its method: version, parameters, representation."""
    namesakes = [other.record for other in rows if other.record["method"]["name"] == row.record["method"]["name"]]
    record = row.record
    told = []
    if len({other["method"]["version"] for other in namesakes}) > 1:
        told.append(f"version {record['method']['version']}")
    for name in sorted({name for other in namesakes for name in other["params"]}):
        texts = {value_text(other["params"].get(name, "unset")) for other in namesakes}
        if len(texts) > 1:
            told.append(f"{name}={value_text(record['params'].get(name, 'unset'))}")
    if not told and len({other["representation"]["hash"] for other in namesakes}) > 1:
        told.append(f"{record['representation']['name']} {record['representation']['hash'][:8]}")
    return ", ".join(told)


def _family(row: MeasuredRow) -> str:
    return row.record["method"]["family"]


def _row_marks(row: MeasuredRow) -> list[str]:
    return [mark for mark in sorted(row.record["marks"]) if mark not in wording.DATA_MARKS]


def _footnotes(rows: Sequence[MeasuredRow]) -> tuple[Fact, ...]:
    marks = sorted({mark for row in rows for mark in _row_marks(row)})
    return tuple(
        (_SIGNS[i] if i < len(_SIGNS) else f"({i + 1})", wording.row_mark_text(mark)) for i, mark in enumerate(marks)
    )


def _notes(group: Group, slices: Sequence[Slice]) -> Iterable[str]:
    protocol = group.rows[0].record["protocol"]
    for part in slices:
        absent = [protocol["classes"][label] for label, count in enumerate(part.class_counts) if not count]
        if not part.n_samples:
            yield f"{part.title}: the data holds no sample of this slice"
        elif absent:
            yield wording.absent_note(part.title, absent, protocol["absent_class"])
    if group.selection != NO_EPOCHS and any(row.selection == NO_EPOCHS for row in group.rows):
        yield "Methods without epochs have nothing to select; they stand in the comparison of every selection rule."


def _cited_tables(comparisons: Sequence[Comparison]) -> tuple[CitedTable, ...]:
    """Return the published tables of the protocols that occur, each source by itself."""
    published = load_published()
    tables = []
    for protocol in dict.fromkeys(comparison.protocol_name for comparison in comparisons):
        beside = [comparison for comparison in comparisons if comparison.protocol_name == protocol]
        n_synthetic = sum("synthetic" in comparison.marks for comparison in beside)
        warning = wording.cited_warning(n_synthetic, len(beside))
        rows = [row for row in published if row.protocol == protocol]
        tables += [_cited_table(source, tuple(members), warning) for source, members in groupby(rows, _source)]
    return tuple(tables)


def _source(row: PublishedRow) -> str:
    return row.source


def _cited_table(source: str, rows: tuple[PublishedRow, ...], warning: str) -> CitedTable:
    families = [(name, tuple(row for row in rows if row.family == name)) for name in wording.FAMILY_TITLES]
    listed = [row for _, members in families for row in members]
    slices = dict.fromkeys(name for row in listed for name in row.slices)
    notes = dict.fromkeys(row.note for row in listed if row.note)
    return CitedTable(
        protocol=rows[0].protocol,
        source=source,
        slices=tuple((name, wording.slice_title(name)) for name in slices),
        families=tuple((wording.family_title(name), members) for name, members in families if members),
        notes={note: number for number, note in enumerate(notes, start=1)},
        warning=warning,
    )


def _in_order_of_appearance(comparisons: Iterable[Comparison]) -> tuple[MeasuredRow, ...]:
    seen = {entry.row.record["row_key"]: entry.row for comparison in comparisons for entry in comparison.entries}
    return tuple(seen.values())
