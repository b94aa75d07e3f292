"""Which rows can be compared with each other, and why others cannot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mer_bench.caveats import DATA_CAVEATS, Caveat
from mer_bench.result_texts import settings_order
from mer_bench.results import RowResults
from mer_bench.rules import NO_EPOCHS, SELECTIONS
from mer_bench.store.schema import RowRecord
from mer_bench_reports.inputs import InputKey, Preprocessing, input_key, preprocessing
from mer_bench_reports.provenance import protocol_name
from mer_bench_reports.wording import joined

_SELECTION_ORDER = (*SELECTIONS, NO_EPOCHS)

_Basis = tuple[tuple[str, ...], str, InputKey]
"""Data caveats, protocol hash and input: what rows must share under any selection rule."""


@dataclass(frozen=True)
class Group:
    """Rows with the same protocol hash, input, preprocessing and selection rule.

    Parameters
    ----------
    selection : str
    caveats : tuple of str
        The caveats of the data, from `mer_bench.caveats.DATA_CAVEATS`.
    preprocessing : Preprocessing
        Of the rows that read most of its settings; the others read some of them.
    rows : tuple of RowResults
        At least one, in the order of the table.
    """

    selection: str
    caveats: tuple[str, ...]
    preprocessing: Preprocessing
    rows: tuple[RowResults, ...]

    @property
    def basis(self) -> tuple[object, ...]:
        """What groups of one protocol and input share, whatever their selection rules."""
        return _basis(self.rows[0]), self.preprocessing


def group_rows(rows: Iterable[RowResults]) -> list[Group]:
    """Split rows into groups; real data comes first, and complete data before partial.

    A method without epochs fits every selection rule: it joins each group of its protocol and input, and forms its own
    group only if there is no other. So does a method that reads only some of the settings of preprocessing, such as one
    that takes frames and computes no flow.
    """
    by_basis: dict[_Basis, list[RowResults]] = {}
    for row in rows:
        by_basis.setdefault(_basis(row), []).append(row)
    groups = []
    for (caveats, _, _), members in by_basis.items():
        for settings in _complete_settings(members):
            inside = [row for row in members if preprocessing(row.record) <= settings]
            for rule in {row.selection for row in inside} - {NO_EPOCHS} or {NO_EPOCHS}:
                matching = [row for row in inside if row.selection in (rule, NO_EPOCHS)]
                groups.append(Group(rule, caveats, settings, tuple(sorted(matching, key=_row_order))))
    return sorted(groups, key=_group_order)


def _complete_settings(rows: Iterable[RowResults]) -> list[Preprocessing]:
    """Return each preprocessing that is not a part of another one."""
    known = {preprocessing(row.record) for row in rows}
    return [settings for settings in known if not any(settings < other for other in known)]


def why_not_comparable(groups: Sequence[Group], number: int) -> str:
    """Return why group ``number`` (from 1) cannot be compared with the others; empty if there is no other."""
    here = groups[number - 1]
    by_reason: dict[str, list[str]] = {}
    for other, group in enumerate(groups, start=1):
        if other != number:
            by_reason.setdefault(difference(here, group), []).append(str(other))
    if not by_reason:
        return ""
    parts = [
        f"{'comparison' if len(numbers) == 1 else 'comparisons'} {joined(numbers)} ({reason})"
        for reason, numbers in by_reason.items()
    ]
    return f"Not comparable with {joined(parts)}."


def difference(first: Group, second: Group, here: str = "here", there: str = "there") -> str:
    """Return why two groups cannot be compared.

    With another protocol the data differs anyway, so only the protocol is named.

    Parameters
    ----------
    first, second : Group
    here, there : str
        Say after a fact to which of the groups it belongs.
    """
    reasons = []
    ours, theirs = first.rows[0].record, second.rows[0].record
    if ours["protocol"]["hash"] != theirs["protocol"]["hash"]:
        names = [protocol_name(record["protocol"]) for record in (ours, theirs)]
        reasons.append("other version of the same protocol" if names[0] == names[1] else "other protocol")
    elif input_key(ours) != input_key(theirs):
        reasons.append(_other_input(ours, theirs, here, there))
    elif first.preprocessing != second.preprocessing:
        sides = (first.preprocessing - second.preprocessing, second.preprocessing - first.preprocessing)
        texts = [", ".join(f"{name}={value}" for name, value in sorted(side)) or "fewer settings" for side in sides]
        reasons.append(f"other preprocessing: {texts[0]} {here}, {texts[1]} {there}")
    reasons += [f"{caveat} data {here}" for caveat in first.caveats if caveat not in second.caveats]
    reasons += [f"{caveat} data {there}" for caveat in second.caveats if caveat not in first.caveats]
    if first.selection != second.selection and NO_EPOCHS not in (first.selection, second.selection):
        reasons.append(f"other selection rule: {first.selection!r} {here}, {second.selection!r} {there}")
    return "; ".join(reasons)


def _other_input(ours: RowRecord, theirs: RowRecord, here: str, there: str) -> str:
    names = [record["input"]["name"] for record in (ours, theirs)]
    if names[0] != names[1]:
        return f"other input: {names[0]} {here}, {names[1]} {there}"
    databases = sorted(
        name
        for name in {*ours["fingerprints"], *theirs["fingerprints"]}
        if ours["fingerprints"].get(name) != theirs["fingerprints"].get(name)
    )
    return f"other data: {joined(databases)}" if databases else "the input is described otherwise"


def _basis(row: RowResults) -> _Basis:
    record = row.record
    caveats = tuple(caveat for caveat in DATA_CAVEATS if caveat in record["caveats"])
    return caveats, record["protocol"]["hash"], input_key(record)


def _row_order(row: RowResults) -> tuple[object, ...]:
    method = row.record["method"]
    return method["title"].casefold(), method["name"], settings_order(row.record)


def _group_order(group: Group) -> tuple[object, ...]:
    protocol = group.rows[0].record["protocol"]
    return (
        Caveat.SYNTHETIC in group.caveats,
        Caveat.PARTIAL in group.caveats,
        protocol["name"],
        protocol["version"],
        protocol["hash"],
        _basis(group.rows[0])[2],
        sorted(group.preprocessing),
        _SELECTION_ORDER.index(group.selection),
    )
