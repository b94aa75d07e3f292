"""The summary that every rendering is a function of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mer_bench.results import RowResults
from mer_bench.store.schema import ProtocolRecord
from mer_bench_reports.published import PublishedRow

Fact = tuple[str, str]
"""A label and what is to be said under it."""


@dataclass(frozen=True)
class Entry:
    """A row as it stands in one comparison.

    Parameters
    ----------
    row : RowResults
    settings : str
        What tells it from the other rows of its method there; empty where there are none.
    signs : str
        Footnote signs.
    best : frozenset of (str, str)
        Slice and metric of the means that no other complete row exceeds.
    """

    row: RowResults
    settings: str
    signs: str
    best: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Comparison:
    """Rows that may be compared: same protocol, same data, same selection rule.

    Parameters
    ----------
    number : int
        Counted from 1.
    protocol : ProtocolRecord
    selection : str
    caveats : tuple of str
        ``synthetic`` and ``partial``, where they hold.
    banners : tuple of str
        What must be said loudly about the data.
    apart : str
        Why it is not one table with the others; empty for the only comparison.
    slices : mapping of str to int
        Slice to its number of samples, in reporting order; ``full`` is the first.
    families : tuple of (str, tuple of Entry)
        The rows of each kind of method, under its heading.
    notes : tuple of str
        Absent classes and the like.
    footnotes : tuple of Fact
        Sign and text.
    """

    number: int
    protocol: ProtocolRecord
    selection: str
    caveats: tuple[str, ...]
    banners: tuple[str, ...]
    apart: str
    slices: Mapping[str, int]
    families: tuple[tuple[str, tuple[Entry, ...]], ...]
    notes: tuple[str, ...]
    footnotes: tuple[Fact, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The rows of all families, in order."""
        return tuple(entry for _, entries in self.families for entry in entries)

    @property
    def diagnosed(self) -> tuple[Entry, ...]:
        """The rows of which the oracle diagnostic is stored; their own rule is the last epoch."""
        return tuple(entry for entry in self.entries if any(seed.done for seed in entry.row.oracle))


@dataclass(frozen=True)
class CitedTable:
    """Published scores of one protocol, as their source prints them.

    Parameters
    ----------
    protocol : str
        The protocol's name.
    source : str
    slices : tuple of str
        Each slice that a row states.
    families : tuple of (str, tuple of PublishedRow)
    notes : mapping of str to int
        A note to its number, in order.
    warning : str
        What to say where measured rows come from synthetic data; may be empty.
    """

    protocol: str
    source: str
    slices: tuple[str, ...]
    families: tuple[tuple[str, tuple[PublishedRow, ...]], ...]
    notes: Mapping[str, int]
    warning: str


@dataclass(frozen=True)
class ReportData:
    """Everything that a report says.

    Parameters
    ----------
    generated : datetime
        Aware; shown in UTC.
    version : str
        The mer-bench that wrote the report.
    comparisons : tuple of Comparison
    cited : tuple of CitedTable
    rows : tuple of RowResults
        Each once, though it may stand in several comparisons.
    runs : mapping of str to tuple of Fact
        Run id to what is known of the invocation and of what it ran on, oldest first.
    """

    generated: datetime
    version: str
    comparisons: tuple[Comparison, ...]
    cited: tuple[CitedTable, ...]
    rows: tuple[RowResults, ...]
    runs: Mapping[str, tuple[Fact, ...]]
