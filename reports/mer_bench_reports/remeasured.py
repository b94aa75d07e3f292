"""Measured rows beside the published rows that they repeat, and why some cannot be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mer_bench.caveats import DATA_CAVEATS, caveat_sentence
from mer_bench.representations.settings import is_from_frames
from mer_bench.results import Mean
from mer_bench.scoring.metrics import TABLE_METRICS
from mer_bench.specs import PAPER_PRESET
from mer_bench.store.schema import RowRecord
from mer_bench_reports.inputs import NOT_STATED, input_facts
from mer_bench_reports.published import PublishedRow
from mer_bench_reports.report_data import Comparison, Entry, Remeasured

_COMPUTED = ("u", "v", "strain")
"""The channels of maps that are computed from frames."""


def remeasured(published: Iterable[PublishedRow], comparisons: Sequence[Comparison]) -> tuple[Remeasured, ...]:
    """Return every measured row of a published row's method, under the same protocol.

    A row that is in several comparisons is named with the first.

    Parameters
    ----------
    published : iterable of PublishedRow
    comparisons : sequence of Comparison
        Those of the report.
    """
    found: dict[tuple[str, str], Remeasured] = {}
    for row in published:
        for comparison in comparisons:
            for entry in comparison.entries if comparison.protocol["name"] == row.protocol else ():
                key = row.title, entry.row.record["row_key"]
                if entry.row.record["method"]["name"] == row.method and key not in found:
                    why_not = "; ".join(_reasons(row, entry))
                    found[key] = Remeasured(row, comparison.number, comparison.selection, entry, why_not)
    return tuple(found.values())


def difference(found: Remeasured, part: str, metric: int) -> tuple[float, Mean, float] | None:
    """Return a published score, the measured one, and measured less published; None if they cannot be compared.

    Parameters
    ----------
    found : Remeasured
    part : str
        A slice.
    metric : int
        0 for UF1, 1 for UAR.
    """
    mean = found.entry.row.means.get((part, TABLE_METRICS[metric]))
    printed = found.published.slices.get(part)
    if found.why_not or mean is None or printed is None:
        return None
    return printed[metric], mean, mean.value - printed[metric]


def _reasons(published: PublishedRow, entry: Entry) -> Iterator[str]:
    record = entry.row.record
    if published.other_samples:
        yield published.other_samples
    for caveat in record["caveats"]:
        yield f"{caveat} data" if caveat in DATA_CAVEATS else caveat_sentence(caveat)
    if entry.badge:
        yield entry.badge
    elif record["settings"]["reference"] != PAPER_PRESET:
        yield f"the method has no preset {PAPER_PRESET!r}"
    measured = measured_input(record)
    for label, text in published.stated.items():
        if measured[label] != text:
            yield f"other {label}: {measured[label]} here, {text} published"
    if not entry.row.is_complete:
        yield "not every seed is complete"


def measured_input(record: RowRecord) -> dict[str, str]:
    """Return of a row's input what published rows state, in the same words."""
    facts, made = dict(input_facts(record)), record["representation"]
    is_computed = is_from_frames(made["params"])
    channels = _COMPUTED if is_computed else ["strain" if c == "os" else c for c in record["input"]["channels"]]
    return {
        "representation": made["name"],
        "flow": facts["flow"],
        "channels": ", ".join(channels) or NOT_STATED,
    }
