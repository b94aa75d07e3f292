"""What commands share that compute on other machines: their options, the executor, and what is said of its tasks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mer_bench.cli.console import print_line
from mer_bench.errors import MerBenchError
from mer_bench.printable import printable_lines

if TYPE_CHECKING:
    from rich.console import Console

    from mer_bench.engine.queued import Submission
    from mer_bench.executors.guarded import GuardedExecutor

_Command = TypeVar("_Command", bound=Callable[..., Any])

_CLUSTER = click.option(
    "--cluster",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Run on other machines: a TOML file names where (Slurm, Dask).",
)
_DETACH = click.option("--detach", is_flag=True, help="With --cluster: end when the tasks are submitted.")


def cluster_options(command: _Command) -> _Command:
    """Add ``--cluster`` and ``--detach``."""
    return _CLUSTER(_DETACH(command))


def named_executor(cluster: str | None, *, detach: bool, jobs: int | None) -> GuardedExecutor | None:
    """Return the executor of a cluster file; None without one.

    Parameters
    ----------
    cluster : str, optional
        The file.
    detach : bool
    jobs : int, optional
        What ``--jobs`` says.

    Raises
    ------
    MerBenchError
        The file cannot be used, or another option does not go with it.
    """
    if cluster is None:
        if detach:
            raise MerBenchError("--detach needs --cluster, which names where the run goes on")
        return None
    if jobs is not None:
        raise MerBenchError(
            f"--jobs {jobs} is for workers of this machine; with --cluster, {cluster} says what a task has, such as "
            "slurm_cpus_per_task: leave --jobs out"
        )
    from mer_bench.executors.cluster_file import open_executor
    from mer_bench.plugin_manager import load_catalogue

    executor = open_executor(Path(cluster), load_catalogue())
    if detach and not executor.detaches:
        raise MerBenchError(f"--detach: the tasks of {cluster} end with the command that submits them; leave it out")
    return executor


def preview(people: Console, submission: Submission) -> None:
    """Print what would be submitted."""
    for line in submission.executor.preview(submission.job).splitlines() if submission.job.tasks else ():
        # Not folded at the width of the terminal: a folded script is another.
        people.print(printable_lines(line), soft_wrap=True)


def announce(people: Console, submission: Submission, where: str) -> None:
    """Print which tasks were submitted, and which are waiting since earlier."""
    for earlier in submission.earlier:
        print_line(people, f"run {earlier}: its tasks are still waiting or running")
    if where:
        count = len(submission.job.tasks)
        print_line(people, f"run {submission.job.run}: {count} task{'s' * (count > 1)} submitted, {where}")
