"""Which folds are computed together, and that it changes no score of theirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bench import TINY, Bench
from support.group_case import LOG, SMALL, Said, compute_and_die, compute_and_end, small_plan, tasks_of

from mer_bench.engine import groups as groups_module
from mer_bench.engine import run_groups, session
from mer_bench.engine.groups import alone, group_place, group_tasks, lost_group
from mer_bench.engine.listener import Listener, Part, Step
from mer_bench.engine.pool import run_tasks
from mer_bench.engine.resources import Resources
from mer_bench.engine.session import Session
from mer_bench.errors import MethodError
from mer_bench.evaluation import groups as evaluation_groups
from mer_bench.evaluation import rows
from mer_bench.evaluation.cells import Cell, FoldResult
from mer_bench.evaluation.groups import FinishedFolds, GroupTask, _checkpoint, _facts
from mer_bench.methods.training_config import STACKABLE_NUMBERS
from mer_bench.plugin_manager import code_digest, load_catalogue
from mer_bench.store import Store
from mer_bench.training.progress import TrainingProgress


def sizes(groups: Sequence[GroupTask]) -> list[int]:
    return [len(group.folds) for group in groups]


def test_a_group_is_one_fold_on_a_cpu_and_as_many_as_are_asked_for(tmp_path: Path) -> None:
    plan = small_plan(seeds=2)
    tasks = tasks_of(plan, tmp_path)
    one, two, five = (group_tasks(tasks, plan.rows, Resources(1, "cpu", stack=stack)) for stack in (None, 2, 5))

    assert [sizes(groups) for groups in (one, two, five)] == [[1] * 12, [2] * 6, [5, 5, 2]]
    assert ({group.stacked for group in one}, {group.stacked for group in five}) == ({False}, {True})
    assert [fold.cell for group in five for fold in group.folds] == [task.cell for task in tasks]
    learned = sorted({len(task.train) for task in tasks})
    assert (one[0].peers, list(five[0].peers)) == ((), learned)
    assert sizes(group_tasks(tasks, plan.rows, Resources(1, "cpu", stack=1))) == [1] * 12
    assert not group_tasks(tasks, plan.rows, Resources(1, "cpu", stack=1))[0].stacked


def test_a_plugins_code_is_read_once_for_all_folds_of_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = small_plan(seeds=2)
    read: list[str] = []

    def counted(target: str) -> str:
        read.append(target)
        return f"the code of {target}"

    monkeypatch.setattr(rows, "code_digest", counted)
    groups = group_tasks(tasks_of(plan, tmp_path), plan.rows, Resources(1, "cpu"))
    (target,) = read

    assert target == plan.rows[0].setting.spec.target
    assert len({group.key for group in groups}) == 1
    (other,) = small_plan().rows
    monkeypatch.setattr(rows, "code_digest", lambda target: "other code")
    assert alone(groups[0].folds[0], other, stacked=False).key != groups[0].key
    monkeypatch.setattr(groups_module, "_own_code", lambda: "other code of mer-bench")
    assert alone(groups[0].folds[0], plan.rows[0], stacked=False).key != groups[0].key


def test_mer_benchs_own_code_is_that_of_its_whole_package() -> None:
    assert groups_module._own_code() == code_digest("mer_bench")


def test_on_a_gpu_all_folds_and_seeds_of_a_row_are_one_stack(tmp_path: Path) -> None:
    plan = small_plan(seeds=2)
    tasks = tasks_of(plan, tmp_path, device="cuda")

    assert sizes(group_tasks(tasks, plan.rows, Resources(1, "auto"))) == [12]
    assert sizes(group_tasks(tasks, plan.rows, Resources(1, "auto", stack=7))) == [7, 5]


def test_where_validation_subjects_are_held_out_seeds_are_not_mixed(tmp_path: Path) -> None:
    """The seed decides who they are, and so how many samples a fold learns from."""
    plan = small_plan(seeds=2, selection="inner")
    groups = group_tasks(tasks_of(plan, tmp_path, device="cuda"), plan.rows, Resources(1, "auto"))

    assert sizes(groups) == [6, 6]
    assert [{fold.cell.seed for fold in group.folds} for group in groups] == [{0}, {1}]
    assert all(max(group.peers) < max(len(fold.train) for fold in group.folds) for group in groups)


def test_other_methods_are_computed_fold_by_fold(tmp_path: Path) -> None:
    plan = small_plan("svm-flow", overrides={})
    groups = group_tasks(tasks_of(plan, tmp_path), plan.rows, Resources(1, "cpu", stack=4))

    assert (sizes(groups), {group.stacked for group in groups}) == ([1] * 6, {False})


def test_a_lost_group_loses_each_of_its_folds(tmp_path: Path) -> None:
    plan = small_plan()
    (group,) = group_tasks(tasks_of(plan, tmp_path)[:3], plan.rows, Resources(1, "cpu", stack=3))
    lost = lost_group(group, MethodError("its process was killed"), 6.0)

    assert [(cell.fold, result.seconds) for cell, result in lost.items()] == [
        (fold.cell.fold, 2.0) for fold in group.folds
    ]
    assert [result.error["message"] for result in lost.values() if result.error] == ["its process was killed"] * 3


def computed(group: GroupTask, killed: str = "") -> tuple[list[FoldResult], list[TrainingProgress]]:
    told: list[TrainingProgress] = []
    of_cells: dict[Cell, FoldResult] = {}

    def hear(_: object, said: Said) -> None:
        if isinstance(said, FinishedFolds):
            of_cells.update(said.results)
        elif isinstance(said, TrainingProgress):
            told.append(said)

    ((_, last),) = run_tasks(
        compute_and_die,
        [(group, killed)],
        lambda task: group_place(task[0]),
        lost=lambda task, error, seconds: lost_group(task[0], error, seconds),
        jobs=1,
        message=hear,
    )
    of_cells.update(last)
    results = [of_cells[fold.cell] for fold in group.folds]
    assert not any(result.error for result in results), results[0].error
    return results, told


def epochs(results: Sequence[FoldResult]) -> list[bytes]:
    return [result.scores.epoch_scores.tobytes() for result in results]  # type: ignore[union-attr]


@pytest.mark.slow
@pytest.mark.parametrize("stack", [None, 3])
def test_a_training_whose_worker_is_killed_goes_on_in_another_with_the_same_bits(
    tmp_path: Path, stack: int | None
) -> None:
    plan = small_plan(overrides={**SMALL, "epochs": 4})
    planned = group_tasks(tasks_of(plan, tmp_path)[:3], plan.rows, Resources(1, "cpu", stack=stack))[0]
    # The cache is shared with the tests of other processes.
    group = replace(planned, checkpoints=tmp_path / "training")
    whole, _ = computed(group)
    again, told = computed(group, str(tmp_path / "killed"))

    assert (tmp_path / "killed").exists()
    # Two epochs were saved, so they are told of once.
    assert [progress.epoch for progress in told].count(0) == 1
    assert {progress.epochs for progress in told} == {4}
    assert epochs(again) == epochs(whole)
    assert group.checkpoints is not None
    assert not list(group.checkpoints.glob("*"))


@pytest.mark.slow
def test_folds_have_the_same_bits_in_any_group(tmp_path: Path) -> None:
    plan = small_plan()
    tasks = tasks_of(plan, tmp_path)
    (all_of_them,) = group_tasks(tasks, plan.rows, Resources(1, "cpu", stack=9))
    pairs = group_tasks(tasks, plan.rows, Resources(1, "cpu", stack=2))
    whole, _ = computed(all_of_them)
    again, _ = computed(pairs[1])
    single, _ = computed(alone(tasks[3], plan.rows[0], stacked=True))

    assert epochs(again) == epochs(whole[2:4])
    assert epochs(single) == epochs(whole[3:4])
    assert [result.scores.stack for result in (*whole, *again, *single) if result.scores] == [6] * 6 + [2, 2, 1]
    unstacked, _ = computed(alone(tasks[3], plan.rows[0], stacked=False))
    assert unstacked[0].scores is not None
    assert whole[3].scores is not None
    assert unstacked[0].scores.stack == 0
    np.testing.assert_allclose(unstacked[0].scores.scores, whole[3].scores.scores, atol=1e-4)


@pytest.mark.slow
def test_a_cell_that_was_computed_in_a_stack_is_verified_exactly(bench: Bench) -> None:
    plan = small_plan()
    store = Store.create(bench.results)
    session = Session(plan, store, load_catalogue(), Resources(1, "cpu", stack=4))
    session.run()
    assert not session.failures
    assert sorted(record["stack"] for record in session.records.values() if record) == [2, 2, 4, 4, 4, 4]

    (answer,) = bench(
        "verify", *TINY, "--results", bench.results, "--jobs", "1", "--device", "cpu", "--cells", "1", "--json"
    ).objects
    assert [(cell["outcome"], cell["compared"]) for cell in answer["cells"]] == [("same", "exact")]


class Noting(Listener):
    """Leaves a file for each stored cell: ``stored-1``, ``stored-2``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def steps(self, *_: object, **__: object) -> AbstractContextManager[Step]:
        numbers = count(1)

        def step(succeeded: bool, part: str = "", seconds: float | None = None) -> None:
            (self.folder / f"stored-{next(numbers)}").touch()

        return nullcontext(step)


def three_one_by_one(*_: object) -> list[GroupTask]:
    """As on a GPU, where a network cannot be stacked."""
    return [replace(group, stacked=False) for group in group_tasks(*_)]  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize(("dies", "attempts", "failed"), [("process", [3], 1), ("worker", [3, 1], 0)])
def test_folds_that_a_group_has_finished_are_stored_when_it_dies_in_a_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies: str, attempts: list[int], failed: int
) -> None:
    log = tmp_path / f"log.{dies}"
    monkeypatch.setenv(LOG, str(log))
    monkeypatch.setattr(run_groups, "compute_group", compute_and_end)
    monkeypatch.setattr(session, "group_tasks", three_one_by_one)
    plan = small_plan()
    plan = replace(plan, cells=plan.cells[:3])
    store, resources = Store.create(tmp_path / "results"), Resources(1, "cpu", stack=3)
    run = Session(plan, store, load_catalogue(), resources, Noting(tmp_path))
    run.run()

    # What is tried again is what was not stored.
    assert [int(line) for line in log.read_text().split()] == attempts
    assert [failure.fold for failure in run.failures] == [cell.fold for cell in plan.cells[2:]][:failed]
    assert [cell.fold for cell in run.missing] == [failure.fold for failure in run.failures]
    stored = [run.records[cell] for cell in plan.cells[:2]]
    assert [record["status"] for record in stored if record] == ["ok", "ok"]
    assert all(record["seconds"] > 0 for record in stored if record)
    assert len(list(tmp_path.glob("stored-*"))) == 3


def test_the_time_out_of_a_group_is_that_of_its_own_folds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float] = []

    def running(work: object, groups: list[GroupTask], *_: object, **options: object) -> Iterator[None]:
        limits.extend(options["size"](group) * options["timeout"] for group in groups)  # type: ignore[operator]
        yield from ()

    monkeypatch.setattr(run_groups, "run_tasks", running)
    plan = small_plan()
    resources = Resources(1, "cpu", timeout=2.5, stack=4)
    groups = group_tasks(tasks_of(plan, tmp_path), plan.rows, resources)
    run_groups.run_groups(groups, resources, keep=lambda *_: None, message=lambda *_: None)

    assert limits == [10.0, 5.0]


@pytest.mark.parametrize(
    ("device", "stack", "part"),
    [
        ("cpu", None, Part(12, group=1, jobs=16)),
        ("cpu", 9, Part(12, group=9, jobs=16)),
        ("cuda", None, Part(12, group=12, jobs=1)),
    ],
)
def test_the_time_left_knows_what_runs_side_by_side(tmp_path: Path, device: str, stack: int | None, part: Part) -> None:
    plan, resources = small_plan(seeds=2), Resources(16, stack=stack)
    groups = group_tasks(tasks_of(plan, tmp_path, device=device), plan.rows, resources)

    assert run_groups.parts_of(plan.cells, groups, plan.rows, resources) == {"off-apexnet": part}
    assert run_groups.parts_of(plan.cells[:5], [], plan.rows, resources)["off-apexnet"].count == 5


def test_a_result_that_cannot_be_read_fails_its_fold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = small_plan()
    (group,) = group_tasks(tasks_of(plan, tmp_path)[:3], plan.rows, Resources(1, "cpu", stack=3))
    first, _, third = (FoldResult(None, None, 1.0, fold.cell.fold) for fold in group.folds)
    cells = [fold.cell for fold in group.folds]

    def running(*_: object, message: Any, **options: object) -> Iterator[object]:
        message(group, FinishedFolds({cells[0]: first}))
        yield group, {cells[0]: third, cells[2]: third}

    def none(*_: object, **__: object) -> Iterator[object]:
        yield from ()

    monkeypatch.setattr(run_groups, "run_tasks", lambda _, groups, *__, **o: (running if groups else none)(**o))
    kept: list[tuple[str, str]] = []
    run_groups.run_groups(
        [group],
        Resources(1, "cpu"),
        keep=lambda fold, result: kept.append((fold.cell.fold, result.processor if not result.error else "failed")),
        message=lambda *_: None,
    )

    assert kept == [(cells[0].fold, cells[0].fold), (cells[2].fold, cells[2].fold), (cells[1].fold, "failed")]


def test_rows_of_a_sweep_that_differ_in_the_learning_rate_share_a_stack_in_any_order(tmp_path: Path) -> None:
    fixed = {name: value for name, value in SMALL.items() if name not in ("lr", "hidden")}
    plan = small_plan(overrides=fixed, grid={"lr": [0.1, 0.2], "hidden": [4, 8]})
    tasks = tasks_of(plan, tmp_path, device="cuda")
    groups = group_tasks(tasks, plan.rows, Resources(1, "auto"))
    params = [[(fold.setting.params["lr"], fold.setting.params["hidden"]) for fold in group.folds] for group in groups]

    assert [sorted(set(own)) for own in params] == [[(0.1, 4), (0.2, 4)], [(0.1, 8), (0.2, 8)]]
    assert sizes(groups) == [12, 12]


@pytest.mark.parametrize("number", STACKABLE_NUMBERS)
def test_on_a_cpu_rows_of_a_sweep_share_no_stack_so_that_bits_do_not_depend_on_company(
    tmp_path: Path, number: str
) -> None:
    fixed = {name: value for name, value in SMALL.items() if name != number}
    plan = small_plan(overrides=fixed, grid={number: [0.01, 0.02]})
    groups = group_tasks(tasks_of(plan, tmp_path), plan.rows, Resources(1, "cpu", stack=12))

    assert [{fold.setting.params[number] for fold in group.folds} for group in groups] == [{0.01}, {0.02}]
    assert sizes(groups) == [6, 6]


def test_a_checkpoint_is_of_its_own_machine_and_libraries_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (group,) = group_tasks(tasks_of(small_plan(), tmp_path)[:1], small_plan().rows, Resources(1, "cpu"))
    facts = {"torch": "1", "timm": "1", "numpy": "1", "device": "cpu", "gpu": "H200"}
    monkeypatch.setattr(evaluation_groups, "version", lambda name: facts[name])
    monkeypatch.setattr("torch.cuda.get_device_name", lambda _: facts["gpu"])

    def name(**changed: str) -> str:
        facts.update(changed)
        task = replace(group, folds=(replace(group.folds[0], device=facts["device"]),))
        file = _checkpoint(task, "a processor", [0])
        assert file is not None
        return file.file.name

    changes = [{"torch": "2"}, {"timm": "2"}, {"numpy": "2"}, {"device": "cuda"}, {"gpu": "H100"}]
    assert len({name(), *(name(**changed) for changed in changes)}) == 6
    assert name() == name()


@pytest.mark.parametrize("change", ["labels", "train", "test", "subjects", "seed", "inner"])
def test_a_checkpoint_is_of_its_own_samples_labels_and_seed_only(tmp_path: Path, change: str) -> None:
    task = tasks_of(small_plan(), tmp_path)[0]
    values = getattr(task, change)
    other = values[::-1] if isinstance(values, tuple) else "zero" if change == "inner" else values + 1

    assert _facts(task) == _facts(replace(task))
    assert _facts(replace(task, **{change: other})) != _facts(task)
