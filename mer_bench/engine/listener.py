"""The interface by which a run reports its progress; subclasses show it to people."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from mer_bench.evaluation.plan import Plan
from mer_bench.training.progress import TrainingProgress


@dataclass(frozen=True)
class Part:
    """Items that take about equally long.

    Parameters
    ----------
    count : int
        How many there are.
    group : int
        How many are computed as one, such as the folds of a stack.
    jobs : int
        How many such groups are computed at a time, if there are as many.
    """

    count: int
    group: int = 1
    jobs: int = 1


class Step(Protocol):
    """Called once for each item that is done."""

    def __call__(self, succeeded: bool, part: str = "", seconds: float | None = None) -> None:
        """Receive that an item is done.

        Parameters
        ----------
        succeeded : bool
        part : str
            The name in ``parts`` of `Listener.steps` to which it belongs.
        seconds : float, optional
            How long it took in its process; by default, what the clock says since the item before.
        """


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with a sentence on what is kept and how to continue."""


class Listener:
    """Receives the events of a run, and shows nothing."""

    def notice(self, text: str) -> None:
        """Receive a sentence that the user should read; the run continues."""

    def failed(self, text: str) -> None:
        """Receive which cell failed, and why."""

    def planned(self, plan: Plan, n_pending: int) -> None:
        """Receive the plan, before any work starts, and how many cells are to be computed."""

    def training(self, part: str, fold: str, progress: TrainingProgress) -> None:
        """Receive how far the training of a network is, while cells are computed.

        Parameters
        ----------
        part : str
            As of `Step`.
        fold : str
            The first of the folds that are trained together.
        progress : TrainingProgress
        """

    def steps(
        self, what: str, total: int, done: int = 0, *, parts: Mapping[str, Part] | None = None
    ) -> AbstractContextManager[Step]:
        """Receive that a part of the work starts.

        Parameters
        ----------
        what : str
            ``representations``, ``cells``, ...
        total : int
            How many items there are.
        done : int
            How many of them were done before.
        parts : mapping of str to Part, optional
            The parts of the others, if these differ in how long an item takes: of cells, by the name of each row's
            method.

        Returns
        -------
        context manager of callable
            To be called once for each item, as it is done.
        """
        return nullcontext(_ignore)


def _ignore(succeeded: bool, part: str = "", seconds: float | None = None) -> None:
    pass
