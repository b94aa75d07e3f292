"""The check that a fold leaves nothing behind, made in processes that start without any fold.

Two folds, whose samples and labels differ, are computed alone, and the second once more after the first. What a method
keeps of a fold differs between these three; a constant that is only built when it is needed is the same in all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property

from mer_bench.engine.place import Place
from mer_bench.engine.pool import run_tasks
from mer_bench.errors import MerBenchError, MethodError, reason_of
from mer_bench.evaluation.state import State, changed_state, read_state
from mer_bench.foreign import foreign_code, origin_of
from mer_bench.parameters import ParameterValue
from mer_bench.specs import MethodSpec
from mer_bench.testing.samples import FEW, KitFold, KitFolds
from mer_bench.testing.subject import Subject
from mer_bench.testing.workers import unsendable

_TIMEOUT_S = 600.0
_Outcome = list[str] | str
"""The names of what is left behind, or why that is unknown."""


@dataclass(frozen=True)
class LeftoverTask:
    """Folds to compute one after the other, of the method at ``place`` in the list of subjects.

    The process makes the samples itself.
    """

    place: int
    spec: MethodSpec
    params: Mapping[str, ParameterValue]
    folds: tuple[KitFold, ...]


class Leftovers:
    """What the folds of all checked methods leave behind, found on first use with one worker for all."""

    def __init__(self, subjects: Sequence[Subject]) -> None:
        self._subjects = subjects

    def of(self, place: int) -> _Outcome:
        """Return the names of what the folds of the method at ``place`` leave behind, or why that is unknown."""
        return self._outcomes[place]

    @cached_property
    def _outcomes(self) -> Mapping[int, _Outcome]:
        refused = {place: unsendable(self._tasks(place, FEW)) for place in range(len(self._subjects))}
        places = [place for place, reason in refused.items() if not reason]
        found = self._found(dict.fromkeys(places, FEW))
        # Some methods need more samples, which takes longer.
        own = {place: self._subjects[place].folds for place in places}
        again = [place for place, outcome in found.items() if isinstance(outcome, str) and own[place] != FEW]
        found |= self._found({place: own[place] for place in again})
        return {**refused, **found}

    def _found(self, folds: Mapping[int, KitFolds]) -> dict[int, _Outcome]:
        tasks = [task for place, of_method in folds.items() for task in self._tasks(place, of_method)]
        with closing(run_tasks(states, tasks, _place, lost=_lost, jobs=1, timeout=_TIMEOUT_S)) as done:
            outcomes = {(task.place, len(task.folds)): outcome for task, outcome in done}
        return {place: _left_behind(outcomes[place, 1], outcomes[place, 2]) for place in folds}

    def _tasks(self, place: int, folds: KitFolds) -> list[LeftoverTask]:
        subject = self._subjects[place]
        return [
            LeftoverTask(place, subject.spec, subject.params, chosen)
            for chosen in ((folds.second,), (folds.first, folds.second))
        ]


def states(task: LeftoverTask) -> list[State] | str:
    """Compute folds in a process that has imported the method and has computed none; return the state after each."""
    subject = Subject(task.spec, task.params, few_epochs=False)
    after = []
    try:
        for fold in task.folds:
            with foreign_code(subject.spec.name, "a fold of the kit", recorded=True):
                subject.scores(fold)
            after.append(read_state(subject.spec.target))
    except MerBenchError as failure:
        return reason_of(origin_of(failure))
    return after


def _left_behind(of_second: list[State] | str, of_both: list[State] | str) -> _Outcome:
    if isinstance(of_second, str) or isinstance(of_both, str):
        return next(outcome for outcome in (of_second, of_both) if isinstance(outcome, str))
    (alone,), (other, both) = of_second, of_both
    return sorted({*changed_state(alone, other), *changed_state(other, both)})


def _place(task: LeftoverTask) -> Place:
    return Place.of_method(task.spec, f"leftovers of {task.spec.target}", module=__name__)


def _lost(task: LeftoverTask, error: MethodError, seconds: float) -> str:
    return reason_of(error)
