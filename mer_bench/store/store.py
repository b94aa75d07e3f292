"""The store: a folder with one JSON file for each finished cell."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import TypeVar, cast

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError, Notice
from mer_bench.locks import remove_leftover
from mer_bench.store.cell import cell_key, read_cell_file
from mer_bench.store.consistency import cell_problem, epochs_problem, row_problem
from mer_bench.store.epoch_scores import read_scores_file, scores_digest, write_scores_file
from mer_bench.store.files import read_record, unwritable, write_record
from mer_bench.store.marker import check_schema, marker, refuse_others, write_marker
from mer_bench.store.schema import SCHEMA, CellRecord, RowRecord
from mer_bench.store.validation import misfit

_TEMPORARY = f".*.{'?' * 24}.tmp"
_LEFTOVERS = (_TEMPORARY, *(f"{folder}/{_TEMPORARY}" for folder in ("cells/**", "runs/*", "artifacts/*")))
"""Temporary files that a process may leave when it is killed while writing."""

KEY_LENGTH = 12
"""Characters of a row's key in the name of its folder."""

_RecordT = TypeVar("_RecordT", RowRecord, CellRecord, dict[str, object])


RUN_ID = re.compile(r"\d{8}T\d{6}-[0-9a-f]{6}(-[0-9a-f]{6})?")
"""The id of a run, or of a part of one."""


def new_run_id() -> str:
    """Return the id of a new run: when it starts, and random digits."""
    return f"{datetime.now(timezone.utc):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


class Store:
    """A results folder.

    A stored file that contradicts its row (missing, duplicate or unknown sample ids, other labels) is never scored. It
    is reported and counts as absent: reports show the fold as missing, and the next run computes it again. One bad file
    does not block the others.

    Parameters
    ----------
    path : Path
        The folder; `create` makes it. Stored as an absolute path, because a method may change the current folder.
    notice : callable, optional
        Called with a sentence for every file that cannot be used and so counts as absent.
    """

    def __init__(self, path: Path, notice: Notice = lambda sentence: None) -> None:
        self.path = path.absolute()
        self.notice = notice

    @classmethod
    def create(cls, path: Path, notice: Notice = lambda sentence: None) -> Store:
        """Open the store at ``path``, or create it if there is none.

        Raises
        ------
        MerBenchError
            The folder cannot be created, contains something else, or was made by a mer-bench with another schema.
        """
        if not marker(path).exists():
            refuse_others(path)
            write_marker(path)
        return cls.open(path, notice)

    @classmethod
    def look(cls, path: Path, notice: Notice = lambda sentence: None) -> Store:
        """Open a store for reading, even if there is none yet; nothing is written.

        Raises
        ------
        MerBenchError
            The folder contains something else, or was made by a mer-bench with another schema.
        """
        if marker(path).exists():
            return cls.open(path, notice)
        refuse_others(path)
        return cls(path, notice)

    @classmethod
    def open(cls, path: Path, notice: Notice = lambda sentence: None) -> Store:
        """Open an existing store for reading.

        Raises
        ------
        MerBenchError
            There is none at ``path``, or a mer-bench with another schema made it.
        """
        check_schema(path)
        return cls(path, notice)

    def get_ready(self) -> None:
        """Check that the store can be written, and remove temporary files of killed processes.

        Raises
        ------
        MerBenchError
            It cannot be written.
        """
        try:
            with TemporaryFile(dir=self.path, buffering=0) as probe:
                probe.write(b"mer-bench")
        except OSError as error:
            raise unwritable(self.path, error) from error
        for file in self.temporary_files():
            remove_leftover(file)

    def write_row(self, row: RowRecord) -> None:
        """Store what the cells of one row share; a stored file that cannot be used, or that differs, is replaced."""
        target = self._row_folder(row) / "row.json"
        # Compared as text, because order matters: the first slice is the full one.
        if not target.exists() or json.dumps(self.read_row_file(target)) != json.dumps(row):
            write_record(target, row)

    def row(self, key: str) -> RowRecord | None:
        """Return a stored row by its key; None if there is none, or if its file cannot be used."""
        found = map(self.read_row_file, self.path.glob(f"cells/*/*/{key[:KEY_LENGTH]}/row.json"))
        return next((row for row in found if row is not None and row["row_key"] == key), None)

    def rows(self) -> Iterator[RowRecord]:
        """Return every stored row, ordered by protocol, method and key; unusable ones are skipped with a notice."""
        rows = map(self.read_row_file, sorted(self.path.glob("cells/*/*/*/row.json")))
        return (row for row in rows if row is not None)

    def temporary_files(self) -> Iterator[Path]:
        """Return the temporary files in the store, of processes that write or were killed while writing."""
        return (file for pattern in _LEFTOVERS for file in self.path.glob(pattern))

    def cell_file(self, row: RowRecord, seed: int, fold: str) -> Path:
        """Return the path of a cell, stored or not."""
        return self._row_folder(row) / f"seed-{seed}/{fold}.json"

    def verification_file(self, row: RowRecord) -> Path:
        """Return the path of what `mer_bench.store.verification` writes on a row, stored or not."""
        return self._row_folder(row) / "verified.json"

    def network_file(self, row: RowRecord) -> Path:
        """Return the path of what `mer_bench.store.network` writes on a row, stored or not."""
        return self._row_folder(row) / "network.json"

    def near_duplicates_file(self, row: RowRecord) -> Path:
        """Return the path of what `mer_bench.store.near_duplicates` writes on a row, stored or not."""
        return self._row_folder(row) / "near-duplicates.json"

    def epoch_scores_file(self, key: str) -> Path:
        """Return the path of a cell's scores of every epoch, stored or not."""
        return self.path / "artifacts" / key / "epoch_scores.safetensors"

    def stored_folds(self, row: RowRecord, seed: int) -> set[str]:
        """Return the folds with a stored cell, usable or not: one look at a folder, where many cells may be missing."""
        folder = self.cell_file(row, seed, "any").parent
        return {file.stem for file in folder.glob("[!.]*.json")}

    def write_cell(self, row: RowRecord, cell: CellRecord) -> None:
        """Store one finished cell."""
        write_record(self.cell_file(row, cell["seed"], cell["fold"]), cell)

    def read_cell(self, row: RowRecord, seed: int, fold: str) -> CellRecord | None:
        """Return a stored cell; None if there is none, or if its file cannot be used or contradicts its row."""
        # A text: to make a path takes half as long as to read the file.
        file = f"{self._row_folder(row)}/seed-{seed}/{fold}.json"
        try:
            # Why a damaged one cannot be used, `_parsed` says.
            cell = read_cell_file(file) or self._parsed(Path(file), CellRecord)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if cell is None:
            return None
        if cell["key"] != cell_key(row["row_key"], seed, fold):
            self.notice(f"{file} counts as absent: it has the key of another cell")
            return None
        if problem := cell_problem(cell, row, seed, fold):
            self.notice(f"{file} counts as absent: {problem}")
            return None
        return cell

    def seeds(self, row: RowRecord) -> list[int]:
        """Return the seeds with anything stored, in ascending order."""
        folders = self._row_folder(row).glob("seed-*")
        names = (folder.name.removeprefix("seed-") for folder in folders)
        return sorted(int(name) for name in names if name.isdecimal() and str(int(name)) == name)

    def remove_row(self, row: RowRecord) -> None:
        """Remove a row with all its cells and their artifacts.

        ``row.json`` is removed last: a removal that was stopped can be repeated.

        Raises
        ------
        MerBenchError
            A file cannot be removed.
        """
        folder = self._row_folder(row)
        try:
            for seed in self.seeds(row):
                for fold in row["folds"]:
                    artifacts = self.epoch_scores_file(cell_key(row["row_key"], seed, fold)).parent
                    if artifacts.exists():
                        shutil.rmtree(artifacts)
                shutil.rmtree(folder / f"seed-{seed}")
            shutil.rmtree(folder)
            for empty in (folder.parent, folder.parent.parent):
                if not any(empty.iterdir()):
                    empty.rmdir()
        except OSError as error:
            cure = "check its permissions and remove the row again"
            raise MerBenchError(f"cannot remove {error.filename} ({error.strerror}); {cure}") from error

    def write_epoch_scores(self, key: str, sample_ids: list[str], scores: FloatArray) -> str:
        """Store a fold's scores of every epoch, and return the file's SHA-256, for the cell's ``epoch_scores``.

        Parameters
        ----------
        key : str
            The cell's key.
        sample_ids : list of str
            The held-out subject's samples, in the order of axis 1.
        scores : ndarray of shape (n_epochs, n_samples, n_classes), float32
        """
        return write_scores_file(self.epoch_scores_file(key), sample_ids, scores)

    def read_epoch_scores(
        self, key: str, row: RowRecord | None = None, cell: CellRecord | None = None
    ) -> tuple[list[str], FloatArray] | None:
        """Return sample ids and scores as given to `write_epoch_scores`; None if they cannot be used.

        Parameters
        ----------
        key : str
            The cell's key.
        row, cell : RowRecord and CellRecord, optional
            If they are given, scores that contradict them cannot be used.
        """
        file = self.epoch_scores_file(key)
        try:
            sample_ids, scores = read_scores_file(file, None if cell is None else cell["epoch_scores"])
        except FileNotFoundError:
            return None
        except ValueError as error:
            self.notice(f"{file} cannot be read ({error}); the oracle diagnostic of this fold is missing")
            return None
        if row is not None and cell is not None and (problem := epochs_problem(sample_ids, scores, row, cell)):
            self.notice(f"{file} cannot be used: {problem}; the oracle diagnostic of this fold is missing")
            return None
        return sample_ids, scores

    def epoch_scores_digest(self, key: str) -> str:
        """Return the SHA-256 of a cell's file of epoch scores, whatever it holds; empty if it cannot be read."""
        return scores_digest(self.epoch_scores_file(key))

    def start_run(self, manifest: Mapping[str, object], run_id: str | None = None) -> str:
        """Store the manifest of a run and return the run's id.

        Parameters
        ----------
        manifest : mapping
        run_id : str, optional
            A new one by default. The manifest of a run that has one is kept.
        """
        run_id = run_id or new_run_id()
        file = self._manifest_file(run_id)
        if not file.exists():
            started = datetime.now(timezone.utc).isoformat()
            write_record(file, {**manifest, "run_id": run_id, "started": started})
        return run_id

    def run_folder(self, run_id: str) -> Path:
        """Return the folder of a run, stored or not."""
        return self.path / "runs" / run_id

    def manifest(self, run_id: str) -> dict[str, object] | None:
        """Return the manifest of a run; None if there is none."""
        file = self._manifest_file(run_id)
        return self._parsed(file, dict[str, object]) if file.exists() else None

    def read_row_file(self, file: Path) -> RowRecord | None:
        """Return the row of a ``row.json``; None, and a notice, if it cannot be used."""
        row = self._parsed(file, RowRecord)
        if row is None:
            return None
        problem = row_problem(row)
        if problem is None and self._row_folder(row) != file.parent:
            problem = "it is the record of another row"
        if problem is not None:
            self.notice(f"{file} counts as absent: {problem}")
            return None
        return row

    def _parsed(self, file: Path, kind: type[_RecordT]) -> _RecordT | None:
        try:
            content = read_record(file)
        except MerBenchError as error:
            self.notice(f"{error}; it counts as absent")
            return None
        if not isinstance(content, dict) or content.get("schema", SCHEMA) != SCHEMA:
            self.notice(f"{file} has a schema that this mer-bench cannot read; it counts as absent")
            return None
        if (place := misfit(content, kind)) is not None:
            self.notice(f"{file}: {place!r} is missing or of the wrong type; the file counts as absent")
            return None
        return cast(_RecordT, content)

    def _row_folder(self, row: RowRecord) -> Path:
        protocol = f"{row['protocol']['name']}@{row['protocol']['version']}"
        return _joined(self.path, f"cells/{protocol}/{row['method']['name']}/{row['row_key'][:KEY_LENGTH]}")

    def _manifest_file(self, run_id: str) -> Path:
        return self.run_folder(run_id) / "manifest.json"


@lru_cache(maxsize=1024)
def _joined(folder: Path, place: str) -> Path:
    # Each cell of a row asks for it, and pathlib takes its time.
    return folder / place
