"""TensorBoard's event files, written by tensorboardX, which imports neither torch nor TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex

from tensorboardX import SummaryWriter

from mer_bench.tracking.base import TrackedRun, TrackedTraining, Tracker

_FILE = ".values"
_FLUSH_SECONDS = 10


class TensorBoard(Tracker):
    """Writes a folder of event files for each training: ``<row>/seed-<s>/<fold>``."""

    def __init__(self) -> None:
        self._folder = Path()
        self._writers: dict[TrackedTrainingKey, SummaryWriter] = {}

    def start(self, run: TrackedRun) -> None:
        """Take the folder."""
        self._folder = run.folder

    def log(self, training: TrackedTraining, epoch: int, values: Mapping[str, float]) -> None:
        """Write the values of an epoch."""
        writer = self._writers.get(_key(training)) or self._open(training, epoch)
        for name, value in values.items():
            writer.add_scalar(name, value, epoch)

    def finish(self, training: TrackedTraining, status: str) -> None:
        """Close the training's file."""
        if writer := self._writers.pop(_key(training), None):
            writer.add_text("status", status)
            writer.close()

    def end(self) -> None:
        """Close all files."""
        while self._writers:
            self._writers.popitem()[1].close()

    def _open(self, training: TrackedTraining, epoch: int) -> SummaryWriter:
        folder = self._folder / training.row / f"seed-{training.seed}" / training.fold
        before = set(folder.glob("*"))
        # What an earlier run has written of this epoch and later ones is passed over by those who read the folder.
        writer = SummaryWriter(str(folder), purge_step=epoch, filename_suffix=_FILE, flush_secs=_FLUSH_SECONDS)
        for file in set(folder.glob(f"events.*{_FILE}")) - before:
            # The name of the machine is part of it.
            file.rename(file.with_name(".".join(file.name.split(".")[:4]) + f".{token_hex(4)}{_FILE}"))
        self._writers[_key(training)] = writer
        writer.add_text("settings", _table(training))
        return writer


TrackedTrainingKey = tuple[str, int, str]


def _key(training: TrackedTraining) -> TrackedTrainingKey:
    return training.row, training.seed, training.fold


def _table(training: TrackedTraining) -> str:
    """Return the settings as a table of Markdown."""
    facts = {"method": training.method, "preset": training.preset, "protocol": training.protocol, **training.params}
    return "\n".join(["| setting | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts.items())])
