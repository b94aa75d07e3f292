"""Which rows can be compared with each other, and why others cannot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mer_bench.caveats import DATA_CAVEATS, Caveat
from mer_bench.results import RowResults
from mer_bench.rules import NO_EPOCHS, SELECTIONS
from mer_bench_reports.provenance import protocol_name
from mer_bench_reports.wording import joined

_SELECTION_ORDER = (*SELECTIONS, NO_EPOCHS)

_Basis = tuple[tuple[str, ...], str, tuple[tuple[str, str], ...]]
"""Data caveats, protocol hash and fingerprints: what rows must share under any selection rule."""


@dataclass(frozen=True)
class Group:
    """Rows with the same protocol hash, data fingerprints and selection rule.

    Parameters
    ----------
    selection : str
    caveats : tuple of str
        The caveats of the data, from `mer_bench.caveats.DATA_CAVEATS`.
    rows : tuple of RowResults
        At least one, in the order of the table.
    """

    selection: str
    caveats: tuple[str, ...]
    rows: tuple[RowResults, ...]


def group_rows(rows: Iterable[RowResults]) -> list[Group]:
    """Split rows into groups; real data comes first, and complete data before partial.

    A method without epochs fits every selection rule: it joins each group of its protocol and data, and forms its own
    group only if there is no other.
    """
    by_basis: dict[_Basis, list[RowResults]] = {}
    for row in rows:
        by_basis.setdefault(_basis(row), []).append(row)
    groups = []
    for (caveats, _, _), members in by_basis.items():
        rules = {row.selection for row in members} - {NO_EPOCHS} or {NO_EPOCHS}
        for rule in rules:
            matching = [row for row in members if row.selection in (rule, NO_EPOCHS)]
            groups.append(Group(rule, caveats, tuple(sorted(matching, key=_row_order))))
    return sorted(groups, key=_group_order)


def why_not_comparable(groups: Sequence[Group], number: int) -> str:
    """Return why group ``number`` (from 1) cannot be compared with the others; empty if there is no other."""
    here = groups[number - 1]
    by_reason: dict[str, list[str]] = {}
    for other, group in enumerate(groups, start=1):
        if other != number:
            by_reason.setdefault(_difference(here, group), []).append(str(other))
    if not by_reason:
        return ""
    parts = [
        f"{'comparison' if len(numbers) == 1 else 'comparisons'} {joined(numbers)} ({reason})"
        for reason, numbers in by_reason.items()
    ]
    return f"Not comparable with {joined(parts)}."


def _difference(here: Group, there: Group) -> str:
    """Return what differs. With another protocol the data differs anyway, so only the protocol is named."""
    reasons = []
    ours, theirs = here.rows[0].record, there.rows[0].record
    if ours["protocol"]["hash"] != theirs["protocol"]["hash"]:
        names = [protocol_name(record["protocol"]) for record in (ours, theirs)]
        reasons.append("other version of the same protocol" if names[0] == names[1] else "other protocol")
    elif ours["fingerprints"] != theirs["fingerprints"]:
        databases = sorted(
            name
            for name in {*ours["fingerprints"], *theirs["fingerprints"]}
            if ours["fingerprints"].get(name) != theirs["fingerprints"].get(name)
        )
        reasons.append(f"other data: {joined(databases)}")
    reasons += [f"{caveat} data here" for caveat in here.caveats if caveat not in there.caveats]
    reasons += [f"{caveat} data there" for caveat in there.caveats if caveat not in here.caveats]
    if here.selection != there.selection and NO_EPOCHS not in (here.selection, there.selection):
        reasons.append(f"other selection rule: {here.selection!r} here, {there.selection!r} there")
    return "; ".join(reasons)


def _basis(row: RowResults) -> _Basis:
    record = row.record
    caveats = tuple(caveat for caveat in DATA_CAVEATS if caveat in record["caveats"])
    return caveats, record["protocol"]["hash"], tuple(sorted(record["fingerprints"].items()))


def _row_order(row: RowResults) -> tuple[str, str, str]:
    return row.record["method"]["title"].casefold(), row.record["method"]["name"], row.record["row_key"]


def _group_order(group: Group) -> tuple[bool, bool, str, int, str, tuple[tuple[str, str], ...], int]:
    protocol = group.rows[0].record["protocol"]
    return (
        Caveat.SYNTHETIC in group.caveats,
        Caveat.PARTIAL in group.caveats,
        protocol["name"],
        protocol["version"],
        protocol["hash"],
        _basis(group.rows[0])[2],
        _SELECTION_ORDER.index(group.selection),
    )
