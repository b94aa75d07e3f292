"""The check that a fold leaves nothing behind, made in processes that start without any fold.

Two folds, whose samples and labels differ, are computed alone, and the second once more after the first. What a method
keeps of a fold differs between these three; a constant that is only built when it is needed is the same in all.
"""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property, partial

from mer_bench.engine.executors import run_tasks
from mer_bench.engine.place import Place
from mer_bench.errors import MerBenchError, MethodError, reason_of
from mer_bench.evaluation.state import State, changed_state, read_state
from mer_bench.foreign import foreign_code, origin_of
from mer_bench.parameters import ParameterValue
from mer_bench.plugin_manager import load_target
from mer_bench.specs import MethodSpec
from mer_bench.testing.samples import FEW, KitFold, KitFolds
from mer_bench.testing.subject import Subject

_TIMEOUT_S = 600.0
_Outcome = list[str] | str
"""The names of what is left behind, or why that is unknown."""


@dataclass(frozen=True)
class LeftoverTask:
    """The method at ``place`` in the list of subjects; the worker makes the samples itself."""

    place: int
    spec: MethodSpec
    params: Mapping[str, ParameterValue]


class Leftovers:
    """What the folds of all checked methods leave behind, found on first use with one worker for all."""

    def __init__(self, subjects: Sequence[Subject]) -> None:
        self._subjects = subjects

    def of(self, place: int) -> _Outcome:
        """Return the names of what the folds of the method at ``place`` leave behind, or why that is unknown."""
        return self._outcomes[place]

    @cached_property
    def _outcomes(self) -> Mapping[int, _Outcome]:
        tasks = [LeftoverTask(place, each.spec, each.params) for place, each in enumerate(self._subjects)]
        sendable = [task for task in tasks if _can_pickle(task)]
        outcomes: dict[int, _Outcome] = {task.place: "the spec cannot be sent to a process" for task in tasks}
        with closing(run_tasks(find, sendable, _place, lost=_lost, jobs=1, timeout=_TIMEOUT_S)) as done:
            return {**outcomes, **dict(outcome for _, outcome in done)}


def find(task: LeftoverTask) -> tuple[int, _Outcome]:
    """Compute the folds in copies of this process, which has imported the method and has computed no fold of it."""
    subject = Subject(task.spec, task.params, few_epochs=False)
    try:
        with foreign_code(task.spec.name, "the import of its module", recorded=True):
            load_target(task.spec.target)
        if task.spec.trains_by_epoch:
            _import_optimisers()
        with suppress(MerBenchError):
            return task.place, _left_behind(subject, FEW)
        # Some methods need more samples, which takes longer.
        return task.place, _left_behind(subject, subject.folds)
    except MerBenchError as failure:
        return task.place, reason_of(origin_of(failure))


def _import_optimisers() -> None:
    """Let torch import what it imports with the first optimiser: two seconds in each copy of this process, else."""
    import torch

    torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)


def _left_behind(subject: Subject, folds: KitFolds) -> list[str]:
    (alone,) = _in_a_copy(partial(_states, subject, [folds.second]))
    other, both = _in_a_copy(partial(_states, subject, [folds.first, folds.second]))
    return sorted({*changed_state(alone, other), *changed_state(other, both)})


def _states(subject: Subject, folds: Sequence[KitFold]) -> list[State]:
    states = []
    for fold in folds:
        with foreign_code(subject.spec.name, "a fold of the kit", recorded=True):
            subject.scores(fold)
        states.append(read_state(subject.spec.target))
    return states


def _in_a_copy(function: Callable[[], list[State]]) -> list[State]:
    """Return what a function returns in a fork of this process.

    Raises
    ------
    MerBenchError
        The function raised, or its process died.
    """
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # this process has no thread that computes
        child = os.fork()
    if not child:
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as stream:
                pickle.dump(_outcome(function), stream)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        content = stream.read()
    os.waitpid(child, 0)
    if not content:
        raise MethodError("the process of a fold died")
    outcome: list[State] | str = pickle.loads(content)
    if isinstance(outcome, str):
        raise MethodError(outcome)
    return outcome


def _outcome(function: Callable[[], list[State]]) -> list[State] | str:
    try:
        return function()
    except BaseException as error:
        return reason_of(origin_of(error))


def _place(task: LeftoverTask) -> Place:
    libraries = (__name__, *(["mer_bench.training.trainer"] if task.spec.trains_by_epoch else []))
    return Place(libraries, f"leftovers of {task.spec.target}", task.spec.target.partition(":")[0], alone=True)


def _lost(task: LeftoverTask, error: MethodError, seconds: float) -> tuple[int, _Outcome]:
    return task.place, reason_of(error)


def _can_pickle(task: LeftoverTask) -> bool:
    try:
        pickle.dumps(task)
    except Exception:
        return False
    return True
