"""Each method under the selection rules `last`, `inner` and `oracle`, and beside a guesser with as many epochs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from mer_bench.luck import counted_seeds, curve_of, paired_means
from mer_bench.result_texts import distinction_texts, incomplete_text
from mer_bench.results import SeedResult
from mer_bench.rules import NO_EPOCHS, ORACLE
from mer_bench.statistics.luck import LuckCurve
from mer_bench.store.schema import RowRecord
from mer_bench_reports.comparability import Group
from mer_bench_reports.provenance import without_folders
from mer_bench_reports.report_data import GAPS, Comparison, Entry, SelectionLine, SelectionTable


def selection_tables(groups: Sequence[Group], comparisons: Sequence[Comparison]) -> tuple[SelectionTable, ...]:
    """Return a table for each protocol and input with an oracle, or with ``inner`` beside ``last``.

    Parameters
    ----------
    groups : sequence of Group
        As `group_rows` returns them: those of one protocol and input follow each other.
    comparisons : sequence of Comparison
        One for each group.
    """
    pairs = zip(groups, comparisons, strict=True)
    together = (tuple(own for _, own in members) for _, members in groupby(pairs, lambda pair: pair[0].basis))
    return tuple(table for own in together if (table := _table(own)))


def _table(comparisons: Sequence[Comparison]) -> SelectionTable | None:
    by_rule = {
        own.selection: [entry for entry in own.entries if entry.row.selection != NO_EPOCHS] for own in comparisons
    }
    pairs = list(_pairs(by_rule.get("last", []), by_rule.get("inner", [])))
    rows = [last.row for last, _ in pairs if last is not None]
    chosen = [row for row in rows if row.epochs.most]
    if not chosen and not any(last and inner for last, inner in pairs):
        return None
    curve = curve_of(chosen) if chosen else None
    shown = distinction_texts([entry.row.record for pair in pairs if (entry := pair[0] or pair[1])])
    lines = tuple(_line(last, inner, shown, curve) for last, inner in pairs)
    numbers = tuple(own.number for own in comparisons if by_rule[own.selection])
    return SelectionTable(numbers, comparisons[0], lines, curve)


def _pairs(last: Sequence[Entry], inner: Sequence[Entry]) -> Iterator[tuple[Entry | None, Entry | None]]:
    """Yield each row of ``last`` with the one of ``inner`` that differs in nothing else, then the other ones."""
    left = list(inner)
    for entry in last:
        same = [other for other in left if _but_rule(other.row.record) == _but_rule(entry.row.record)]
        yield entry, same[0] if same else None
        left = [other for other in left if other not in same[:1]]
    yield from ((None, entry) for entry in left)


def _but_rule(record: RowRecord) -> tuple[str, ...]:
    """Return what identifies a row among those of one protocol and input, its selection rule apart."""
    method = record["method"]
    # Only a training with validation subjects can have patience: it is a part of the rule.
    params = json.dumps({**record["params"], "patience": 0}, sort_keys=True)
    return method["name"], method["version"], params, record["representation"]["hash"], record["arithmetic"]


def _line(
    last: Entry | None, inner: Entry | None, distinctions: Mapping[str, str], curve: LuckCurve | None
) -> SelectionLine:
    entries = {rule: entry for rule, entry in (("last", last), ("inner", inner)) if entry}
    entry = next(iter(entries.values()))
    names = {rule: own.name for rule, own in entries.items()}
    stored = {rule: own.row.seeds for rule, own in entries.items()}
    if last and last.row.epochs.most:
        stored[ORACLE] = last.row.oracle
    counted = counted_seeds(stored)
    paired = frozenset(rule for rule in GAPS if rule in counted and counted[rule] == counted.get("last"))
    distinction = without_folders(distinctions[entry.row.record["row_key"]])
    name = entry.name if len(names) == 1 else ", ".join(f"{name} ({rule})" for rule, name in names.items())
    return SelectionLine(
        entry=replace(entry, name=name, distinction=distinction, signs=""),
        rows=names,
        means=paired_means(stored),
        paired=paired,
        seeds=_seeds_text(stored, counted),
        guesser=curve.at(entry.row.epochs.most) if curve and entry.row.epochs.most else None,
    )


def _seeds_text(stored: Mapping[str, Sequence[SeedResult]], counted: Mapping[str, frozenset[int]]) -> str:
    """Return ``2``, or more where rules have other seeds: ``2; inner: 1; oracle: seed 1: folds 0/7``."""
    first = "last" if "last" in stored else "inner"
    others = [f"{rule}: {len(own)}" for rule, own in counted.items() if own != counted.get(first, own)]
    missing = [f"{rule}: {text}" for rule, seeds in stored.items() if (text := incomplete_text(seeds))]
    return "; ".join([str(len(counted.get(first, ()))), *others, *missing])
