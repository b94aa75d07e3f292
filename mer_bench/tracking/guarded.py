"""Calls a tracker, and goes on without it once it fails: a plugin's code may raise or change anything."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from mer_bench.errors import MerBenchError, Notice
from mer_bench.foreign import foreign_code
from mer_bench.plugin_manager import load_target
from mer_bench.specs import TrackerSpec
from mer_bench.tracking.base import TrackedRun, TrackedTraining, Tracker

_CURE = "the run goes on without it, and its numbers are stored"


class GuardedTracker(Tracker):
    """Wraps a tracker: its first failure gives a notice, and it is called no more.

    Parameters
    ----------
    spec : TrackerSpec
    notice : callable

    Raises
    ------
    MerBenchError
        A package is missing, the class cannot be imported or made, or it is no `Tracker`.
    """

    def __init__(self, spec: TrackerSpec, notice: Notice) -> None:
        self._name, self._notice, self._works = spec.name, notice, True
        missing = [package for package in spec.packages if find_spec(package) is None]
        if missing:
            raise MerBenchError(
                f"tracker {spec.name} needs {', '.join(missing)}, which is not installed"
                + (f": {spec.install}" if spec.install else "")
            )
        with _restored(), foreign_code(f"tracker {spec.name}", "its constructor"):
            made = load_target(spec.target, here=True)()
        if not isinstance(made, Tracker):
            raise MerBenchError(f"tracker {spec.name}: {spec.target} is not a mer_bench.Tracker; correct its plugin")
        self._own = made

    def start(self, run: TrackedRun) -> None:
        """Tell the tracker of the run."""
        self._call("start", lambda: self._own.start(run))

    def log(self, training: TrackedTraining, epoch: int, values: Mapping[str, float]) -> None:
        """Tell the tracker of an epoch."""
        self._call("log", lambda: self._own.log(training, epoch, values))

    def finish(self, training: TrackedTraining, status: str) -> None:
        """Tell the tracker that a training has ended."""
        self._call("finish", lambda: self._own.finish(training, status))

    def end(self) -> None:
        """Tell the tracker that the run has ended."""
        self._call("end", self._own.end)

    def _call(self, what: str, call: Callable[[], None]) -> None:
        if not self._works:
            return
        try:
            with _restored(), foreign_code(f"tracker {self._name}", what, _CURE, recorded=True):
                call()
        except MerBenchError as error:
            self._works = False
            self._notice(str(error))


@contextmanager
def _restored() -> Iterator[None]:
    """Restore what the processes of folds take over from the command's: the environment, and where modules are."""
    environment, path, folder = dict(os.environ), [*sys.path], Path.cwd()
    try:
        yield
    finally:
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
        sys.path[:] = path
        os.chdir(folder)
