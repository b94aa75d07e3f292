"""The summary that every rendering is a function of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mer_bench.scoring.metrics import Scores
from mer_bench.store.schema import RowRecord
from mer_bench_reports.published import PublishedRow

Fact = tuple[str, str]
"""A label and what is to be said under it."""


@dataclass(frozen=True)
class Figure:
    """One figure over the seeds of a row.

    Parameters
    ----------
    mean : float
    std : float or None
        Sample standard deviation (n - 1); None for a single seed.
    """

    mean: float
    std: float | None


@dataclass(frozen=True)
class SliceFigures:
    """The three figures of one slice."""

    uf1: Figure
    uar: Figure
    accuracy: Figure


@dataclass(frozen=True)
class SeedResult:
    """One row at one seed.

    Parameters
    ----------
    seed : int
    done, failed, total : int
        Folds stored, folds that failed, and folds that the protocol asks for.
    n_predicted : int
        Samples predicted so far.
    slices : mapping of str to Scores
        Empty unless every fold is done.
    """

    seed: int
    done: int
    failed: int
    total: int
    n_predicted: int
    slices: Mapping[str, Scores]

    @property
    def complete(self) -> bool:
        """Whether every fold is done."""
        return self.done == self.total


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix of one slice: rows are the truth, columns the prediction.

    Parameters
    ----------
    title : str
        The slice.
    counts : tuple of tuple of int
    shares : tuple of tuple of (float or None)
        Each count over its row's sum; None in the row of a class without a true sample.
    """

    title: str
    counts: tuple[tuple[int, ...], ...]
    shares: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True)
class Failure:
    """A fold whose cell failed."""

    seed: int
    fold: str
    error: str


@dataclass(frozen=True)
class MeasuredRow:
    """A method with its parameters on one protocol and data: a row of a comparison.

    Parameters
    ----------
    record : RowRecord
    selection : str
        The rule that the row's own figures follow.
    seeds : tuple of SeedResult
    figures : mapping of str to SliceFigures
        By slice, over all seeds; empty if a single fold of a single seed is missing.
    oracle : tuple of SeedResult
        The diagnostic: the best epoch of each fold on its held-out subject. Empty where none is stored.
    oracle_figures : mapping of str to SliceFigures
    confusion_seed : int or None
        The seed of `confusions`, the first complete one.
    confusions : tuple of Confusion
    provenance : tuple of Fact
    failures : tuple of Failure
        The first few.
    n_failures : int
        All of them.
    run_ids : tuple of str
    """

    record: RowRecord
    selection: str
    seeds: tuple[SeedResult, ...]
    figures: Mapping[str, SliceFigures]
    oracle: tuple[SeedResult, ...]
    oracle_figures: Mapping[str, SliceFigures]
    confusion_seed: int | None
    confusions: tuple[Confusion, ...]
    provenance: tuple[Fact, ...]
    failures: tuple[Failure, ...]
    n_failures: int
    run_ids: tuple[str, ...]

    @property
    def label(self) -> str:
        """A short name that no other row of the report has."""
        return f"{self.record['method']['title']} ({self.record['row_key'][:8]})"


@dataclass(frozen=True)
class Slice:
    """A column pair of a comparison.

    Parameters
    ----------
    name : str
        As the protocol has it.
    title : str
        As the field prints it.
    n_samples : int
    class_counts : tuple of int
        True samples of each class, in label order.
    """

    name: str
    title: str
    n_samples: int
    class_counts: tuple[int, ...]


@dataclass(frozen=True)
class Entry:
    """A row as it stands in one comparison.

    Parameters
    ----------
    row : MeasuredRow
    settings : str
        What tells it from the other rows of its method there; empty where there are none.
    signs : str
        Footnote signs.
    best : frozenset of (str, str)
        Slice and metric of the figures that no other complete row exceeds.
    """

    row: MeasuredRow
    settings: str
    signs: str
    best: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Family:
    """The rows of one kind of method."""

    name: str
    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Comparison:
    """Rows that may be compared: same protocol, same data, same selection rule.

    Parameters
    ----------
    number : int
        Counted from 1.
    protocol : str
        Name and version, ``cde@1``.
    protocol_name, protocol_title, protocol_hash : str
    protocol_reference, protocol_note : str
        The paper that defines the protocol, and what a reader of its results must know; may be empty.
    selection : str
    selection_text : str
        The rule in a sentence.
    marks : tuple of str
        ``synthetic`` and ``partial``, where they hold.
    banners : tuple of str
        What must be said loudly about the data.
    apart : str
        Why it is not one table with the others; empty for the only comparison.
    classes : tuple of str
    slices : tuple of Slice
        In reporting order; the first is the full set.
    families : tuple of Family
    notes : tuple of str
        Absent classes and the like.
    footnotes : tuple of Fact
        Sign and text.
    """

    number: int
    protocol: str
    protocol_name: str
    protocol_title: str
    protocol_hash: str
    protocol_reference: str
    protocol_note: str
    selection: str
    selection_text: str
    marks: tuple[str, ...]
    banners: tuple[str, ...]
    apart: str
    classes: tuple[str, ...]
    slices: tuple[Slice, ...]
    families: tuple[Family, ...]
    notes: tuple[str, ...]
    footnotes: tuple[Fact, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The rows of all families, in order."""
        return tuple(entry for family in self.families for entry in family.entries)

    @property
    def diagnosed(self) -> tuple[Entry, ...]:
        """The rows of which the oracle diagnostic is stored, where the comparison is by the last epoch."""
        return tuple(entry for entry in self.entries if entry.row.oracle and entry.row.selection == "last")


@dataclass(frozen=True)
class CitedTable:
    """Published figures of one protocol, as their source prints them.

    Parameters
    ----------
    protocol : str
        The protocol's name.
    source : str
    slices : tuple of (str, str)
        Name and title of each slice that a row states.
    families : tuple of (str, tuple of PublishedRow)
    notes : mapping of str to int
        A note to its number, in order.
    warning : str
        What to say where measured rows come from synthetic data; may be empty.
    """

    protocol: str
    source: str
    slices: tuple[tuple[str, str], ...]
    families: tuple[tuple[str, tuple[PublishedRow, ...]], ...]
    notes: Mapping[str, int]
    warning: str


@dataclass(frozen=True)
class Run:
    """An invocation and what it ran on."""

    run_id: str
    facts: tuple[Fact, ...]


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
    rows : tuple of MeasuredRow
        Each once, though it may stand in several comparisons.
    runs : tuple of Run
    """

    generated: datetime
    version: str
    comparisons: tuple[Comparison, ...]
    cited: tuple[CitedTable, ...]
    rows: tuple[MeasuredRow, ...]
    runs: tuple[Run, ...]
