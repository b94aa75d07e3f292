"""The content of a report, from which every format is rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mer_bench.certainty import Ranking
from mer_bench.checks import Outcome
from mer_bench.results import Means, RowResults
from mer_bench.rules import ORACLE
from mer_bench.statistics.luck import LuckCurve
from mer_bench.statistics.resampling import Interval
from mer_bench.store.schema import ProtocolRecord
from mer_bench_reports.published import PublishedRow

Fact = tuple[str, str]
"""A label and its text."""

GAPS = ("inner", ORACLE)
"""The rules of which a table has the difference from ``last``."""


@dataclass(frozen=True)
class Entry:
    """A row of one comparison.

    Parameters
    ----------
    row : RowResults
    name : str
        The row's short name: ``ahmsa-4f2a``.
    distinction : str
        In what the row differs from the other rows of its method in the comparison: ``blocks=1,1,8``; may be empty.
    badge : str
        Stands beside the title wherever the row is shown: ``quick, not the paper's training``; may be empty.
    settings : str
        Preset and parameters, and what else distinguishes the row from the others of its method there.
    signs : str
        Footnote signs.
    best : frozenset of (str, str)
        Slice and metric of the means that are ahead of all others of the family: printed in bold.
    intervals : mapping of (str, str) to Interval
        Slice and metric to the interval of the mean; nothing for a slice of too few subjects.
    """

    row: RowResults
    name: str
    distinction: str
    badge: str
    settings: str
    signs: str
    best: frozenset[tuple[str, str]]
    intervals: Mapping[tuple[str, str], Interval]


@dataclass(frozen=True)
class Comparison:
    """Rows that can be compared: same protocol, same input, same selection rule.

    Parameters
    ----------
    number : int
        Counted from 1.
    protocol : ProtocolRecord
    input : tuple of Fact
        What the input of all rows was made from, and how; the first is its name.
    selection : str
    caveats : tuple of str
        The caveats of the data: ``synthetic``, ``partial``.
    warnings : tuple of str
        Sentences shown prominently above the table.
    not_comparable : str
        Why the rows cannot be compared with those of other comparisons; empty for the only comparison.
    slices : mapping of str to int
        Slice to its number of samples, in reporting order; ``full`` is the first.
    families : tuple of (str, tuple of Entry)
        Heading and rows of each family of methods.
    ranking : Ranking or None
        The row with the highest UF1 beside each other one; None for fewer than two rows with scores.
    leader : str
        That row as sentences name it; empty without a ranking.
    verdict : tuple of str
        What the ranking shows, in sentences.
    notes : tuple of str
        Remarks below the table: what ± and bold mean, where there are any, and others, such as absent classes.
    footnotes : tuple of Fact
        Sign and text.
    """

    number: int
    protocol: ProtocolRecord
    input: tuple[Fact, ...]
    selection: str
    caveats: tuple[str, ...]
    warnings: tuple[str, ...]
    not_comparable: str
    slices: Mapping[str, int]
    families: tuple[tuple[str, tuple[Entry, ...]], ...]
    ranking: Ranking | None
    leader: str
    verdict: tuple[str, ...]
    notes: tuple[str, ...]
    footnotes: tuple[Fact, ...]

    @property
    def input_name(self) -> str:
        """The name of the input."""
        return self.input[0][1]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The rows of all families, in order."""
        return tuple(entry for _, entries in self.families for entry in entries)

    @property
    def diagnosed(self) -> tuple[Entry, ...]:
        """The rows with a stored oracle diagnostic; their own rule is ``last``."""
        return tuple(entry for entry in self.entries if any(seed.done for seed in entry.row.oracle))


@dataclass(frozen=True)
class SelectionLine:
    """A method with its settings, under each selection rule.

    Parameters
    ----------
    entry : Entry
        The row as it is shown: that of ``last``, or else of ``inner``.
    rows : mapping of str to str
        ``last`` and ``inner`` to the short names of the rows, where there are such.
    means : mapping of str to Means
        Rule to the means on the seeds that count; nothing for a rule without a complete seed.
    paired : frozenset of str
        Rules whose means are over the same seeds as those of ``last``.
    seeds : str
        How many those are, and which are missing.
    guesser : (Interval, Interval) or None
        UF1 and UAR of a guesser with as many epochs as the oracle chose from.
    """

    entry: Entry
    rows: Mapping[str, str]
    means: Mapping[str, Means]
    paired: frozenset[str]
    seeds: str
    guesser: tuple[Interval, Interval] | None

    @property
    def epochs(self) -> int:
        """From how many epochs the oracle chose in each fold, the most of any fold; 0 without an oracle."""
        return self.entry.row.epochs.most

    def gap(self, rule: str, metric: str) -> float | None:
        """Return by how much a rule's score on the full set is above that of ``last``; None if seeds differ."""
        if rule not in self.paired:
            return None
        return self.means[rule]["full", metric].value - self.means["last"]["full", metric].value


@dataclass(frozen=True)
class SelectionTable:
    """The networks of one protocol and input.

    Parameters
    ----------
    numbers : tuple of int
        Of the comparisons with these rows.
    comparison : Comparison
        The first of them, whose protocol and input the others share.
    lines : tuple of SelectionLine
    curve : LuckCurve or None
        A guesser's scores on the same folds; None if no line has an oracle.
    """

    numbers: tuple[int, ...]
    comparison: Comparison
    lines: tuple[SelectionLine, ...]
    curve: LuckCurve | None


@dataclass(frozen=True)
class Remeasured:
    """A measured row beside the published one that it repeats.

    Parameters
    ----------
    published : PublishedRow
    comparison : int
        The number of the comparison that has the measured row.
    selection : str
        Its selection rule.
    entry : Entry
        The measured row.
    why_not : str
        Why the two cannot be compared; empty if they can.
    """

    published: PublishedRow
    comparison: int
    selection: str
    entry: Entry
    why_not: str


@dataclass(frozen=True)
class CitedTable:
    """Published scores of one protocol, as their source prints them.

    Parameters
    ----------
    protocol : str
        The protocol's name.
    source : str
    slices : tuple of str
        Every slice of a row.
    families : tuple of (str, tuple of PublishedRow)
    notes : mapping of str to int
        Note to its number, in order.
    warning : str
        A sentence for measured rows on synthetic data; may be empty.
    remeasured : tuple of Remeasured
        The measured rows of the same papers' methods.
    """

    protocol: str
    source: str
    slices: tuple[str, ...]
    families: tuple[tuple[str, tuple[PublishedRow, ...]], ...]
    notes: Mapping[str, int]
    warning: str
    remeasured: tuple[Remeasured, ...]


@dataclass(frozen=True)
class OverviewRow:
    """One method with the same settings in several comparisons.

    Parameters
    ----------
    title : str
    settings : str
        Badge, preset and parameters, and caveats; may be empty.
    entries : mapping of int to Entry
        Number of a comparison to the row there.
    """

    title: str
    settings: str
    entries: Mapping[int, Entry]


@dataclass(frozen=True)
class Overview:
    """Several protocols beside each other under one selection rule: a column is one comparison, so no input is mixed.

    Parameters
    ----------
    selection : str
    comparisons : tuple of Comparison
    rows : tuple of OverviewRow
    """

    selection: str
    comparisons: tuple[Comparison, ...]
    rows: tuple[OverviewRow, ...]


@dataclass(frozen=True, eq=False)
class ReportData:
    """Everything in a report; equal to itself only.

    Parameters
    ----------
    generated : datetime
        With a time zone; shown in UTC.
    version : str
        The version of mer-bench that wrote the report.
    comparisons : tuple of Comparison
    selections : tuple of SelectionTable
    overviews : tuple of Overview
        One for each selection rule; none unless real data was measured under two protocols.
    cited : tuple of CitedTable
    checks : tuple of Outcome
        What the checks say of the rows, without those that say nothing.
    rows : tuple of RowResults
        Each row once, even if it is in several comparisons.
    names : mapping of str to str
        Row key to the row's short name, as on the command line.
    commands : mapping of str to str
        Row key to the command that measures the row again.
    runs : mapping of str to tuple of Fact
        Run id to command, software and hardware of the run, oldest first.
    """

    generated: datetime
    version: str
    comparisons: tuple[Comparison, ...]
    selections: tuple[SelectionTable, ...]
    overviews: tuple[Overview, ...]
    cited: tuple[CitedTable, ...]
    checks: tuple[Outcome, ...]
    rows: tuple[RowResults, ...]
    names: Mapping[str, str]
    commands: Mapping[str, str]
    runs: Mapping[str, tuple[Fact, ...]]
