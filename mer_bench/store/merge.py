"""Copy the results of one store into another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mer_bench.errors import MerBenchError
from mer_bench.store.files import read_record, write_bytes, write_record
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
        Number of runs whose manifest or plan was copied.
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
            if _outcome(own) != _outcome(cell):
                self.result.conflicts.append(Conflict(row, seed, fold))
                return None
            self.result.same += 1
            if own["epoch_scores"] and self.store.read_epoch_scores(own["key"], row, own) is None:
                self._copy_epochs(row, cell)
            return cell
        if own is not None and not is_ok:
            self.result.failed += 1
            return None
        if own is None:
            self.result.added += 1
        else:
            self.result.replaced += 1
        self._copy_epochs(row, cell)
        if not self.dry_run:
            self.store.write_cell(row, cell)
        return cell if is_ok else None

    def _copy_epochs(self, row: RowRecord, cell: CellRecord) -> None:
        if not cell["epoch_scores"]:
            return
        file = self.other.epoch_scores_file(cell["key"])
        if not file.exists():
            self.result.damaged.append(f"{file} is missing; its cell is copied without the scores of every epoch")
        elif self.other.read_epoch_scores(cell["key"], row, cell) is not None and not self.dry_run:
            write_bytes(self.store.epoch_scores_file(cell["key"]), file.read_bytes())

    def _copy_facts(self, row: RowRecord, theirs: RowRecord, equal: Sequence[CellRecord]) -> None:
        """Copy what is known of a row's network, and of the comparisons of cells that are the same in both stores."""
        network = read_network(self.other, theirs)
        if network is not None and read_network(self.store, row) is None:
            trainable, flops, not_counted = network["trainable"], network["flops"], network["not_counted"]
            write_network(self.store, row, trainable=trainable, flops=flops, not_counted=not_counted)
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
        for folder in sorted(self.other.path.glob("runs/*")):
            files = [
                (folder / name, self.store.run_folder(folder.name) / name) for name in ("manifest.json", "plan.json")
            ]
            missing = [(file, place) for file, place in files if file.exists() and not place.exists()]
            copied = [self._copy_record(file, place) for file, place in missing]
            self.result.runs += any(copied)

    def _copy_record(self, file: Path, place: Path) -> bool:
        try:
            content = read_record(file)
        except MerBenchError as error:
            self.result.damaged.append(str(error))
            return False
        if not self.dry_run:
            write_record(place, content)
        return True


def _outcome(cell: CellRecord) -> object:
    return cell["predictions"], cell["selected_epoch"], cell["epoch_scores"]
