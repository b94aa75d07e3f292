"""The kit's folds in worker processes, as in `mer-bench run --jobs 2`."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property

from mer_bench.engine.place import Place
from mer_bench.engine.pool import run_tasks
from mer_bench.errors import MerBenchError, MethodError, reason_of
from mer_bench.evaluation.fold_scores import FoldScores
from mer_bench.foreign import foreign_code, origin_of
from mer_bench.parameters import ParameterValue
from mer_bench.specs import MethodSpec
from mer_bench.testing.contract import ContractError
from mer_bench.testing.samples import KitFold
from mer_bench.testing.subject import Subject

_JOBS = 2
_TIMEOUT_S = 600.0


_Key = tuple[int, KitFold]
_Outcome = FoldScores | str
"""The result of a fold: its scores, or why there are none."""


@dataclass(frozen=True)
class WorkerTask:
    """A fold of the method at ``place`` in the list of subjects; the worker makes the samples itself."""

    place: int
    spec: MethodSpec
    params: Mapping[str, ParameterValue]
    fold: KitFold

    @property
    def key(self) -> _Key:
        return self.place, self.fold


class Workers:
    """The folds of all checked methods, computed together on first use, so that each worker imports torch once."""

    def __init__(self, subjects: Sequence[Subject]) -> None:
        self._subjects = subjects

    def scores(self, place: int, fold: KitFold) -> FoldScores:
        """Return the scores of a fold of the method at ``place`` in the list of subjects.

        Raises
        ------
        ContractError
            The fold failed in the worker, or the spec cannot be sent to it.
        """
        outcome = self._outcomes[place, fold]
        if isinstance(outcome, str):
            raise ContractError(f"in a worker process: {outcome}")
        return outcome

    @cached_property
    def _outcomes(self) -> Mapping[_Key, _Outcome]:
        # The second fold first: a worker that gets both then computes them in another order than this process.
        tasks = [
            WorkerTask(place, subject.spec, subject.params, fold)
            for place, subject in enumerate(self._subjects)
            for fold in (subject.folds.second, subject.folds.first)
        ]
        refused = {task.key: unsendable(task) for task in tasks}
        sendable = [task for task in tasks if not refused[task.key]]
        with closing(run_tasks(work, sendable, _place, lost=_lost, jobs=_JOBS, timeout=_TIMEOUT_S)) as done:
            return {**refused, **dict(outcome for _, outcome in done)}


def work(task: WorkerTask) -> tuple[_Key, _Outcome]:
    """Compute a fold, in a worker; a failure is returned as its reason."""
    subject = Subject(task.spec, task.params, few_epochs=False)
    try:
        with foreign_code(task.spec.name, "a fold of the kit", recorded=True):
            return task.key, subject.scores(task.fold)
    except MerBenchError as failure:
        return task.key, reason_of(origin_of(failure))


def _place(task: WorkerTask) -> Place:
    return Place.of_method(task.spec, f"folds of {task.spec.target}", module=__name__)


def _lost(task: WorkerTask, error: MethodError, seconds: float) -> tuple[_Key, _Outcome]:
    return task.key, reason_of(error)


def unsendable(task: object) -> str:
    """Return why a task cannot be sent to a process; an empty text if it can."""
    try:
        pickle.dumps(task)
    except Exception as error:
        return f"the spec cannot be pickled ({reason_of(error)}); use plain values only in it"
    return ""
