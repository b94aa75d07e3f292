"""Features: extracted once for each sample, shared by all folds, and keyed by what they depend on."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bench import Bench
from support.hostile import install

from mer_bench.cache import STACKS, cache_folder
from mer_bench.databases.synthetic_maps import SyntheticMaps
from mer_bench.engine import stacks
from mer_bench.engine.listener import Listener, Step
from mer_bench.engine.resources import Resources
from mer_bench.engine.stacks import Stacks
from mer_bench.evaluation.plan import make_plan
from mer_bench.evaluation.request import Request
from mer_bench.evaluation.rows import Row
from mer_bench.plugin_manager import load_catalogue
from mer_bench.representations.stack import stored_representation

SOURCE = """
    import os
    import numpy as np
    from mer_bench import Features, Method, MerBenchError, MethodSpec, Parameter, Representation, hookimpl


    class Plain(Method):
        # Scores by the distance to a constant, and refuses inputs that are not the features.
        def fit(self, train, *, seed):
            assert train.inputs.shape == (len(train), 3)

        def predict(self, test):
            return -abs(test.inputs - self.params["C"])


    class Means(Plain):
        def extract(self, sample):
            with open(os.environ["EXTRACTIONS"], "a") as log:
                log.write("x")
            return sample.reshape(-1, 3).mean(axis=0) * self.params["factor"]


    class Peeks(Means):
        def extract(self, sample):
            return np.full(3, self.params["C"])


    class Late(Means):
        # Fails at the fifth sample, as long as a file stands beside the log.
        def extract(self, sample):
            log = os.environ["EXTRACTIONS"]
            if os.path.getsize(log) == 4 and os.path.exists(os.path.join(os.path.dirname(log), "broken")):
                raise ZeroDivisionError("the fifth")
            return super().extract(sample)


    class Dies(Means):
        def extract(self, sample):
            os._exit(3)


    class Refuses(Means):
        def extract(self, sample):
            raise MerBenchError("factor=2 does not fit the sample; lower it")


    class Odd(Means):
        def extract(self, sample):
            values = {
                "words": "three features",
                "whole": np.arange(3),
                "scalar": np.array(2.0),
                "nan": np.array([1.0, np.nan]),
                "ragged": np.zeros(3 + int(sample[0, 0, 0] > 0)),
            }
            return values[self.spec.name]


    @hookimpl
    def mer_bench_methods():
        parameters = (Parameter("factor", 2.0, "a factor"), Parameter("C", 1.0, "a constant", minimum=0.0))
        odd = "words", "whole", "scalar", "nan", "ragged"
        for name in ("means", "peeks", "late", "dies", "refuses", "plain", "undeclared", *odd):
            target = "Odd" if name in odd else "Means" if name == "undeclared" else name.title()
            features = None if name == "undeclared" else Features(("factor",))
            maps = Representation("face-flow")
            target = f"feature_plugin:{target}"
            yield MethodSpec(name, "1", name, target, maps, "handcrafted", parameters, features=features)
"""


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the methods; return the file that gets one letter for each extraction."""
    site = tmp_path / "site"
    install(site, "feature-plugin", {"feature_plugin": SOURCE})
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=":")
    monkeypatch.setenv("EXTRACTIONS", str(tmp_path / "log"))
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "log").touch()
    return tmp_path / "log"


def row_of(method: str = "means", **overrides: str) -> Row:
    source = SyntheticMaps(None, {"size": "tiny", "seed": 0})
    (row,) = make_plan(Request((method,), overrides=overrides, baselines=False), source, load_catalogue()).rows
    return row


@pytest.mark.slow
def test_workers_extract_each_sample_once_for_all_folds_and_seeds(bench: Bench, log: Path) -> None:
    first = bench.run("--method", "means", "--method", "dies", "--seeds", "2", "--json", jobs=2)
    again = bench.run("--method", "means", "--seeds", "3", "--json")
    errors = {json.loads(file.read_text())["error"]["message"] for file in bench.cell_files() if "dies" in file.parts}

    assert [(o["method"], o["folds_done"], o["folds_failed"]) for o in first.objects[::2]] == [
        ("means", 6, 0),
        ("dies", 0, 6),
    ]
    assert [o["folds_done"] for o in again.objects] == [6, 6, 6]
    assert len(log.read_text()) == 24
    assert all("its process ended with exit code 3 before it returned" in error for error in errors)


@pytest.mark.slow
def test_features_are_trained_on_and_extracted_again_for_another_setting_of_theirs_only(
    bench: Bench, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = []
    for setting in ("C=1", "C=5", "factor=3"):
        assert bench.run("--method", "means", "--set", setting).code == 0
        counts.append(len(log.read_text()))
    row, source = row_of(), SyntheticMaps(None, {"size": "tiny", "seed": 0})
    stored = np.load(cache_folder() / STACKS / f"{row.features_key}.npy")
    means = [source.load(sample_id).reshape(-1, 3).mean(axis=0) for sample_id in row.stacked]

    assert counts == [24, 24, 48]
    assert row_of(C="5").features_key == row.features_key != row_of(factor="3").features_key
    monkeypatch.setenv("MER_BENCH_ARITHMETIC", "native")
    assert row_of().features_key != row.features_key
    np.testing.assert_allclose(stored, 2 * np.array(means), rtol=1e-6)
    assert stored.dtype == np.float32


class Meanwhile(Listener):
    """Another run extracts the same features, and finishes, while this one has done five samples."""

    def __init__(self, other: Callable[[], object]) -> None:
        self.other = other

    def steps(self, what: str, total: int, done: int = 0) -> AbstractContextManager[Step]:
        steps = iter(range(1, total + 1))
        return nullcontext(lambda succeeded: self.other() if next(steps) == 5 else None)


def test_two_runs_at_once_extract_the_same_features() -> None:
    row, source = row_of(), SyntheticMaps(None, {"size": "tiny", "seed": 0})
    other = Stacks(cache_folder() / STACKS, source, Resources(), Listener())
    stacks = Stacks(other.folder, source, Resources(), Meanwhile(lambda: other.file(row)))
    file, failed = stacks.file(row)

    assert (file, failed) == (other.folder / f"{row.features_key}.npy", None)
    assert np.load(file).shape == (24, 3)
    assert not (other.folder / str(row.features_key)).exists()


@pytest.mark.slow
def test_damaged_features_are_extracted_again(bench: Bench, log: Path) -> None:
    bench.run("--method", "means", "--set", "C=1")
    file = cache_folder() / STACKS / f"{row_of().features_key}.npy"
    file.write_bytes(file.read_bytes()[:-4])
    ended = bench.run("--method", "means", "--set", "C=5")

    assert ended.code == 0
    assert f"{file} is damaged; it is computed again" in ended.err.replace("\n", "")
    assert len(log.read_text()) == 48


@pytest.mark.slow
def test_a_failed_extraction_keeps_the_samples_before_it_and_its_traceback(bench: Bench, log: Path) -> None:
    broken = log.with_name("broken")
    broken.touch()
    first = bench.run("--method", "late")
    error = json.loads(bench.cell_files()[0].read_text())["error"]
    broken.unlink()
    again = bench.run("--method", "late")

    assert (first.code, again.code) == (1, 0)
    assert len(log.read_text()) == 24
    fifth = row_of("late").stacked[4]
    assert error["message"] == f"the features of {fifth}: ZeroDivisionError: the fifth"
    assert "in extract" in error["traceback"]
    assert not (cache_folder() / STACKS / str(row_of("late").features_key)).exists()


def test_features_that_another_run_has_stacked_meanwhile_are_used(
    bench: Bench, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_tasks = stacks.run_tasks

    def overtaken(work: Any, tasks: Any, *arguments: Any, **options: Any) -> Iterator[Any]:
        yield from run_tasks(work, tasks, *arguments, **options)
        stored_representation(tasks[0].parts, tasks[0].features_key, 24, lambda: stacks._features(tasks), print)
        shutil.rmtree(tasks[0].parts / tasks[0].features_key)

    monkeypatch.setattr(stacks, "run_tasks", overtaken)
    ended = bench.run("--method", "means")

    assert (ended.code, len(log.read_text())) == (0, 24), ended.err


UNUSABLE = {
    "peeks": "KeyError: 'C'",
    "words": "extract gives str, not an array of floats",
    "whole": "extract gives ndarray, not an array of floats",
    "scalar": "extract gives ndarray, not an array of floats",
    "nan": "extract gives NaN or infinite values",
    "ragged": "here, but (",
    "plain": "its spec's features do not fit its class",
    "undeclared": "its spec's features do not fit its class",
}


def test_unusable_features_fail_all_cells_of_their_method_and_of_no_other(bench: Bench) -> None:
    methods = [part for name in (*UNUSABLE, "majority") for part in ("--method", name)]
    ended = bench.run(*methods, "--json")
    failures: Counter[str] = Counter()
    for file in bench.cell_files():
        (name,) = {*UNUSABLE, "majority"}.intersection(file.parts)
        error = json.loads(file.read_text())["error"]
        failures[name] += error is not None and UNUSABLE.get(name, "") in error["message"]

    assert ended.code == 1
    assert failures == dict.fromkeys(UNUSABLE, 6) | {"majority": 0}


@pytest.mark.usefixtures("own_workers")
def test_a_setting_that_extracting_refuses_ends_the_run(bench: Bench) -> None:
    ended = bench.run("--method", "refuses", "--json", jobs=2)

    assert (ended.code, ended.errors) == (2, ["error: factor=2 does not fit the sample; lower it"])
    assert not bench.cell_files()
