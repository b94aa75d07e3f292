"""Which folds are computed together, and that it changes no score of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.bench import TINY, Bench
from support.group_case import SMALL, compute_and_die, small_plan, tasks_of

from mer_bench.engine.executors import run_tasks
from mer_bench.engine.groups import alone, group_place, group_tasks, lost_group
from mer_bench.engine.resources import Resources
from mer_bench.engine.session import Session
from mer_bench.errors import MethodError
from mer_bench.evaluation import rows
from mer_bench.evaluation.cells import FoldResult
from mer_bench.evaluation.groups import GroupTask, _facts
from mer_bench.plugin_manager import load_catalogue
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

    assert [result.seconds for result in lost] == [2.0] * 3
    assert [result.error["message"] for result in lost if result.error] == ["its process was killed"] * 3


def computed(group: GroupTask, killed: str = "") -> tuple[list[FoldResult], list[TrainingProgress]]:
    told: list[TrainingProgress] = []
    ((_, results),) = run_tasks(
        compute_and_die,
        [(group, killed)],
        lambda task: group_place(task[0]),
        lost=lambda task, error, seconds: lost_group(task[0], error, seconds),
        jobs=1,
        message=lambda _, progress: told.append(progress),
    )
    assert not any(result.error for result in results), results[0].error
    return results, told


def epochs(results: Sequence[FoldResult]) -> list[bytes]:
    return [result.scores.epoch_scores.tobytes() for result in results]  # type: ignore[union-attr]


@pytest.mark.parametrize("stack", [None, 3])
def test_a_training_whose_worker_is_killed_goes_on_in_another_with_the_same_bits(
    tmp_path: Path, stack: int | None
) -> None:
    plan = small_plan(overrides={**SMALL, "epochs": 4})
    group = group_tasks(tasks_of(plan, tmp_path)[:3], plan.rows, Resources(1, "cpu", stack=stack))[0]
    whole, _ = computed(group)
    again, told = computed(group, str(tmp_path / "killed"))

    assert (tmp_path / "killed").exists()
    # Two epochs were saved, so they are told of once.
    assert [progress.epoch for progress in told].count(0) == 1
    assert {progress.epochs for progress in told} == {4}
    assert epochs(again) == epochs(whole)
    assert group.checkpoints is not None
    assert not list(group.checkpoints.glob("*"))


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


def test_rows_of_a_sweep_that_differ_in_the_learning_rate_share_a_stack_in_any_order(tmp_path: Path) -> None:
    fixed = {name: value for name, value in SMALL.items() if name not in ("lr", "hidden")}
    plan = small_plan(overrides=fixed, grid={"lr": [0.1, 0.2], "hidden": [4, 8]})
    tasks = tasks_of(plan, tmp_path, device="cuda")
    groups = group_tasks(tasks, plan.rows, Resources(1, "auto"))
    params = [[(fold.setting.params["lr"], fold.setting.params["hidden"]) for fold in group.folds] for group in groups]

    assert [sorted(set(own)) for own in params] == [[(0.1, 4), (0.2, 4)], [(0.1, 8), (0.2, 8)]]
    assert sizes(groups) == [12, 12]


@pytest.mark.parametrize("change", ["labels", "train", "test", "subjects", "seed", "inner"])
def test_a_checkpoint_is_of_its_own_samples_labels_and_seed_only(tmp_path: Path, change: str) -> None:
    task = tasks_of(small_plan(), tmp_path)[0]
    values = getattr(task, change)
    other = values[::-1] if isinstance(values, tuple) else "zero" if change == "inner" else values + 1

    assert _facts(task) == _facts(replace(task))
    assert _facts(replace(task, **{change: other})) != _facts(task)
