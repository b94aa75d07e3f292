"""What logs the values of trainings while they run: the interface of trackers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mer_bench.parameters import ParameterValue


@dataclass(frozen=True)
class TrackedRun:
    """A run whose trainings are logged.

    Parameters
    ----------
    run : str
        The run's id, as in the results folder.
    protocol : str
    folder : Path
        Where the tracker may write, absolute; it need not exist yet. It is the same for all runs of a results folder.
    """

    run: str
    protocol: str
    folder: Path


@dataclass(frozen=True)
class TrackedTraining:
    """The training of a cell. It holds no label, and no id of a sample.

    Parameters
    ----------
    row : str
        The row's name: its method and the first digits of its key.
    method : str
    params : mapping of str to value
        The method's; of a path, the file's name only.
    preset : str
        Empty if none was named.
    protocol : str
    seed : int
    fold : str
        The held-out subject, as a name of a file may have it.
    epochs : int
        How many there are, if the training does not stop early.
    """

    row: str
    method: str
    params: Mapping[str, ParameterValue]
    preset: str
    protocol: str
    seed: int
    fold: str
    epochs: int


class Tracker(ABC):
    """Logs the values of trainings; it works in the command's own process, and no number depends on it.

    `log` is called for the epochs of several trainings in turn. A training that goes on after an interruption goes on
    with the epoch behind the last that was saved: epochs that had been logged after that are logged again, with the
    same values.

    Whatever it raises is shown as one sentence, and the run goes on without it.
    """

    def start(self, run: TrackedRun) -> None:  # noqa: B027 - most trackers need not all of these
        """Receive the run, before its first training."""

    @abstractmethod
    def log(self, training: TrackedTraining, epoch: int, values: Mapping[str, float]) -> None:
        """Receive the values of an epoch.

        Parameters
        ----------
        training : TrackedTraining
        epoch : int
            Counted from 1.
        values : mapping of str to float
            ``loss``: of the training set, the mean over the epoch's batches; ``lr``: the learning rate at its first
            step, of the first group of parameters; ``seconds``: how long the epoch took, all folds that are trained
            together.
        """

    def finish(self, training: TrackedTraining, status: str) -> None:  # noqa: B027
        """Receive that a training has ended.

        Parameters
        ----------
        training : TrackedTraining
        status : {"finished", "failed"}
        """

    def end(self) -> None:  # noqa: B027
        """Receive that the run has ended, also where it was interrupted or has failed."""
