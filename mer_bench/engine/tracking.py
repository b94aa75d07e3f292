"""What a run tells a tracker: from the messages of trainings to the values of cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mer_bench.errors import MerBenchError, Notice
from mer_bench.evaluation.cells import Cell
from mer_bench.evaluation.groups import GroupTask
from mer_bench.evaluation.request import Request
from mer_bench.evaluation.rows import Row
from mer_bench.parameters import ParameterValue
from mer_bench.plugin_manager import Catalogue
from mer_bench.tracking.base import TrackedRun, TrackedTraining, Tracker
from mer_bench.tracking.guarded import GuardedTracker
from mer_bench.training.progress import EpochValues

_DIGITS = 8
"""Of a row's key in its name: it must stay the same when other rows are added."""


@dataclass
class Tracking:
    """A tracker, and the rows of the plan whose trainings it logs.

    Parameters
    ----------
    tracker : Tracker
    folder : Path
        Where it may write.
    rows : sequence of Row
    """

    tracker: Tracker
    folder: Path
    rows: Sequence[Row]
    _begun: set[Cell] = field(default_factory=set)

    @contextmanager
    def of_run(self, run: str) -> Iterator[None]:
        """Tell the tracker that the run starts, and in any case that it ends."""
        self.tracker.start(TrackedRun(run, self.rows[0].record["protocol"]["name"], self.folder))
        try:
            yield
        finally:
            self.tracker.end()

    def log(self, group: GroupTask, said: EpochValues) -> None:
        """Tell the tracker the values of some epochs. What the process of a method has made unreadable is left out."""
        for cell, epoch, values in _values(group, said):
            self._begun.add(cell)
            self.tracker.log(self._training(cell), epoch, values)

    def finish(self, cell: Cell, succeeded: bool) -> None:
        """Tell the tracker that a cell is computed, if anything of its training was logged."""
        if cell in self._begun:
            self._begun.discard(cell)
            self.tracker.finish(self._training(cell), "finished" if succeeded else "failed")

    def _training(self, cell: Cell) -> TrackedTraining:
        row = self.rows[cell.row]
        record = row.record
        params = {name: _short(value) for name, value in row.setting.params.items()}
        epochs = params.get("epochs")
        return TrackedTraining(
            row=f"{row.name}-{record['row_key'][:_DIGITS]}",
            method=row.name,
            params=params,
            preset=record["settings"]["preset"],
            protocol=record["protocol"]["name"],
            seed=cell.seed,
            fold=cell.fold,
            epochs=epochs if isinstance(epochs, int) else 0,
        )


def check_tracker(request: Request, catalogue: Catalogue, *, elsewhere: bool) -> None:
    """Refuse a tracker that cannot be used.

    Raises
    ------
    MerBenchError
        There is no such tracker, or the cells are computed on other machines.
    """
    if request.track is None:
        if request.track_to is not None:
            raise MerBenchError(f"--track-to {request.track_to} needs --track, which names what logs the trainings")
        return
    catalogue.tracker(request.track)
    if elsewhere:
        raise MerBenchError(
            f"--track {request.track} logs the trainings of this machine, and with --cluster others train; leave out "
            "one of the two"
        )


def open_tracking(
    request: Request,
    catalogue: Catalogue,
    *,
    results: Path,
    rows: Sequence[Row],
    pending: Sequence[Cell],
    notice: Notice,
) -> Tracking | None:
    """Return what tells the request's tracker; None if there is none.

    Raises
    ------
    MerBenchError
        A package is missing, or the tracker cannot be made.
    """
    if request.track is None:
        return None
    spec = catalogue.tracker(request.track)
    if not any(rows[cell.row].trains_by_epoch for cell in pending):
        notice(f"--track {spec.name}: no network is to be trained, so nothing is logged")
        return None
    folder = Path(request.track_to) if request.track_to else results / "tracking" / spec.name
    return Tracking(GuardedTracker(spec, notice), folder.absolute(), rows)


def _values(group: GroupTask, said: EpochValues) -> list[tuple[Cell, int, dict[str, float]]]:
    try:
        return [
            (group.folds[number].cell, int(epoch), {"loss": float(loss), "lr": float(rate), "seconds": float(seconds)})
            for number, losses, rates in said.folds
            for (epoch, seconds), loss, rate in zip(said.epochs, losses, rates, strict=False)
        ]
    except (TypeError, ValueError, IndexError, AttributeError):
        return []


def _short(value: ParameterValue) -> ParameterValue:
    """Return a value; of an absolute path, the name of the file: folders tell whose machine it is."""
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value
