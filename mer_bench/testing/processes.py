"""The checks of each method in a process of its own, which the method may end."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mer_bench.engine.place import Place
from mer_bench.engine.pool import run_tasks
from mer_bench.errors import MethodError, reason_of
from mer_bench.parameters import ParameterValue
from mer_bench.plugin_manager import load_catalogue
from mer_bench.specs import MethodSpec
from mer_bench.testing.check import CheckResult, CheckStatus, judge
from mer_bench.testing.kit import chosen_checks, make_subjects, with_workers
from mer_bench.testing.subject import Subject


@dataclass(frozen=True)
class CheckTask:
    """All checks of a method. The process loads the plugin itself: not every spec can be sent to it.

    Parameters
    ----------
    method : str
    values : mapping
        The value of each parameter.
    few_epochs : bool
        As of `Subject`.
    checks : tuple of str
    results : Path
        The file for a line of JSON per result, which remains if the process dies.
    """

    method: str
    values: Mapping[str, ParameterValue]
    few_epochs: bool
    checks: tuple[str, ...]
    results: Path


def check_in_processes(
    specs: Sequence[MethodSpec],
    *,
    preset: str | None = None,
    params: Mapping[str, object] | None = None,
    only: Collection[str] | None = None,
) -> Iterator[tuple[MethodSpec, list[CheckResult]]]:
    """Check several installed methods; yield what `check_methods` does, also of methods that end their process.

    The check that a process died in has failed, and those after it are skipped.

    Raises
    ------
    MerBenchError
        Before the first check: a check is unknown, or none of the methods has the preset or a parameter.
    """
    names = tuple(check.name for check in chosen_checks(only))
    subjects = make_subjects(specs, preset, params or {})
    with TemporaryDirectory(prefix="mer-bench-check-") as folder:
        tasks = [
            CheckTask(
                each.spec.name,
                dict(each.requested),
                each.few_epochs,
                names,
                Path(folder, f"{number}.jsonl"),
            )
            for number, each in enumerate(subjects)
        ]
        with closing(run_tasks(check_here, tasks, _place, lost=_lost, jobs=1)) as checked:
            for subject, (_, results) in zip(subjects, checked, strict=True):
                yield subject.spec, results


def check_here(task: CheckTask) -> list[CheckResult]:
    """Run the checks of a method in this process."""
    spec = load_catalogue().method(task.method)
    (subject,) = with_workers([Subject(spec, task.values, few_epochs=task.few_epochs)])
    results: list[CheckResult] = []
    with task.results.open("w", encoding="utf-8") as file:
        for check in chosen_checks(task.checks):
            try:
                results.append(judge(check, subject, task.checks)[0])
            except KeyboardInterrupt as error:
                # Nobody's Ctrl-C, which goes to the command, but the method's own.
                return _ended(task, results, error)
            file.write(json.dumps(asdict(results[-1])) + "\n")
            file.flush()
    return results


def _lost(task: CheckTask, error: MethodError, seconds: float) -> list[CheckResult]:
    results = []
    with suppress(OSError, ValueError):
        for line in task.results.read_text(encoding="utf-8").splitlines():
            stored = json.loads(line)
            results.append(CheckResult(stored["check"], CheckStatus(stored["status"]), stored["message"]))
    return _ended(task, results, error)


def _ended(task: CheckTask, results: Sequence[CheckResult], error: BaseException) -> list[CheckResult]:
    """Return all results of a method whose checks ended with an error, after those that have a result."""
    # It may end after its last check too.
    done = min(len(results), len(task.checks) - 1)
    failed, *others = task.checks[done:]
    return [
        *results[:done],
        CheckResult(failed, CheckStatus.FAILED, reason_of(error)),
        *(CheckResult(name, CheckStatus.SKIPPED, f"fix {failed} first") for name in others),
    ]


def _place(task: CheckTask) -> Place:
    return Place((__name__,), f"checks of {task.method}", alone=True)
