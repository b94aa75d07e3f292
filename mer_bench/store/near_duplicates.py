"""Which samples of different subjects look the same in a row's input: ``near-duplicates.json`` in the row's folder."""

from __future__ import annotations

from typing import TypedDict

from mer_bench.store.files import write_record
from mer_bench.store.row_facts import read_row_facts
from mer_bench.store.schema import SCHEMA, RowRecord
from mer_bench.store.store import Store


class NearDuplicate(TypedDict):
    samples: list[str]
    """The ids of two samples, of different subjects."""
    correlation: float
    """Of their standardised inputs, from -1 to 1."""


class NearDuplicates(TypedDict):
    """What was found among a row's samples."""

    threshold: float
    """A pair with this correlation or a higher one is a near-duplicate."""
    highest: float
    """The highest correlation of two samples of different subjects, whether it reaches the threshold or not."""
    found: int
    """How many pairs reach the threshold."""
    pairs: list[NearDuplicate]
    """The first of them, with the highest correlation first."""


class NearDuplicatesRecord(NearDuplicates):
    """``near-duplicates.json``; no score depends on it, and rows of older versions lack it."""

    schema: int
    row_key: str


def read_near_duplicates(store: Store, row: RowRecord) -> NearDuplicates | None:
    """Return what is stored of a row; None, and a notice, if the file cannot be used."""
    loss = "whether its samples have near-duplicates is not known"
    file = store.near_duplicates_file(row)
    known = read_row_facts(store, row, file, NearDuplicatesRecord, loss)
    if known is not None and any(len(pair["samples"]) != 2 for pair in known["pairs"]):
        store.notice(f"{file}: 'pairs' is missing or wrong; {loss}")
        return None
    return known


def write_near_duplicates(store: Store, row: RowRecord, known: NearDuplicates) -> None:
    """Store what was found among a row's samples.

    Raises
    ------
    MerBenchError
        The results folder cannot be written.
    """
    content: NearDuplicatesRecord = {
        "schema": SCHEMA,
        "row_key": row["row_key"],
        "threshold": known["threshold"],
        "highest": known["highest"],
        "found": known["found"],
        "pairs": known["pairs"],
    }
    write_record(store.near_duplicates_file(row), content)
