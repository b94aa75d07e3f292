"""Read every file of a store, and say what is wrong."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mer_bench.errors import MerBenchError
from mer_bench.store.cell import cell_key
from mer_bench.store.near_duplicates import read_near_duplicates
from mer_bench.store.network import read_network
from mer_bench.store.run_plan import read_plan
from mer_bench.store.schema import RowRecord
from mer_bench.store.store import Store
from mer_bench.store.verification import read_verification

_GC = "`mer-bench store gc` removes it"


@dataclass(frozen=True)
class Problem:
    """What is wrong with a file.

    Parameters
    ----------
    file : str
        Its path in the results folder.
    problem : str
        A sentence that names the file and says what to do, if anything must be done.
    """

    file: str
    problem: str


@dataclass(frozen=True)
class Checked:
    """What `check_store` found.

    Parameters
    ----------
    rows, cells, files : int
        Number of usable rows and cells, and of all files that were looked at.
    problems : tuple of Problem
    """

    rows: int
    cells: int
    files: int
    problems: tuple[Problem, ...]


def check_store(path: Path) -> Checked:
    """Read every file of a store; nothing is written.

    Parameters
    ----------
    path : Path
        The results folder.

    Raises
    ------
    MerBenchError
        There is no store of this schema.
    """
    return _Check.of(path).checked()


@dataclass
class _Check:
    store: Store
    notices: list[str]
    problems: list[Problem] = field(default_factory=list)
    seen: set[Path] = field(default_factory=set)
    runs: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    cells: int = 0

    @classmethod
    def of(cls, path: Path) -> _Check:
        notices: list[str] = []
        return cls(Store.open(path, notices.append), notices)

    def checked(self) -> Checked:
        for file in sorted(self.store.path.glob("cells/*/*/*/row.json")):
            row = self.store.read_row_file(file)
            self._looked_at(file)
            if row is not None:
                self.rows += 1
                self._check_row(row)
        self._check_runs()
        n_files = self._check_others()
        problems = tuple(sorted(self.problems, key=lambda problem: problem.file))
        return Checked(self.rows, self.cells, n_files, problems)

    def _check_row(self, row: RowRecord) -> None:
        for seed in self.store.seeds(row):
            for fold in sorted(self.store.stored_folds(row, seed)):
                self._check_cell(row, seed, fold)
        read_verification(self.store, row)
        self._looked_at(self.store.verification_file(row))
        read_network(self.store, row)
        self._looked_at(self.store.network_file(row))
        read_near_duplicates(self.store, row)
        self._looked_at(self.store.near_duplicates_file(row))

    def _check_cell(self, row: RowRecord, seed: int, fold: str) -> None:
        file = self.store.cell_file(row, seed, fold)
        epochs = self.store.epoch_scores_file(cell_key(row["row_key"], seed, fold))
        # Scores of a damaged or failed cell are no orphans: it is computed again.
        self.seen.add(epochs)
        if fold not in row["folds"]:
            self._problem(file, "its row has no such fold; delete it")
            self.seen.add(file)
            return
        cell = self.store.read_cell(row, seed, fold)
        self._looked_at(file)
        if cell is None:
            return
        self.cells += 1
        self.runs[cell["run_id"]] += 1
        if cell["epoch_scores"]:
            if not epochs.exists():
                self._problem(epochs, f"it is missing, and its cell is {file}; delete the cell, and run again")
            self.store.read_epoch_scores(cell["key"], row, cell)
            self._looked_at(epochs)

    def _check_runs(self) -> None:
        for file in sorted(self.store.path.glob("runs/*/manifest.json")):
            run_id = file.parent.name
            manifest = self.store.manifest(run_id)
            self._looked_at(file)
            if manifest is not None and manifest.get("run_id") != run_id:
                self._problem(file, "it is the manifest of another run; delete it")
        for run_id, n_cells in self.runs.items():
            file = self.store.run_folder(run_id) / "manifest.json"
            if not file.exists():
                self._problem(file, f"it is missing; how {n_cells} cells were computed is not known")
        for file in sorted(self.store.path.glob("runs/*/plan.json")):
            self._check_plan(file)

    def _check_plan(self, file: Path) -> None:
        try:
            read_plan(self.store, file.parent.name)
        except MerBenchError as error:
            self.problems.append(Problem(self._place(file), str(error)))

    def _check_others(self) -> int:
        """Report files that nothing refers to, and return the number of all files."""
        temporary = set(self.store.temporary_files())
        lost: Counter[Path] = Counter()
        n_files = 0
        for file in sorted(self.store.path.rglob("*")):
            if not file.is_file():
                continue
            n_files += 1
            place = Path(self._place(file))
            if file in temporary:
                self._problem(file, f"it is what a process writes, or has left when it was killed: {_GC} then")
            elif file in self.seen:
                continue
            elif place.parts[0] == "artifacts":
                self._problem(file, f"it belongs to no stored cell; {_GC}")
            elif place.parts[0] == "cells":
                lost[Path(*place.parts[:4])] += 1
        for folder, n_lost in lost.items():
            usable = (self.store.path / folder / "row.json").exists() and self._is_usable(folder)
            why = "are none of a row; delete them" if usable else "belong to no usable row; run again, or delete them"
            self._problem(self.store.path / folder, f"{n_lost} files in it {why}")
        return n_files

    def _is_usable(self, folder: Path) -> bool:
        return not any(problem.file == str(folder / "row.json") for problem in self.problems)

    def _looked_at(self, file: Path) -> None:
        """Take what the store has said while a file was read as problems of the file."""
        self.seen.add(file)
        self.problems += [Problem(self._place(file), re.sub(r"\s+", " ", notice)) for notice in self.notices]
        self.notices.clear()

    def _problem(self, file: Path, sentence: str) -> None:
        self.problems.append(Problem(self._place(file), f"{file}: {sentence}"))

    def _place(self, file: Path) -> str:
        return str(file.relative_to(self.store.path))
