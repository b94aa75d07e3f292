"""The plots of a report: one module for each kind of question."""

from __future__ import annotations

from mer_bench_reports.plots.certainty import differences, forest
from mer_bench_reports.plots.costs import costs
from mer_bench_reports.plots.samples import recalls, subjects
from mer_bench_reports.plots.selection import luck, slopes, training
from mer_bench_reports.plots.sweeps import sweeps
from mer_bench_reports.report_data import Comparison, SelectionTable
from mer_bench_reports.svg import Plot


def plots(comparison: Comparison) -> list[Plot]:
    """Return the plots of a comparison for which it has anything to show."""
    drawn = (
        forest(comparison),
        differences(comparison),
        recalls(comparison),
        subjects(comparison),
        *sweeps(comparison),
        costs(comparison),
    )
    return [plot for plot in drawn if plot is not None]


def selection_plots(table: SelectionTable) -> list[Plot]:
    """Return the plots of a table of selection rules for which it has anything to show."""
    return [plot for plot in (slopes(table), *training(table), luck(table)) if plot is not None]
