"""Where a task runs: in which process, and what that process has imported."""

from __future__ import annotations

from dataclasses import dataclass

from mer_bench.specs import MethodSpec


@dataclass(frozen=True)
class Place:
    """The process that a task runs in.

    A worker runs nothing itself. It forks a *home*, a process that imports what its tasks need, and keeps it until a
    task has another place.

    Parameters
    ----------
    libraries : tuple of str
        Modules that the worker imports before it forks the home, so that all homes have them; never a plugin's.
    home : str
        Tasks with the same name share a home.
    imports : str
        A module that the home imports before its first task; empty for none.
    alone : bool
        The home forks a process for each task, so that no task finds what another left behind. Otherwise the home runs
        its tasks itself.
    settings : tuple of (str, str)
        Variables of the environment that the worker is started with, beside those of all workers.
    """

    libraries: tuple[str, ...]
    home: str
    imports: str = ""
    alone: bool = False
    settings: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of_method(
        cls,
        spec: MethodSpec,
        home: str,
        *,
        module: str,
        alone: bool = True,
        settings: tuple[tuple[str, str], ...] = (),
    ) -> Place:
        """Return where a task runs that calls a method's own code.

        Parameters
        ----------
        spec : MethodSpec
        home : str
        module : str
            The module of mer-bench that has the task's function.
        alone : bool
        settings : tuple of (str, str)
        """
        trainer = ("mer_bench.training.trainer",) if spec.trains_by_epoch else ()
        return cls((module, *trainer), home, spec.target.partition(":")[0], alone, settings)
