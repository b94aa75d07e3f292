"""Features: extracted once a sample, shared by all folds, known by what they depend on."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from support.bench import Bench
from support.hostile import install

from mer_bench.databases.synthetic_maps import SyntheticMaps
from mer_bench.evaluation.plan import Plan, make_plan
from mer_bench.evaluation.request import Request
from mer_bench.plugin_manager import load_catalogue

SOURCE = """
    import os
    import numpy as np
    from mer_bench import (
        Features, Method, MerBenchError, MethodSpec, Parameter, Representation, SklearnMethod, hookimpl
    )
    from sklearn.linear_model import LogisticRegression


    class Means(SklearnMethod):
        def extract(self, sample):
            with open(os.environ["EXTRACTIONS"], "a") as log:
                log.write("x")
            return sample.reshape(-1, 3).mean(axis=0) * self.params["factor"]

        def build_estimator(self, n_classes, seed):
            return LogisticRegression(C=self.params["C"])


    class Peeks(Means):
        def extract(self, sample):
            return np.full(3, self.params["C"])


    class Breaks(Means):
        def extract(self, sample):
            raise ZeroDivisionError("an empty block")


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


    class Words(Means):
        def extract(self, sample):
            return "three features"


    class Whole(Means):
        def extract(self, sample):
            return np.arange(3)


    class Nan(Means):
        def extract(self, sample):
            return np.array([1.0, np.nan])


    class Ragged(Means):
        def extract(self, sample):
            return np.zeros(3 + int(sample[0, 0, 0] > 0))


    class Plain(SklearnMethod):
        def build_estimator(self, n_classes, seed):
            return LogisticRegression()


    @hookimpl
    def mer_bench_methods():
        parameters = (Parameter("factor", 2.0, "a factor"), Parameter("C", 1.0, "the penalty", minimum=0.0))
        for name in ("means", "peeks", "breaks", "late", "dies", "refuses", "words", "whole", "nan", "ragged", "plain"):
            features = Features(("factor",))
            yield MethodSpec(
                name, "1", name, f"feature_plugin:{name.title()}", Representation("face-flow"), "handcrafted",
                parameters, features=features
            )
        yield MethodSpec(
            "untold", "1", "Untold", "feature_plugin:Means", Representation("face-flow"), "handcrafted", parameters
        )
"""


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the methods; return the file that has a letter for each extraction."""
    site = tmp_path / "site"
    install(site, "feature-plugin", {"feature_plugin": SOURCE})
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=":")
    monkeypatch.setenv("EXTRACTIONS", str(tmp_path / "log"))
    (tmp_path / "log").touch()
    return tmp_path / "log"


def plan_of(method: str = "means", **overrides: str) -> Plan:
    return make_plan(
        Request((method,), overrides=overrides, baselines=False),
        SyntheticMaps(None, {"size": "tiny", "seed": 0}),
        load_catalogue(),
    )


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_sample_is_extracted_once_for_all_folds_and_seeds(bench: Bench, log: Path, jobs: int) -> None:
    ended = bench.run("--method", "means", "--seeds", "2", "--json", jobs=jobs)
    again = bench.run("--method", "means", "--seeds", "3", "--json", jobs=jobs)

    assert (ended.code, again.code) == (0, 0)
    assert [found["folds_done"] for found in again.objects] == [6, 6, 6]
    assert len(log.read_text()) == 24


def test_features_are_what_the_method_is_trained_on(bench: Bench) -> None:
    assert bench.run("--method", "means").code == 0
    plan = plan_of()
    (row,) = plan.rows
    stored = np.load(bench.results / "representations" / f"{row.features_key}.npy")
    maps = [plan.data.source.load(sample_id) for sample_id in row.table.sample_ids]

    np.testing.assert_allclose(stored, [2 * map_.reshape(-1, 3).mean(axis=0) for map_ in maps], rtol=1e-6)
    assert stored.dtype == np.float32


def test_a_parameter_of_the_classifier_extracts_nothing_anew_and_one_of_the_features_does(
    bench: Bench, log: Path
) -> None:
    counts = []
    for setting in ("C=1", "C=5", "factor=3"):
        assert bench.run("--method", "means", "--set", setting).code == 0
        counts.append(len(log.read_text()))

    assert counts == [24, 24, 48]
    assert plan_of(C="5").rows[0].features_key == plan_of().rows[0].features_key
    assert plan_of(factor="3").rows[0].features_key != plan_of().rows[0].features_key


def test_damaged_features_are_extracted_anew(bench: Bench, log: Path) -> None:
    bench.run("--method", "means", "--set", "C=1")
    (plan_row,) = plan_of().rows
    file = bench.results / "representations" / f"{plan_row.features_key}.npy"
    file.write_bytes(file.read_bytes()[:-4])
    ended = bench.run("--method", "means", "--set", "C=5")

    assert ended.code == 0
    assert f"{file} is damaged; it is computed again" in ended.out.replace("\n", "")
    assert len(log.read_text()) == 48


def test_what_was_extracted_before_a_failure_is_kept(bench: Bench, log: Path) -> None:
    broken = log.with_name("broken")
    broken.touch()
    first = bench.run("--method", "late")
    done = len(log.read_text())
    broken.unlink()
    again = bench.run("--method", "late")
    (row,) = plan_of("late").rows

    assert (first.code, again.code) == (1, 0)
    assert 0 < done < 24
    assert len(log.read_text()) == 24
    assert re.search(r"the features of \w+/\w+/\w+: ZeroDivisionError: the fifth", first.err)
    assert not (bench.results / "representations" / str(row.features_key)).exists()


@pytest.mark.parametrize(
    ("method", "jobs", "said"),
    [
        ("peeks", 1, "KeyError: 'C'"),
        ("breaks", 1, "ZeroDivisionError: an empty block"),
        ("breaks", 2, "ZeroDivisionError: an empty block"),
        ("dies", 2, "its process died (exit code 3)"),
        ("words", 1, "extract gives str, not an array of floats"),
        ("whole", 1, "extract gives ndarray, not an array of floats"),
        ("nan", 1, "extract gives NaN or infinite values"),
        ("ragged", 1, ",), and ("),
        ("plain", 1, "its spec's features do not fit its class"),
        ("untold", 1, "its spec's features do not fit its class"),
    ],
)
def test_features_that_fail_fail_their_methods_cells_and_no_others(
    bench: Bench, method: str, jobs: int, said: str
) -> None:
    ended = bench.run("--method", method, "--method", "majority", "--json", jobs=jobs)
    failed, other = ended.objects
    errors = [json.loads(file.read_text())["error"] for file in bench.cell_files()]

    assert ended.code == 1
    assert (failed["folds_done"], failed["folds_failed"], other["folds_done"]) == (0, 6, 6)
    assert [said in error["message"] for error in errors if error] == [True] * 6


def test_a_traceback_of_extracting_is_kept(bench: Bench) -> None:
    bench.run("--method", "breaks")
    error = json.loads(bench.cell_files()[0].read_text())["error"]

    assert "in extract" in error["traceback"]


def test_a_setting_that_extracting_refuses_ends_the_run(bench: Bench) -> None:
    ended = bench.run("--method", "refuses", "--json", jobs=2)

    assert (ended.code, ended.errors) == (2, ["error: factor=2 does not fit the sample; lower it"])
    assert not bench.cell_files()
