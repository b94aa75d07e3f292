"""What the checks look at: everything of a results folder, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError
from mer_bench.protocol import Protocol
from mer_bench.results import RowResults, read_row
from mer_bench.row_names import RowNames
from mer_bench.store import Store
from mer_bench.store.epoch_scores import read_last_scores
from mer_bench.store.files import read_record
from mer_bench.store.near_duplicates import NearDuplicates, read_near_duplicates
from mer_bench.store.schema import CellRecord, RowRecord
from mer_bench.store.validation import misfit

Manifest = Mapping[str, object]


@dataclass(frozen=True, eq=False)
class LastEpoch:
    """What is stored of a cell's last epoch.

    Parameters
    ----------
    sample_ids : sequence of str
    n_epochs : int
    scores : ndarray of shape (n_samples, n_classes), float32
    """

    sample_ids: Sequence[str]
    n_epochs: int
    scores: FloatArray


@dataclass(frozen=True, eq=False)
class Material:
    """What is known of the rows of a results folder.

    Parameters
    ----------
    store : Store
    rows : sequence of RowResults
        Those that are checked.
    tables : sequence of sequence of RowResults
        Which of them can be compared: the comparisons of a report, in its order.
    protocols : mapping of str to Protocol or None
        The installed protocols, by hash; None if nobody has looked.
    has_folder : bool
        Whether the folder itself is checked: its other files too, and not only these rows.
    notices : list of str
        What the store says of files that it cannot use; grows while it is read.
    """

    store: Store
    rows: Sequence[RowResults]
    tables: Sequence[Sequence[RowResults]]
    protocols: Mapping[str, Protocol] | None = None
    has_folder: bool = False
    notices: list[str] = field(default_factory=list)

    def name(self, row: RowResults) -> str:
        """Return a row's short name."""
        return self._names.of(row.record["method"]["name"], row.record["row_key"])

    def table_name(self, number: int) -> str:
        """Return how findings name a table: ``comparison 2 (cde@1)``, counted from 1 as in the report."""
        protocol = self.tables[number - 1][0].record["protocol"]
        return f"comparison {number} ({protocol['name']}@{protocol['version']})"

    @cached_property
    def _names(self) -> RowNames:
        return RowNames.stored(self.store.path)

    @cached_property
    def manifests(self) -> Mapping[str, Manifest]:
        """The manifest of each run that computed a cell, by its id; without those that are lost."""
        run_ids = sorted({run_id for row in self.rows for run_id in row.run_ids})
        known = {run_id: self.store.manifest(run_id) for run_id in run_ids}
        return {run_id: manifest for run_id, manifest in known.items() if manifest is not None}

    def manifests_of(self, row: RowResults) -> list[Manifest]:
        """Return the manifests of the runs that computed a row's cells."""
        return [self.manifests[run_id] for run_id in row.run_ids if run_id in self.manifests]

    @cached_property
    def last_epochs(self) -> Mapping[str, LastEpoch | None]:
        """The last epoch of each cell with epochs, by its key; None if it is not stored, or cannot be used."""
        return {
            cell["key"]: self._last_epoch(cell) for row in self.rows if row.selection == "last" for cell in row.finished
        }

    def _last_epoch(self, cell: CellRecord) -> LastEpoch | None:
        if not cell["epoch_scores"]:
            return None
        file = self.store.epoch_scores_file(cell["key"])
        try:
            sample_ids, n_epochs, scores = read_last_scores(file)
        except (OSError, ValueError) as error:
            self.notices.append(f"{file} cannot be read ({error}), so which epoch counts is not known")
            return None
        is_list = isinstance(sample_ids, list) and all(isinstance(key, str) for key in sample_ids)
        return LastEpoch(sample_ids, n_epochs, scores) if is_list else None

    @cached_property
    def near_duplicates(self) -> Mapping[str, NearDuplicates | None]:
        """What is stored of near-duplicates, by row key."""
        return {row.record["row_key"]: read_near_duplicates(self.store, row.record) for row in self.rows}

    @cached_property
    def unusable_notices(self) -> list[str]:
        """What the store says of files that it cannot use, without the folder's place on this machine."""
        for row in self.rows:
            _ = row.verification, row.network
        _ = self.manifests, self.near_duplicates, self.last_epochs
        return [notice.replace(f"{self.store.path}/", "") for notice in dict.fromkeys(self.notices)]

    @cached_property
    def refused_records(self) -> list[tuple[str, RowRecord]]:
        """The rows that the store does not use, although their files are whole: their places and what they state."""
        if not self.has_folder:
            return []
        used = {self.store.cell_file(row.record, 0, "any").parents[1] for row in self.rows}
        return [
            (str(file.relative_to(self.store.path)), record)
            for file in sorted(self.store.path.glob("cells/*/*/*/row.json"))
            if file.parent not in used and (record := _whole_record(file)) is not None
        ]


def read_rows(store: Store) -> list[RowResults]:
    """Read every row of a store, also those of which nothing is stored."""
    return [read_row(store, record) for record in store.rows()]


def _whole_record(file: Path) -> RowRecord | None:
    try:
        content = read_record(file)
    except MerBenchError:
        return None
    if misfit(content, RowRecord) is not None:
        return None
    record: RowRecord = content
    return record
