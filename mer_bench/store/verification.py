"""Which cells of a row were computed again, and with what outcome: ``verified.json`` in the row's folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from mer_bench.store.files import digest, write_record
from mer_bench.store.row_facts import read_row_facts
from mer_bench.store.schema import SCHEMA, CellRecord, RowRecord
from mer_bench.store.store import Store

Outcome = Literal["same", "differs", "within-spread"]
"""``same``: the same scores to the bit, those of every epoch included. ``within-spread``: other ones, no further off
than another seed's."""


class VerifiedCell(TypedDict):
    seed: int
    fold: str
    cell_digest: str
    """Hash of the row and of the stored scores that were compared, from `cell_digest`."""
    outcome: Outcome
    compared: Literal["exact", "spread"]
    """``exact`` wherever the bits must be the same (on the CPU, with the arithmetic ``avx2`` or on the same processor),
    ``spread`` elsewhere."""
    reason: str
    """Why it differs; empty unless it does."""
    processor: str
    """The processor of the machine that computed the cell again."""
    when: str
    """ISO 8601, UTC."""


class VerificationRecord(TypedDict):
    """``verified.json``: the latest comparison of each cell that was computed again."""

    schema: int
    row_key: str
    cells: list[VerifiedCell]


@dataclass(frozen=True)
class Verification:
    """The cells of a row that were computed again.

    Parameters
    ----------
    entries : tuple of VerifiedCell
        At most one for each seed and fold, ordered by them.
    """

    entries: tuple[VerifiedCell, ...] = ()

    @property
    def confirmed(self) -> tuple[VerifiedCell, ...]:
        """The entries of cells that came out the same, or within the spread of seeds."""
        return tuple(entry for entry in self.entries if entry["outcome"] != "differs")

    @property
    def differing(self) -> tuple[VerifiedCell, ...]:
        """The entries of cells that came out otherwise."""
        return tuple(entry for entry in self.entries if entry["outcome"] == "differs")

    def of(self, store: Store, record: RowRecord, cells: Iterable[CellRecord]) -> Verification:
        """Return the entries that still apply: those of finished cells that contain what was compared, in this row."""
        finished = {(cell["seed"], cell["fold"]): cell for cell in cells if cell["status"] == "ok"}
        known = [(entry, finished.get((entry["seed"], entry["fold"]))) for entry in self.entries]
        return Verification(
            tuple(
                entry
                for entry, cell in known
                if cell is not None and cell_digest(store, record, cell) == entry["cell_digest"]
            )
        )


def cell_digest(store: Store, record: RowRecord, cell: CellRecord) -> str:
    """Return the hash of a row with its true labels, and of a cell's predictions, selected epoch and epochs' scores."""
    epochs = store.epoch_scores_digest(cell["key"]) if cell["epoch_scores"] else None
    return digest([record, cell["predictions"], cell["selected_epoch"], epochs])


def read_verification(store: Store, record: RowRecord) -> Verification:
    """Return what is stored on a row; nothing, and a notice, if the file cannot be used.

    An entry may be older than the stored cell: `Verification.of` selects those that still apply.
    """
    file = store.verification_file(record)
    content = read_row_facts(store, record, file, VerificationRecord, "its row counts as not verified")
    return Verification() if content is None else _latest(content["cells"])


def write_verification(store: Store, record: RowRecord, entries: Sequence[VerifiedCell]) -> None:
    """Store comparisons of a row's cells; they replace earlier ones of the same cells, and the others stay.

    Raises
    ------
    MerBenchError
        The results folder cannot be written.
    """
    merged = _latest([*read_verification(store, record).entries, *entries])
    content: VerificationRecord = {"schema": SCHEMA, "row_key": record["row_key"], "cells": list(merged.entries)}
    write_record(store.verification_file(record), content)


def _latest(entries: Iterable[VerifiedCell]) -> Verification:
    by_cell = {(entry["seed"], entry["fold"]): entry for entry in entries}
    return Verification(tuple(by_cell[place] for place in sorted(by_cell)))
