"""What starts the tasks of a run on other machines: the interface of executors."""

from __future__ import annotations

import shlex
import sys
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mer_bench.parameters import ParameterValue

ASK_SECONDS = 60.0
"""How often an executor is asked whether tasks are left: schedulers ask users not to do so often."""


@dataclass(frozen=True)
class Task:
    """A task of a run, as far as an executor has to know it.

    Parameters
    ----------
    number : int
        By which `Job.command` names it.
    kind : {"preprocess", "cpu", "gpu"}
        ``preprocess`` tasks come first: the others read what they write, and compute it themselves if it is missing.
    seconds : float
        How long it may take on one processor, roughly.
    """

    number: int
    kind: str
    seconds: float


@dataclass(frozen=True)
class Job:
    """The tasks of a run that are to be started.

    Every task can be computed several times, at once too, and in any order: it looks for what is missing, and stores
    that. What it stores, it stores in the results folder and in the cache, which all machines must see at the same
    paths.

    Parameters
    ----------
    results : Path
        The results folder, absolute.
    run : str
        The run's id.
    tasks : tuple of Task
        By number; those of one kind together, ``preprocess`` first.
    environment : mapping of str to str
        Variables that a task needs.
    after : tuple of Path, optional
        Folders of earlier runs whose ``preprocess`` tasks are still waiting or running, and preprocess samples that
        these tasks need: it saves time to start ``cpu`` and ``gpu`` tasks when they have ended.
    """

    results: Path
    run: str
    tasks: tuple[Task, ...]
    environment: Mapping[str, str]
    after: tuple[Path, ...] = ()

    @property
    def folder(self) -> Path:
        """The run's folder in the results folder; an executor may write files to it whose names start with its own."""
        return self.results / "runs" / self.run

    def of_kind(self, kind: str) -> tuple[Task, ...]:
        """Return the tasks of one kind."""
        return tuple(task for task in self.tasks if task.kind == kind)

    def command(self, numbers: Iterable[int | str], *, jobs: int = 1) -> list[str]:
        """Return the words of the command that computes some tasks.

        Parameters
        ----------
        numbers : iterable of int or str
            A text may be an expression of the shell, which is not quoted in `shell_command`.
        jobs : int
            How many worker processes it may start.
        """
        work = [sys.executable, "-m", "mer_bench", "work", "--jobs", str(jobs), str(self.results), self.run]
        return [*work, *map(str, numbers)]

    def shell_command(self, number: int | str, *, jobs: int = 1) -> str:
        """Return the command that computes a task as a line of a shell script; the number is not quoted."""
        return f"{shlex.join(self.command((), jobs=jobs))} {number}"


class Executor(ABC):
    """Starts the tasks of a run; see `Job` on what a task is.

    Parameters
    ----------
    options : mapping of str to mapping
        For each kind of task, a value for each of the spec's parameters.
    """

    def __init__(self, options: Mapping[str, Mapping[str, ParameterValue]]) -> None:
        self.options = options

    @property
    def gpus(self) -> bool:
        """Whether tasks of the kind ``gpu`` find a GPU; without, networks are trained in tasks of the kind ``cpu``."""
        return False

    @property
    def detaches(self) -> bool:
        """Whether the tasks go on when the command that submitted them ends."""
        return True

    @abstractmethod
    def preview(self, job: Job) -> str:
        """Return what `submit` would submit, for ``--dry-run``."""

    @abstractmethod
    def submit(self, job: Job) -> str:
        """Start the tasks, and return where as part of a sentence: ``Slurm job 123``.

        Raises
        ------
        MerBenchError
            They cannot be started.
        """

    @abstractmethod
    def active(self, folder: Path) -> Collection[int] | None:
        """Return the numbers of the tasks of a run that are waiting or running.

        None if nobody can tell, but they do not outlive the command that submitted them: what is missing is then
        submitted again.

        Parameters
        ----------
        folder : Path
            The run's, with what `submit` wrote to it; empty if another executor submitted the run.

        Raises
        ------
        MerBenchError
            They may be waiting or running, but the scheduler does not answer: nothing is submitted again.
        """

    def log(self, folder: Path, number: int) -> Sequence[Path]:
        """Return the files to which a task has written what it printed; those that do not exist are left out later."""
        return ()
