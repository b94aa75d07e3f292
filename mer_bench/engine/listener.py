"""The interface by which a run reports its progress; subclasses show it to people."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from mer_bench.evaluation.plan import Plan

Step = Callable[[bool], None]
"""Called once for each item that is done, with whether it succeeded."""


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

    def steps(self, what: str, total: int, done: int = 0) -> AbstractContextManager[Step]:
        """Receive that a part of the work starts.

        Parameters
        ----------
        what : str
            ``representations``, ``cells``, ...
        total : int
            How many items there are.
        done : int
            How many of them were done before.

        Returns
        -------
        context manager of callable
            To be called once for each item, as it is done.
        """
        return nullcontext(lambda succeeded: None)
