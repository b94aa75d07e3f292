"""What a run tells while it goes on: whoever shows it to people overrides this."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from mer_bench.evaluation.plan import Plan

Step = Callable[[bool], None]
"""Called once for each thing done, with whether it went well."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with a sentence on what is kept and how to go on."""


class Listener:
    """Hears of a run, and shows nothing."""

    def notice(self, text: str) -> None:
        """Hear a sentence that a user should know; nothing stops because of it."""

    def failed(self, text: str) -> None:
        """Hear which cell failed, and why."""

    def planned(self, plan: Plan, n_pending: int) -> None:
        """Hear what is going to be done, before anything is, and how many cells are to be computed."""

    def steps(self, what: str, total: int, done: int = 0) -> AbstractContextManager[Step]:
        """Hear that work begins.

        Parameters
        ----------
        what : str
            ``representations``, ``cells``, ...
        total : int
            How many there are.
        done : int
            How many of them were done before.

        Returns
        -------
        context manager of callable
            To be called with each thing that is done now.
        """
        return nullcontext(lambda went_well: None)
