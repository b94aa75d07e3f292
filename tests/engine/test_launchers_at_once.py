"""Several commands at once on one results folder and one cache, and a cache that is emptied under them."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support.bench import FOLDS, Bench, wait_until
from support.hostile import install

from mer_bench.cache import STACKS, InputGoneError, cache_folder, open_stack
from mer_bench.databases.synthetic_maps import SyntheticMaps
from mer_bench.engine.inputs import ATTEMPTS, Inputs
from mer_bench.engine.listener import Listener
from mer_bench.engine.lost_inputs import Keep, run_with_inputs
from mer_bench.engine.resources import Resources
from mer_bench.engine.stale import remove_stale
from mer_bench.evaluation.cells import FoldResult, FoldTask, compute_fold
from mer_bench.evaluation.plan import make_plan
from mer_bench.evaluation.request import Request
from mer_bench.locks import in_use, temporary_beside
from mer_bench.plugin_manager import load_catalogue

SAMPLES, HELD_AT = 24, 12
MEANS = ("--method", "means")
SOURCE = f"""
    import os
    import time
    import numpy as np
    from mer_bench import Features, Method, MethodSpec, Representation, hookimpl

    COUNT = 0

    class Means(Method):
        def fit(self, train, *, seed):
            self.frequencies = np.bincount(train.labels, minlength=self.n_classes) / len(train)

        def predict(self, test):
            return self.frequencies - abs(test.inputs - test.inputs.mean(axis=1, keepdims=True))

        def extract(self, sample):
            # Holds once, at one sample, in the command that was told to, until it may go on.
            global COUNT
            COUNT += 1
            with open(os.environ["EXTRACTIONS"], "a") as log:
                log.write("x")
            hold = os.environ.get("HOLD")
            if hold and COUNT == {HELD_AT} and not os.path.exists(hold + ".once"):
                open(hold + ".once", "w").close()
                open(hold, "w").close()
                while os.path.exists(hold):
                    time.sleep(0.01)
            return sample.reshape(-1, 3).mean(axis=0)

    @hookimpl
    def mer_bench_methods():
        maps = Representation("face-flow")
        yield MethodSpec("means", "1", "means", "means_plugin:Means", maps, "handcrafted", features=Features(()))
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a method with features; return the file that gets one letter for each extraction."""
    install(tmp_path / "site", "means-plugin", {"means_plugin": SOURCE})
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=":")
    monkeypatch.setenv("EXTRACTIONS", str(tmp_path / "log"))
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "log"


def parts() -> list[Path]:
    """Return the folders of single samples' features."""
    return [path for path in (cache_folder() / STACKS).iterdir() if path.is_dir()]


def held(bench: Bench, hold: Path) -> tuple[int, Callable[[], tuple[str, int]]]:
    """Start a command that waits within an extraction until ``hold`` is removed; return its id and how to await it."""
    process = bench.start(*bench.run_arguments(*MEANS), env={**os.environ, "HOLD": str(hold)})
    assert wait_until(hold.exists)
    return process.pid, lambda: (process.communicate(timeout=60)[1], process.returncode)


@pytest.mark.slow
def test_four_commands_at_once_with_features_end_as_one_does(bench: Bench, tmp_path: Path, log: Path) -> None:
    processes = [bench.start(*bench.run_arguments(*MEANS, jobs=2)) for _ in range(4)]
    ended = [(process.communicate(timeout=120), process.returncode) for process in processes]
    at_once = bench.predictions()
    bench.results = tmp_path / "alone"
    shutil.rmtree(cache_folder())
    assert bench.spawn(*bench.run_arguments(*MEANS)).code == 0

    assert [code for _, code in ended] == [0] * 4, ended
    assert len(at_once) == len(FOLDS)
    assert at_once == bench.predictions()
    assert not parts()


@pytest.mark.slow
def test_a_command_that_ends_leaves_what_another_still_reads(bench: Bench, tmp_path: Path, log: Path) -> None:
    hold = tmp_path / "hold"
    _, end = held(bench, hold)
    assert bench.spawn(*bench.run_arguments(*MEANS)).code == 0
    (kept,) = parts()
    assert len(list(kept.rglob("*.entry"))) == SAMPLES
    assert len(log.read_text()) == SAMPLES + 1
    hold.unlink()
    err, code = end()

    assert code == 0, err
    assert len(log.read_text()) == SAMPLES + 1
    assert len(bench.predictions()) == len(FOLDS)
    assert not parts()


@pytest.mark.slow
def test_what_a_killed_command_left_is_removed_by_the_next(bench: Bench, tmp_path: Path, log: Path) -> None:
    hold = tmp_path / "hold"
    launcher, end = held(bench, hold)
    assert bench.spawn(*bench.run_arguments(*MEANS)).code == 0
    os.kill(launcher, signal.SIGKILL)
    end()
    hold.unlink()
    left = temporary_beside(cache_folder() / STACKS / "a.npy")
    left.touch()
    assert parts()

    assert bench.spawn(*bench.run_arguments(*MEANS, "--seeds", "2")).code == 0
    assert not parts()
    assert not left.exists()
    assert len(log.read_text()) == SAMPLES + 1


@pytest.mark.slow
def test_a_cache_that_is_emptied_during_the_extraction_is_filled_again(bench: Bench, tmp_path: Path, log: Path) -> None:
    hold = tmp_path / "hold"
    _, end = held(bench, hold)
    shutil.rmtree(cache_folder())
    hold.unlink()
    err, code = end()

    assert code == 0, err
    assert len(bench.predictions()) == len(FOLDS)
    assert {key[1:] for key in bench.predictions()} == {(0, fold) for fold in FOLDS}
    assert not parts()


@pytest.mark.slow
@pytest.mark.usefixtures("naughty")
def test_stacks_that_are_removed_during_the_folds_fail_none_of_them(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    methods = ("--method", "slow", "--set", "slow.seconds=0.3", "--method", "good")
    process = bench.start(*bench.run_arguments(*methods))
    assert wait_until(lambda: len(bench.cell_files()) >= 2)
    shutil.rmtree(cache_folder() / STACKS)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert f"were removed from {cache_folder() / STACKS}; they are made again" in " ".join(err.split())
    assert {cell[0] for cell in bench.predictions().values()} == {"ok"}
    assert len(bench.predictions()) == 12


def test_an_input_that_is_removed_again_and_again_fails_its_cell_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    maps = SyntheticMaps(None, {"size": "tiny", "seed": 0})
    plan = make_plan(Request(("majority",), baselines=False), maps, load_catalogue())
    inputs = Inputs(plan, Resources(), Listener())
    tasks, _ = inputs.tasks(plan.cells)
    rounds: list[int] = []
    kept: list[FoldResult] = []

    def run(given: Sequence[FoldTask], keep: Keep) -> None:
        rounds.append(len(given))
        shutil.rmtree(cache_folder())
        for task in given:
            keep(task, compute_fold(task))

    run_with_inputs(run, tasks, inputs, lambda task, result: kept.append(result))
    errors = [result.error for result in kept]

    assert rounds == [len(tasks)] * ATTEMPTS
    assert len(errors) == len(tasks) == len(FOLDS)
    for error in errors:
        assert error is not None
        assert error["message"].startswith(f"its input {tasks[0].stack} was removed or damaged during the run (No such")
        assert (error["type"], error["traceback"]) == ("InputGoneError", "")


def test_only_parts_that_nobody_needs_are_removed(tmp_path: Path) -> None:
    stacks = tmp_path / STACKS
    names = [digit * 64 for digit in "abcd"]
    for name in names:
        (stacks / name).mkdir(parents=True)
        (stacks / name / "a.entry").touch()
    for name in "ab":
        (stacks / f"{name * 64}.npy").touch()
    old = (stacks / names[2]).stat().st_mtime - 8 * 86400
    for path in (stacks / names[2] / "a.entry", stacks / names[2]):
        os.utime(path, (old, old))
    (stacks / "notes").mkdir()
    with in_use(stacks / names[1]):
        remove_stale(tmp_path)
        assert sorted(path.name for path in stacks.iterdir() if path.is_dir()) == [names[1], names[3], "notes"]
    remove_stale(tmp_path)

    assert sorted(path.name for path in stacks.iterdir() if path.is_dir()) == [names[3], "notes"]
    remove_stale(tmp_path / "nothing")


def test_a_stack_that_cannot_be_opened_is_not_the_method_s_fault(tmp_path: Path) -> None:
    (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY")
    for name in ("cut.npy", "gone.npy"):
        with pytest.raises(
            InputGoneError, match=rf"its input .*{name} was removed or damaged during the run \(.*no fault"
        ):
            open_stack(tmp_path / name)
