"""Rows in words, for the terminal: their settings, and what a reader must know of their input and seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mer_bench.result_texts import badge, differs_text, input_text, preset_text
from mer_bench.results import SeedResult
from mer_bench.specs import PAPER_PRESET
from mer_bench.store.schema import RowRecord

DETERMINISTIC = "deterministic"
"""Stands where other rows have a seed, or the number of their seeds."""
DEVIATION = "± is the standard deviation over seeds"


def settings_text(record: RowRecord) -> str:
    """Return preset, badge and everything that differs from the paper's preset.

    ``quick, epochs=5, not the paper's training; differs from paper in width=96, epochs=5``
    """
    settings = record["settings"]
    text = badge(record) or preset_text(record)
    if not settings["differs"] or settings["differs"] == settings["changed"]:
        return text
    reference = settings["reference"] if settings["reference"] == PAPER_PRESET else "the default settings"
    return f"{text}; differs from {reference} in {differs_text(record)}"


def seed_text(result: SeedResult) -> str:
    """Return the seed of a result, or that its method draws no random number."""
    return DETERMINISTIC if result.record["deterministic"] else str(result.seed)


def settings_lines(records: Sequence[RowRecord], names: Mapping[str, str]) -> Iterator[str]:
    """Yield a line with the settings of each row.

    Parameters
    ----------
    records : sequence of RowRecord
    names : mapping of str to str
        Row key to the name to show.
    """
    for record in records:
        yield f"{names[record['row_key']]}: {settings_text(record)}"


def input_lines(records: Sequence[RowRecord], names: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each input; it names its rows where the rows have several inputs."""
    rows_of: dict[str, list[str]] = {}
    for record in records:
        rows_of.setdefault(input_text(record), []).append(names[record["row_key"]])
    for text, rows in rows_of.items():
        yield f"input: {text}" if len(rows_of) == 1 else f"{', '.join(rows)}: input: {text}"
