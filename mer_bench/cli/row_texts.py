"""Rows in words, for the terminal: their settings, and what a reader must know of their input and seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mer_bench.caveats import caveat_sentence
from mer_bench.result_texts import badge, differs_text, incomplete_text, input_text, preset_text, seeds_text
from mer_bench.results import RowResults, SeedResult
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


def caveat_lines(records: Sequence[RowRecord], names: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each caveat; it names its rows where other rows lack it."""
    for caveat in sorted({caveat for record in records for caveat in record["caveats"]}):
        concerned = [names[record["row_key"]] for record in records if caveat in record["caveats"]]
        which = "" if len(concerned) == len(records) else f"{', '.join(dict.fromkeys(concerned))}: "
        yield which + caveat_sentence(caveat)


def incomplete_lines(rows: Sequence[Sequence[SeedResult]], names: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each row of several seeds that has an incomplete one."""
    for seeds in rows:
        if len(seeds) > 1 and (incomplete := incomplete_text(seeds)):
            yield f"{names[seeds[0].record['row_key']]}: mean of {seeds_text(seeds)} seeds; {incomplete}"


def warning_lines(rows: Sequence[RowResults], names: Mapping[str, str]) -> Iterator[str]:
    """Yield what readers of a score of these rows must know: settings, caveats, and lost seeds."""
    records = [row.record for row in rows]
    yield from settings_lines(records, names)
    yield from caveat_lines(records, names)
    yield from incomplete_lines([row.seeds for row in rows], names)


def warnings_object(row: RowResults) -> dict[str, object]:
    """Return what `warning_lines` says of a row, for ``--json``."""
    record = row.record
    return {"caveats": record["caveats"], "badge": badge(record), "incomplete": incomplete_text(row.seeds)}
