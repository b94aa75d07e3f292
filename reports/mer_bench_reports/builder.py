"""Builds the `ReportData` of a store: which rows can be compared, and why others cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from itertools import groupby
from operator import attrgetter
from typing import TypeVar

from mer_bench.arithmetic import NATIVE
from mer_bench.caveats import DATA_CAVEATS, caveat_sentence, is_synthetic
from mer_bench.certainty import ranking, score_intervals
from mer_bench.checks import Material, check_all
from mer_bench.errors import MerBenchError
from mer_bench.representations.settings import is_scaled_for_method
from mer_bench.result_texts import distinction_texts, slice_counts, slice_notes
from mer_bench.results import RowResults, best, read_results
from mer_bench.row_names import RowNames
from mer_bench.rules import NO_EPOCHS
from mer_bench.store import Store
from mer_bench.store.schema import ProtocolRecord
from mer_bench.version import __version__
from mer_bench_reports import wording
from mer_bench_reports.comparability import Group, group_rows, why_not_comparable
from mer_bench_reports.costs import minutes
from mer_bench_reports.inputs import input_facts, own_scale
from mer_bench_reports.overviews import overviews
from mer_bench_reports.provenance import (
    Manifests,
    again_text,
    count_problems,
    row_label,
    run_facts,
    used,
    without_folders,
)
from mer_bench_reports.published import PublishedRow, load_published
from mer_bench_reports.remeasured import remeasured
from mer_bench_reports.report_data import CitedTable, Comparison, Entry, Fact, ReportData
from mer_bench_reports.selection_tables import selection_tables
from mer_bench_reports.settings_texts import row_badge, settings_text
from mer_bench_reports.verdicts import labels, verdict

_SIGNS = "†‡§¶"

_RowT = TypeVar("_RowT", RowResults, PublishedRow)

_Names = Mapping[str, str]
"""Row key to short name."""


def build_report(
    store: Store, rows: Sequence[RowResults] | None = None, *, generated: datetime | None = None
) -> ReportData:
    """Return the content of a report on a store.

    Parameters
    ----------
    store : Store
    rows : sequence of RowResults, optional
        What the store contains; read from it by default.
    generated : datetime, optional
        When the report is made, with a time zone; now by default.

    Raises
    ------
    MerBenchError
        The store has no result, or one of the rows has none.
    """
    rows = read_results(store) if rows is None else rows
    if not rows:
        raise MerBenchError(f"{store.path} holds no result to report; measure a method first with `mer-bench run`")
    groups, names = group_rows(rows), _names(store, rows)
    if empty := [names[row.record["row_key"]] for row in rows if not row.cells]:
        raise MerBenchError(f"nothing is stored of {wording.joined(empty)}; run it, or leave it out of the report")
    material = Material(store, rows, [group.rows for group in groups])
    manifests = {run_id: material.manifests.get(run_id) for row in rows for run_id in row.run_ids}
    comparisons = tuple(_comparison(manifests, names, groups, number) for number in range(1, len(groups) + 1))
    return ReportData(
        generated=(generated or datetime.now(timezone.utc)).astimezone(timezone.utc),
        version=__version__,
        comparisons=comparisons,
        selections=selection_tables(groups, comparisons),
        overviews=overviews(comparisons),
        cited=_cited_tables(comparisons),
        checks=tuple(outcome for outcome in check_all(material) if outcome.findings or outcome.not_looked_for),
        rows=(once := _rows_once(comparisons)),
        names=names,
        commands={row.record["row_key"]: again_text(row, manifests) for row in once},
        runs={run_id: run_facts(manifests[run_id]) for run_id in sorted(manifests)},
    )


def _names(store: Store, rows: Iterable[RowResults]) -> _Names:
    short = RowNames.stored(store.path)
    keys = {row.record["row_key"]: row.record["method"]["name"] for row in rows}
    return {key: short.of(method, key) for key, method in keys.items()}


def _comparison(manifests: Manifests, names: _Names, groups: Sequence[Group], number: int) -> Comparison:
    group = groups[number - 1]
    record = group.rows[0].record
    problems = count_problems(manifests, (run_id for row in group.rows for run_id in row.run_ids))
    families = _by_family(group.rows, lambda row: row.record["method"]["family"])
    footnotes = _footnotes(row for _, members in families for row in members)
    differing = [warning for row in group.rows if (warning := _verification_warning(row, names))]
    entries = tuple((title, _entries(members, group.rows, footnotes, names)) for title, members in families)
    listed = [entry for _, members in entries for entry in members]
    ranked = ranking(group.rows)
    return Comparison(
        number=number,
        protocol=_with_words(group.rows),
        input=input_facts(record, group.preprocessing),
        selection=group.selection,
        caveats=group.caveats,
        warnings=(*(wording.data_warning(caveat, problems) for caveat in group.caveats), *differing),
        not_comparable=why_not_comparable(groups, number),
        slices={name: sum(counts) for name, counts in slice_counts(record).items()},
        families=entries,
        ranking=ranked,
        leader=labels(listed)[ranked.leader.record["row_key"]] if ranked else "",
        verdict=verdict(ranked, listed),
        notes=(*_marks(listed), *_notes(groups, group)),
        footnotes=footnotes,
    )


def _with_words(rows: Sequence[RowResults]) -> ProtocolRecord:
    """Return the protocol of the rows with its reference and note, which rows of older stores may lack."""
    records = [row.record["protocol"] for row in rows]
    reference = next((text for record in records if (text := record.get("reference", ""))), "")
    note = next((text for record in records if (text := record.get("note", ""))), "")
    return {**records[0], "reference": reference, "note": note}


def _entries(
    family: Sequence[RowResults], rows: Sequence[RowResults], notes: Iterable[Fact], names: _Names
) -> tuple[Entry, ...]:
    signs = {text: sign for sign, text in notes}
    distinctions = distinction_texts([row.record for row in rows])
    return tuple(
        Entry(
            row=row,
            name=names[row.record["row_key"]],
            distinction=without_folders(distinctions[row.record["row_key"]]),
            badge=row_badge(row.record),
            settings="; ".join(filter(None, [settings_text(row.record), *_distinctions(row, rows)])),
            signs="".join(signs[note] for note in _row_notes(row)),
            best=ahead,
            intervals=score_intervals(row.seeds),
        )
        for row, ahead in zip(family, best(family), strict=True)
    )


def _by_family(rows: Sequence[_RowT], family_of: Callable[[_RowT], str]) -> tuple[tuple[str, tuple[_RowT, ...]], ...]:
    families = {family_of(row) for row in rows}
    names = [name for name in wording.FAMILY_TITLES if name in families] + sorted(families - set(wording.FAMILY_TITLES))
    return tuple((wording.family_title(name), tuple(row for row in rows if family_of(row) == name)) for name in names)


def _distinctions(row: RowResults, rows: Sequence[RowResults]) -> list[str]:
    """Return what settings do not tell: how a method scales its maps, its version and its representation."""
    same_method = [other.record for other in rows if other.record["method"]["name"] == row.record["method"]["name"]]
    record = row.record
    told = []
    params = record["representation"]["params"]
    if is_scaled_for_method(params) and not {"scale", "data_scale"}.isdisjoint(params):
        told.append(f"scale={own_scale(record)}")
    if len({other["method"]["version"] for other in same_method}) > 1:
        told.append(f"version {record['method']['version']}")
    same_settings = [other for other in same_method if other["params"] == record["params"]]
    if len({other["representation"]["hash"] for other in same_settings}) > 1:
        told.append(f"{record['representation']['name']} {record['representation']['hash'][:8]}")
    return told


def _row_notes(row: RowResults) -> list[str]:
    """Return what footnotes say of a row: its caveats, and whether it was computed on unlike machines."""
    caveats = [caveat for caveat in sorted(row.record["caveats"]) if caveat not in DATA_CAVEATS]
    notes = [caveat_sentence(caveat) for caveat in caveats]
    if len(used(row, "device")) > 1:
        notes.append(wording.SEVERAL_DEVICES)
    if row.record["arithmetic"] == NATIVE and len(used(row, "processor")) > 1:
        notes.append(wording.SEVERAL_PROCESSORS)
    return notes


def _footnotes(rows: Iterable[RowResults]) -> tuple[Fact, ...]:
    notes = dict.fromkeys(note for row in rows for note in _row_notes(row))
    return tuple((_SIGNS[i] if i < len(_SIGNS) else f"({i + 1})", note) for i, note in enumerate(notes))


def _verification_warning(row: RowResults, names: _Names) -> str:
    cells = [f"seed {entry['seed']}, fold {entry['fold']}" for entry in row.verification.differing]
    return wording.verification_warning(row_label(row, names), cells) if cells else ""


def _marks(entries: Iterable[Entry]) -> Iterable[str]:
    """Return what the ± and the bold scores of a table mean, if there are any."""
    entries = list(entries)
    if any(mean.std is not None for entry in entries for mean in entry.row.means.values()):
        yield wording.DEVIATION_TEXT
    if any(entry.best for entry in entries):
        yield wording.BOLD_TEXT
    if any(entry.intervals for entry in entries):
        yield wording.INTERVAL_TEXT
    if any(minutes(entry.row) is not None for entry in entries):
        yield wording.COST_TEXT


def _notes(groups: Sequence[Group], group: Group) -> Iterable[str]:
    yield from slice_notes(group.rows[0].record, wording.slice_title)
    if group.selection != NO_EPOCHS and any(row.selection == NO_EPOCHS for row in group.rows):
        yield "Methods without epochs need no selection rule; they appear in the comparison of every rule."
    others = [other for other in groups if other is not group and other.selection == group.selection]
    if any(row in other.rows for row in group.rows for other in others):
        yield wording.PARTLY_PREPROCESSED


def _cited_tables(comparisons: Sequence[Comparison]) -> tuple[CitedTable, ...]:
    """Return the published tables of the report's protocols, one for each source."""
    published = load_published()
    tables = []
    for protocol in dict.fromkeys(comparison.protocol["name"] for comparison in comparisons):
        beside = [comparison for comparison in comparisons if comparison.protocol["name"] == protocol]
        n_synthetic = sum(is_synthetic(comparison.caveats) for comparison in beside)
        warning = wording.cited_warning(n_synthetic, len(beside))
        rows = [row for row in published if row.protocol == protocol]
        by_source = groupby(rows, attrgetter("source"))
        tables += [_cited_table(source, tuple(members), warning, beside) for source, members in by_source]
    return tuple(tables)


def _cited_table(
    source: str, rows: tuple[PublishedRow, ...], warning: str, comparisons: Sequence[Comparison]
) -> CitedTable:
    families = _by_family(rows, attrgetter("family"))
    listed = [row for _, members in families for row in members]
    slices = dict.fromkeys(name for row in listed for name in row.slices)
    notes = dict.fromkeys(row.remarks for row in listed if row.remarks)
    return CitedTable(
        protocol=rows[0].protocol,
        source=source,
        slices=tuple(slices),
        families=families,
        notes={note: number for number, note in enumerate(notes, start=1)},
        warning=warning,
        remeasured=remeasured(listed, comparisons),
    )


def _rows_once(comparisons: Iterable[Comparison]) -> tuple[RowResults, ...]:
    seen = {entry.row.record["row_key"]: entry.row for comparison in comparisons for entry in comparison.entries}
    return tuple(seen.values())
