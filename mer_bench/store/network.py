"""How large the network of a row is, and what one forward pass costs: ``network.json`` in the row's folder."""

from __future__ import annotations

from typing import TypedDict

from mer_bench.errors import MerBenchError
from mer_bench.store.files import read_record, write_record
from mer_bench.store.schema import SCHEMA, RowRecord
from mer_bench.store.store import Store
from mer_bench.store.validation import misfit

_MOST = 10**18
"""More parameters or operations than any network has; a larger number is a damaged one, and may fit no float."""


class NetworkRecord(TypedDict):
    """``network.json``; no score depends on it, and it may be missing."""

    schema: int
    row_key: str
    trainable: int
    """Number of trainable parameters."""
    flops: int | None
    """Of one forward pass of one sample, 2 per multiply-add, in convolutions, matrix products and attention; None if it
    fails."""
    not_counted: str
    """Operations that ``flops`` lacks, or why it is None; may be empty."""


def read_network(store: Store, record: RowRecord) -> NetworkRecord | None:
    """Return what is stored of a row's network; None, and a notice, if the file cannot be used."""
    file = store.network_file(record)
    if not file.exists():
        return None
    try:
        content = read_record(file)
    except MerBenchError as error:
        store.notice(f"{error}; the size of its network is not known")
        return None
    place = misfit(content, NetworkRecord)
    if place is None and (content["schema"], content["row_key"]) != (SCHEMA, record["row_key"]):
        place = "row_key"
    if place is None:
        place = next((name for name in ("trainable", "flops") if not 0 <= (content[name] or 0) <= _MOST), None)
    if place is not None:
        store.notice(f"{file}: {place!r} is missing or wrong; the size of its network is not known")
        return None
    network: NetworkRecord = content
    return network


def write_network(store: Store, record: RowRecord, *, trainable: int, flops: int | None, not_counted: str) -> None:
    """Store what a row's network costs.

    Raises
    ------
    MerBenchError
        The results folder cannot be written.
    """
    content: NetworkRecord = {
        "schema": SCHEMA,
        "row_key": record["row_key"],
        "trainable": trainable,
        "flops": flops,
        "not_counted": not_counted,
    }
    write_record(store.network_file(record), content)
