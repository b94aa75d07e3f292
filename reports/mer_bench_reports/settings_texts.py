"""How a report names the settings of a row, without folders."""

from __future__ import annotations

from mer_bench.result_texts import badge, differs_text, preset_text
from mer_bench.store.schema import RowRecord
from mer_bench_reports.provenance import without_folders


def row_badge(record: RowRecord) -> str:
    """Return the badge of a row that is not trained as its paper says; else nothing."""
    return without_folders(badge(record))


def settings_text(record: RowRecord) -> str:
    """Return a row's preset and what was changed in it, and every parameter that differs from the paper's preset.

    What its badge says is left out, so that it may be empty.
    """
    settings = record["settings"]
    has_badge = bool(badge(record))
    parts = [] if has_badge else [f"preset {preset_text(record)}" if settings["preset"] else preset_text(record)]
    if settings["reference"] != settings["preset"] and settings["differs"]:
        reference = f"preset {settings['reference']}" if settings["reference"] else "the defaults"
        parts.append(f"differs from {reference} in {differs_text(record)}")
    return without_folders("; ".join(parts))
