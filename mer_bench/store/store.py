"""The store: a folder with one JSON file for each finished cell."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError, Notice
from mer_bench.store.consistency import cell_problem, epochs_problem, row_problem
from mer_bench.store.files import digest, read_json, write_bytes, write_json
from mer_bench.store.schema import SCHEMA, CellRecord, RowRecord
from mer_bench.store.validation import misfit

_TEMPORARY = f".*.{'?' * 16}.tmp"
_LEFTOVERS = (
    ".probe-*",
    _TEMPORARY,
    *(f"{folder}/{_TEMPORARY}" for folder in ("cells/**", "runs/*", "artifacts/*")),
)
"""Temporary files that a process may leave when it is killed while writing."""

_MIN_AGE_SECONDS = 3600
"""Another process may still be writing a younger file."""

_RecordT = TypeVar("_RecordT", RowRecord, CellRecord, dict[str, object])


def cell_key(row_key: str, seed: int, fold: str) -> str:
    """Return a cell's key: SHA-256 over its row, seed and fold."""
    return digest({"row": row_key, "seed": seed, "fold": fold})


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
        """Open the store at ``path``, create it if there is none, and check that it can be written.

        Temporary files of killed processes are removed.

        Raises
        ------
        MerBenchError
            The folder cannot be written, contains something else, or was made by a mer-bench with another schema.
        """
        marker = path / "store.json"
        if not marker.exists():
            _refuse_others(path)
            write_json(marker, {"schema": SCHEMA})
        store = cls.open(path, notice)
        probe = store.path / f".probe-{secrets.token_hex(4)}"
        write_bytes(probe, b"mer-bench")
        probe.unlink()
        _sweep(store.path)
        return store

    @classmethod
    def look(cls, path: Path, notice: Notice = lambda sentence: None) -> Store:
        """Open a store for reading, even if there is none yet; nothing is written.

        Raises
        ------
        MerBenchError
            The folder contains something else, or was made by a mer-bench with another schema.
        """
        if (path / "store.json").exists():
            return cls.open(path, notice)
        _refuse_others(path)
        return cls(path, notice)

    @classmethod
    def open(cls, path: Path, notice: Notice = lambda sentence: None) -> Store:
        """Open an existing store for reading.

        Raises
        ------
        MerBenchError
            There is none at ``path``, or a mer-bench with another schema made it.
        """
        marker = path / "store.json"
        if not marker.exists():
            raise MerBenchError(f"{path} holds no results (no store.json); name the folder with --results")
        content = read_json(marker)
        schema = content.get("schema") if isinstance(content, dict) else None
        if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
            raise MerBenchError(f"{marker} does not state its schema; it was not written by mer-bench")
        if schema != SCHEMA:
            age, cure = ("a newer", "upgrade mer-bench, or choose") if schema > SCHEMA else ("an older", "choose")
            raise MerBenchError(
                f"{path} was made by {age} mer-bench (store schema {schema}, this one reads {SCHEMA}); "
                f"{cure} another folder with --results"
            )
        return cls(path, notice)

    def write_row(self, row: RowRecord) -> None:
        """Store what the cells of one row share; a stored file that cannot be used, or that differs, is replaced."""
        target = self._row_folder(row) / "row.json"
        # Compared as text, because order matters: the first slice is the full one.
        if not target.exists() or json.dumps(self._read_row(target)) != json.dumps(row):
            write_json(target, row)

    def rows(self) -> Iterator[RowRecord]:
        """Return every stored row, ordered by protocol, method and key; unusable ones are skipped with a notice."""
        rows = map(self._read_row, sorted(self.path.glob("cells/*/*/*/row.json")))
        return (row for row in rows if row is not None)

    def cell_file(self, row: RowRecord, seed: int, fold: str) -> Path:
        """Return the path of a cell, stored or not."""
        return self._row_folder(row) / f"seed-{seed}" / f"{fold}.json"

    def verification_file(self, row: RowRecord) -> Path:
        """Return the path of what `mer_bench.store.verification` writes on a row, stored or not."""
        return self._row_folder(row) / "verified.json"

    def network_file(self, row: RowRecord) -> Path:
        """Return the path of what `mer_bench.store.network` writes on a row, stored or not."""
        return self._row_folder(row) / "network.json"

    def write_cell(self, row: RowRecord, cell: CellRecord) -> None:
        """Store one finished cell."""
        write_json(self.cell_file(row, cell["seed"], cell["fold"]), cell)

    def read_cell(self, row: RowRecord, seed: int, fold: str) -> CellRecord | None:
        """Return a stored cell; None if there is none, or if its file cannot be used or contradicts its row."""
        file = self.cell_file(row, seed, fold)
        if not file.exists():
            return None
        cell = self._parsed(file, CellRecord)
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
                    artifacts = self._epoch_scores_file(cell_key(row["row_key"], seed, fold)).parent
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

    def write_epoch_scores(self, key: str, sample_ids: list[str], scores: FloatArray) -> None:
        """Store a fold's scores of every epoch.

        Parameters
        ----------
        key : str
            The cell's key.
        sample_ids : list of str
            The held-out subject's samples, in the order of axis 1.
        scores : ndarray of shape (n_epochs, n_samples, n_classes), float32
        """
        tensors = {"scores": np.ascontiguousarray(scores, dtype=np.float32)}
        content = safetensors.numpy.save(tensors, {"sample_ids": json.dumps(sample_ids)})
        write_bytes(self._epoch_scores_file(key), content)

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
        file = self._epoch_scores_file(key)
        try:
            with safetensors.safe_open(str(file), framework="numpy") as stream:
                sample_ids = json.loads(stream.metadata()["sample_ids"])
                scores: FloatArray = stream.get_tensor("scores")
        except FileNotFoundError:
            return None
        # AttributeError: a data type that numpy lacks. RecursionError: ids that are nested too deeply.
        except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            self.notice(f"{file} cannot be read ({error}); the oracle diagnostic of this fold is missing")
            return None
        if row is not None and cell is not None and (problem := epochs_problem(sample_ids, scores, row, cell)):
            self.notice(f"{file} cannot be used: {problem}; the oracle diagnostic of this fold is missing")
            return None
        return sample_ids, scores

    def epoch_scores_digest(self, key: str) -> str:
        """Return the SHA-256 of a cell's file of epoch scores, whatever it holds; empty if it cannot be read."""
        try:
            return hashlib.sha256(self._epoch_scores_file(key).read_bytes()).hexdigest()
        except OSError:
            return ""

    def start_run(self, manifest: Mapping[str, object]) -> str:
        """Store the manifest of a run and return the run's id."""
        now = datetime.now(timezone.utc)
        run_id = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        write_json(
            self.path / "runs" / run_id / "manifest.json", {**manifest, "run_id": run_id, "started": now.isoformat()}
        )
        return run_id

    def manifest(self, run_id: str) -> dict[str, object] | None:
        """Return the manifest of a run; None if there is none."""
        file = self.path / "runs" / run_id / "manifest.json"
        return self._parsed(file, dict[str, object]) if file.exists() else None

    def _read_row(self, file: Path) -> RowRecord | None:
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
            content = read_json(file)
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
        return self.path / "cells" / protocol / row["method"]["name"] / row["row_key"][:12]

    def _epoch_scores_file(self, key: str) -> Path:
        return self.path / "artifacts" / key / "epoch_scores.safetensors"


def _refuse_others(path: Path) -> None:
    """Refuse a folder with other content; look for the marker last, as another process may just have written it."""
    existing = next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())
    if not existing.is_dir():
        raise MerBenchError(f"cannot create {path}: {existing} is not a folder; choose another folder with --results")
    if path.is_dir() and not _may_become_store(path) and not (path / "store.json").exists():
        raise MerBenchError(f"{path} is not empty and is not a mer-bench store; choose another folder with --results")


def _may_become_store(path: Path) -> bool:
    """Return whether a folder without ``store.json`` is empty, or an interrupted or damaged store."""
    names = [child.name for child in path.iterdir()]
    return "cells" in names or all(name.startswith(".store.json.") for name in names)


def _sweep(path: Path) -> None:
    oldest = time.time() - _MIN_AGE_SECONDS
    for pattern in _LEFTOVERS:
        for file in path.glob(pattern):
            with suppress(OSError):
                if file.stat().st_mtime < oldest:
                    file.unlink()
