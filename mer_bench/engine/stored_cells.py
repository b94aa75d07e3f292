"""The cells of a plan, as its store holds them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mer_bench.evaluation.cells import Cell
from mer_bench.evaluation.plan import Plan
from mer_bench.rules import ORACLE
from mer_bench.store import Store
from mer_bench.store.schema import CellRecord


@dataclass
class StoredCells:
    """The records of a plan's cells; each stored cell is read once, when this is created.

    Parameters
    ----------
    plan : Plan
    store : Store
    """

    plan: Plan
    store: Store
    records: dict[Cell, CellRecord | None] = field(init=False)
    """The stored record of each cell of the plan."""
    damaged: set[Cell] = field(init=False)
    """Cells whose files cannot be used, which was said once."""

    def __post_init__(self) -> None:
        present = set(self._present(self.plan.cells))
        self.records = {cell: self._record(self.store, cell) if cell in present else None for cell in self.plan.cells}
        self.damaged = {cell for cell in present if self.records[cell] is None}

    def is_done(self, cell: Cell) -> bool:
        """Return whether a cell has predictions, and with selection ``oracle`` its scores of every epoch."""
        record = self.records[cell]
        if record is None or record["status"] != "ok":
            return False
        row = self.plan.rows[cell.row].record
        needs_epochs = self.plan.selection == ORACLE and record["epoch_scores"] != ""
        return not needs_epochs or self.store.read_epoch_scores(record["key"], row, record) is not None

    def missing(self) -> list[Cell]:
        """Return the cells that are not done."""
        return [cell for cell in self.plan.cells if not self.is_done(cell)]

    def read(self, cells: Iterable[Cell]) -> None:
        """Read cells again."""
        self.records.update({cell: self._record(self.store, cell) for cell in cells})

    def new(self, cells: Iterable[Cell]) -> list[Cell]:
        """Return those of the cells that others have stored since they were read, and keep their records."""
        # Without notices: what cannot be used would be named at every look.
        quiet = Store(self.store.path)
        now = {cell: self._record(quiet, cell) for cell in self._present(cells)}
        found = {cell: record for cell, record in now.items() if record is not None and record != self.records[cell]}
        self.records.update(found)
        return list(found)

    def is_file(self, cell: Cell) -> bool:
        """Return whether a cell has a file now, whatever it holds."""
        return self.store.cell_file(self.plan.rows[cell.row].record, cell.seed, cell.fold).exists()

    def _present(self, cells: Iterable[Cell]) -> list[Cell]:
        """Return those of the cells that have a file: one look at each folder, as most of a large plan are missing."""
        of_seed: dict[tuple[int, int], list[Cell]] = {}
        for cell in cells:
            of_seed.setdefault((cell.row, cell.seed), []).append(cell)
        found = []
        for (row, seed), own in of_seed.items():
            stored = self.store.stored_folds(self.plan.rows[row].record, seed)
            found += [cell for cell in own if cell.fold in stored]
        return found

    def _record(self, store: Store, cell: Cell) -> CellRecord | None:
        return store.read_cell(self.plan.rows[cell.row].record, cell.seed, cell.fold)
