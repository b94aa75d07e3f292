"""Copy the results of one store into another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mer_bench.errors import MerBenchError
from mer_bench.store.files import read_record, write_bytes, write_record
from mer_bench.store.near_duplicates import read_near_duplicates, write_near_duplicates
from mer_bench.store.network import read_network, write_network
from mer_bench.store.schema import CellRecord, RowRecord
from mer_bench.store.store import Store
from mer_bench.store.verification import VerifiedCell, cell_digest, read_verification, write_verification


@dataclass(frozen=True)
class Conflict:
    """A cell with other predictions in both stores."""

    row: RowRecord
    seed: int
    fold: str


@dataclass
class Merged:
    """What a merge copied, and what it did not.

    Parameters
    ----------
    source : Path
    rows : int
        Number of rows that were new.
    added, replaced, same, failed : int
        Number of cells that were missing or damaged; that had failed; that were the same already; and that failed in
        the source, while the store had them already.
    conflicts : list of Conflict
        What is stored is kept.
    damaged : list of str
        A sentence for each file of the source that cannot be used; it was not copied.
    runs : int
        Number of runs whose manifest was copied.
    """

    source: Path
    rows: int = 0
    added: int = 0
    replaced: int = 0
    same: int = 0
    failed: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    runs: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether everything in the source is in the store now."""
        return not self.conflicts and not self.damaged


def merge(store: Store, source: Path, *, dry_run: bool = False) -> Merged:
    """Copy what a store lacks from another one, which is only read. A merge that was stopped can be repeated.

    Parameters
    ----------
    store : Store
        Where to copy to.
    source : Path
        The results folder to copy from.
    dry_run : bool
        Copy nothing, and return what would be copied.

    Raises
    ------
    MerBenchError
        There is no store of this schema at ``source``, it is the same folder, or a file cannot be written.
    """
    if source.resolve() == store.path.resolve():
        raise MerBenchError(f"{source} is the results folder itself; name the folder of other results")
    merged = Merged(source)
    return _Merge(store, Store.open(source, merged.damaged.append), merged, dry_run).merged()


@dataclass(frozen=True)
class _Merge:
    store: Store
    other: Store
    result: Merged
    dry_run: bool

    def merged(self) -> Merged:
        # First, so that no copied cell names a run that is not known.
        self._copy_runs()
        for theirs in self.other.rows():
            row = self.store.row(theirs["row_key"])
            if row is None:
                self.result.rows += 1
                row = theirs
                if not self.dry_run:
                    self.store.write_row(row)
            equal = [
                cell
                for seed in self.other.seeds(theirs)
                for fold in sorted(self.other.stored_folds(theirs, seed) & row["folds"].keys())
                if (cell := self._merge_cell(row, seed, fold)) is not None
            ]
            if not self.dry_run:
                self._copy_facts(row, theirs, equal)
        return self.result

    def _merge_cell(self, row: RowRecord, seed: int, fold: str) -> CellRecord | None:
        """Copy a cell if it is better than what is stored; return it if both stores hold the same finished cell now."""
        cell = self.other.read_cell(row, seed, fold)
        if cell is None:
            return None
        own = self.store.read_cell(row, seed, fold)
        is_ok = cell["status"] == "ok"
        if own is not None and own["status"] == "ok":
            if not is_ok:
                self.result.failed += 1
                return None
            return self._compare(row, own, cell)
        if own is not None and not is_ok:
            self.result.failed += 1
            return None
        if own is None:
            self.result.added += 1
        else:
            self.result.replaced += 1
        self._copy_epochs(row, cell)
        self._copy_cell(row, cell)
        return cell if is_ok else None

    def _compare(self, row: RowRecord, own: CellRecord, cell: CellRecord) -> CellRecord | None:
        """Compare two finished cells, and copy the scores of every epoch if they are lost here.

        Scores of every epoch that one of the stores has lost are no conflict, whatever SHA-256 its cell states.
        """
        other_epochs = own["epoch_scores"] != cell["epoch_scores"]
        is_lost = not _has_epochs(self.store, row, own)
        if _scores(own) != _scores(cell) or (other_epochs and not is_lost and _has_epochs(self.other, row, cell)):
            self.result.conflicts.append(Conflict(row, own["seed"], own["fold"]))
            return None
        self.result.same += 1
        if is_lost and self._copy_epochs(row, cell) and other_epochs:
            self._copy_cell(row, cell)
        return cell

    def _copy_cell(self, row: RowRecord, cell: CellRecord) -> None:
        # The file, because a later version of mer-bench may have given it more fields.
        place = row, cell["seed"], cell["fold"]
        if not self.dry_run:
            write_bytes(self.store.cell_file(*place), self.other.cell_file(*place).read_bytes())

    def _copy_epochs(self, row: RowRecord, cell: CellRecord) -> bool:
        """Copy a cell's scores of every epoch if there are any, and return whether they were copied."""
        if not cell["epoch_scores"]:
            return False
        file = self.other.epoch_scores_file(cell["key"])
        if not file.exists():
            self.result.damaged.append(f"{file} is missing; the scores of every epoch of its cell cannot be copied")
            return False
        if not _has_epochs(self.other, row, cell) or self.dry_run:
            return False
        write_bytes(self.store.epoch_scores_file(cell["key"]), file.read_bytes())
        return True

    def _copy_facts(self, row: RowRecord, theirs: RowRecord, equal: Sequence[CellRecord]) -> None:
        """Copy what is known of a row's network and samples, and what was verified of cells that both stores hold."""
        network = read_network(self.other, theirs)
        if network is not None and read_network(self.store, row) is None:
            trainable, flops, not_counted = network["trainable"], network["flops"], network["not_counted"]
            write_network(self.store, row, trainable=trainable, flops=flops, not_counted=not_counted)
        known = read_near_duplicates(self.other, theirs)
        if known is not None and read_near_duplicates(self.store, row) is None:
            write_near_duplicates(self.store, row, known)
        cells = {(cell["seed"], cell["fold"]): cell for cell in equal}
        own = {
            (entry["seed"], entry["fold"]): entry
            for entry in read_verification(self.store, row).of(self.store, row, equal).entries
        }
        newer: list[VerifiedCell] = []
        for entry in read_verification(self.other, theirs).of(self.other, theirs, equal).entries:
            place = entry["seed"], entry["fold"]
            if place not in own or own[place]["when"] < entry["when"]:
                # The texts of the row may be others here.
                newer.append({**entry, "cell_digest": cell_digest(self.store, row, cells[place])})
        if newer:
            write_verification(self.store, row, newer)

    def _copy_runs(self) -> None:
        """Copy manifests, and no plan: its workers store into the other folder, and its queue is asked there."""
        for file in sorted(self.other.path.glob("runs/*/manifest.json")):
            place = self.store.run_folder(file.parent.name) / file.name
            if not place.exists():
                self.result.runs += self._copy_record(file, place)

    def _copy_record(self, file: Path, place: Path) -> bool:
        try:
            content = read_record(file)
        except MerBenchError as error:
            self.result.damaged.append(str(error))
            return False
        if not self.dry_run:
            write_record(place, content)
        return True


def _scores(cell: CellRecord) -> object:
    return cell["predictions"], cell["selected_epoch"]


def _has_epochs(store: Store, row: RowRecord, cell: CellRecord) -> bool:
    return cell["epoch_scores"] != "" and store.read_epoch_scores(cell["key"], row, cell) is not None
