"""Turns any failure of an executor into one sentence: a plugin's code may raise or return anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from mer_bench.errors import MerBenchError
from mer_bench.executors.base import Executor, Job
from mer_bench.foreign import foreign_code
from mer_bench.parameters import ParameterValue
from mer_bench.plugin_manager import load_target
from mer_bench.specs import ExecutorSpec


class GuardedExecutor(Executor):
    """Wraps an executor; any failure in it becomes a `MerBenchError` that names it.

    Parameters
    ----------
    spec : ExecutorSpec
    options : mapping of str to mapping
        As of `Executor`.
    file : bytes
        The content of its cluster file.

    Raises
    ------
    MerBenchError
        The class cannot be imported, refuses the options, or is no `Executor`.
    """

    def __init__(self, spec: ExecutorSpec, options: Mapping[str, Mapping[str, ParameterValue]], file: bytes) -> None:
        super().__init__(options)
        self.file = file
        self._name = spec.name
        target = load_target(spec.target, here=True)
        with self._contained("its constructor"):
            made = target(options)
        if not isinstance(made, Executor):
            raise MerBenchError(f"executor {spec.name}: {spec.target} is not a mer_bench.Executor; correct its plugin")
        self.own = made

    @property
    def gpus(self) -> bool:
        """What the executor says."""
        with self._contained("gpus"):
            return bool(self.own.gpus)

    @property
    def detaches(self) -> bool:
        """What the executor says."""
        with self._contained("detaches"):
            return bool(self.own.detaches)

    def preview(self, job: Job) -> str:
        """Return what the executor returns."""
        with self._contained("preview"):
            return _text(self.own.preview(job))

    def submit(self, job: Job) -> str:
        """Let the executor start the tasks, and return where."""
        with self._contained("submit"):
            return _text(self.own.submit(job))

    def active(self, folder: Path) -> Collection[int] | None:
        """Return the numbers that the executor returns, or None."""
        with self._contained("active"):
            numbers = self.own.active(folder)
            return None if numbers is None else frozenset(map(int, numbers))

    def log(self, folder: Path, number: int) -> Sequence[Path]:
        """Return those of the executor's files that exist."""
        with self._contained("log"):
            return [file for file in map(Path, self.own.log(folder, number)) if file.is_file()]

    def _contained(self, what: str) -> AbstractContextManager[None]:
        return foreign_code(f"executor {self._name}", what)


def _text(answer: object) -> str:
    if not isinstance(answer, str):
        raise TypeError(f"it returned {type(answer).__name__}, not a text")
    return answer
