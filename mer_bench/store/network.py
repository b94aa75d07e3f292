"""How large the network of a row is, and what one forward pass costs: ``network.json`` in the row's folder."""

from __future__ import annotations

from typing import TypedDict

from mer_bench.store.files import write_record
from mer_bench.store.row_facts import read_row_facts
from mer_bench.store.schema import SCHEMA, RowRecord
from mer_bench.store.store import Store

_MOST = 10**18
"""More parameters or operations than any network has; a larger number is a damaged one, and may fit no float."""
_LOSS = "the size of its network is not known"


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
    network = read_row_facts(store, record, file, NetworkRecord, _LOSS)
    if network is None or all(0 <= (number or 0) <= _MOST for number in (network["trainable"], network["flops"])):
        return network
    wrong = "flops" if 0 <= network["trainable"] <= _MOST else "trainable"
    store.notice(f"{file}: {wrong!r} is missing or wrong; {_LOSS}")
    return None


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
