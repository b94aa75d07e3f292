"""What identifies a row, and where and when it was computed."""

from __future__ import annotations

from collections.abc import Iterator

from mer_bench.result_texts import verification_text
from mer_bench.results import RowResults
from mer_bench_reports.inputs import input_facts, representation_text
from mer_bench_reports.provenance import machine_facts, params_text, protocol_name, without_folders
from mer_bench_reports.report_data import Fact
from mer_bench_reports.settings_texts import row_badge, settings_text


def row_facts(row: RowResults, command: str) -> tuple[Fact, ...]:
    """Return everything that a report says of a row besides its scores.

    Parameters
    ----------
    row : RowResults
    command : str
        The one that measures it again.
    """
    record = row.record
    method, protocol = record["method"], record["protocol"]
    seeds = ", ".join(str(seed.seed) for seed in row.seeds)
    settings = [text for text in (row_badge(record), settings_text(record)) if text]
    return (
        ("method", f"{method['name']}, version {method['version']}"),
        ("citation", method["citation"] or "none"),
        ("settings", "; ".join(settings)),
        ("parameters", params_text(record["params"]) or "none"),
        *((label if label == "input" else f"input {label}", text) for label, text in input_facts(record)),
        ("representation", representation_text(record)),
        ("protocol", f"{protocol_name(protocol)}, hash {protocol['hash'][:12]}"),
        ("data fingerprints", ", ".join(f"{name} {value[:12]}" for name, value in record["fingerprints"].items())),
        ("caveats", ", ".join(record["caveats"]) or "none"),
        ("row key", record["row_key"][:12]),
        ("seeds", f"{seeds} (deterministic)" if record["deterministic"] else seeds),
        *machine_facts(row),
        ("verification", verification_text(row)),
        ("computing time", f"{sum(cell['seconds'] for cell in row.stored):.1f} s, summed over all cells"),
        *_network_facts(row),
        ("measured again by", command),
    )


def _network_facts(row: RowResults) -> Iterator[Fact]:
    network = row.network
    if network is None:
        return
    flops = "not known" if network["flops"] is None else f"{network['flops']:,}"
    lacks = f"; not counted: {without_folders(network['not_counted'])}" if network["not_counted"] else ""
    yield "trainable parameters", f"{network['trainable']:,}"
    yield "FLOPs of one sample", f"{flops}{lacks}"
