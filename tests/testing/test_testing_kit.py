"""The conformance kit: sound methods pass every check, and each broken one fails the check that it is broken for."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.hostile import install

from mer_bench import MerBenchError, MethodSpec, Parameter
from mer_bench.plugin_manager import load_catalogue
from mer_bench.testing import CHECKS, CheckResult, CheckStatus, check_method, check_methods, conformance
from mer_bench.testing.watched import WatchedSetting

METHODS = '''
    import os
    import sys

    import numpy as np

    from mer_bench import Method


    class Good(Method):
        """Distance to each class's mean; a class that the training set lacks is farther than all others."""

        def fit(self, train, *, seed):
            flat = train.inputs.reshape(len(train), -1)
            self.means = {int(c): flat[train.labels == c].mean(axis=0) for c in np.unique(train.labels)}

        def predict(self, test):
            flat = test.inputs.reshape(len(test), -1)
            scores = np.full((len(test), self.n_classes), -1e6)
            for label, mean in self.means.items():
                scores[:, label] = -np.abs(flat - mean).mean(axis=1)
            return scores


    class Entropy(Good):
        def predict(self, test):
            return super().predict(test) + np.random.default_rng().normal(size=(len(test), 1))


    class Position(Good):
        def predict(self, test):
            return super().predict(test) * (1 + np.arange(len(test)))[:, None]


    class Neighbours(Good):
        def predict(self, test):
            scores = super().predict(test)
            return scores - scores.mean()


    class Squeezed(Good):
        def predict(self, test):
            return super().predict(test).squeeze()


    class Accumulates(Good):
        seen = np.zeros(7)

        def fit(self, train, *, seed):
            super().fit(train, seed=seed)
            Accumulates.seen += np.bincount(train.labels, minlength=7)

        def predict(self, test):
            return super().predict(test) + 1e-3 * (self.seen / self.seen.sum())[: self.n_classes]


    FIRST = {}
    BY_SHAPE = {}
    BUFFERS = {}


    class KeepsFirst(Good):
        def fit(self, train, *, seed):
            super().fit(train, seed=seed)
            self.shift = FIRST.setdefault("shift", train.inputs.mean())

        def predict(self, test):
            return super().predict(test) + self.shift


    class ScribblesTraining(Good):
        def fit(self, train, *, seed):
            super().fit(train, seed=seed)
            train.inputs[:] -= train.inputs.mean(axis=0)


    class ScribblesTest(Good):
        def predict(self, test):
            scores = super().predict(test)
            test.inputs[:] = 0
            return scores


    class Learns(Good):
        def predict(self, test):
            scores = super().predict(test)
            self.means = {label: (mean + test.inputs.mean()) / 2 for label, mean in self.means.items()}
            return scores


    class NeedsAll(Good):
        def fit(self, train, *, seed):
            super().fit(train, seed=seed)
            if len(self.means) < self.n_classes:
                raise ValueError("a class\\nis missing")


    class NeedsTwo(Good):
        def fit(self, train, *, seed):
            super().fit(train, seed=seed)
            assert len(self.means) > 1


    class Nan(Good):
        def predict(self, test):
            return super().predict(test) * np.nan


    class Narrow(Good):
        def predict(self, test):
            return super().predict(test)[:, 1:]


    class Complex(Good):
        def predict(self, test):
            return super().predict(test) * 1j


    class TooFew(Good):
        def predict(self, test):
            return super().predict(test)[1:]


    class NoRows(Good):
        def predict(self, test):
            return None


    class Unique(Good):
        def predict(self, test):
            kept = sorted({sample.tobytes(): index for index, sample in enumerate(test.inputs)}.values())
            return super().predict(test)[kept]


    class ThreeClasses(Good):
        def predict(self, test):
            scores = np.full((len(test), 3), -1e6)
            scores[:, list(self.means)] = super().predict(test)[:, list(self.means)]
            return scores


    class OtherSize(Good):
        def fit(self, train, *, seed):
            super().fit(train, seed=seed)
            train.inputs.reshape(len(train), 64, 64, 3)


    class Exits(Good):
        def fit(self, train, *, seed):
            raise SystemExit("no [good] reason")


    class Configured(Good):
        def __init__(self, params, n_classes):
            pass


    class Buffered(Good):
        """Sound: hands out the same array every time."""

        def predict(self, test):
            scores = super().predict(test)
            buffer = BUFFERS.setdefault(scores.shape, np.empty_like(scores))
            buffer[:] = scores
            return buffer


    class Majority(Good):
        def predict(self, test):
            return np.tile(self.shares, (len(test), 1))

        def fit(self, train, *, seed):
            self.shares = np.bincount(train.labels, minlength=self.n_classes) / len(train)


    class SmallerIsBetter(Good):
        def predict(self, test):
            return -super().predict(test)


    class LearnsNothing(Good):
        def predict(self, test):
            return np.zeros((len(test), self.n_classes))


    class Misaligned(Good):
        def predict(self, test):
            scores = np.full((len(test), self.n_classes), -1e6)
            scores[:, : len(self.means)] = super().predict(test)[:, sorted(self.means)]
            return scores


    class KeepsByShape(Good):
        def fit(self, train, *, seed):
            super().fit(train, seed=seed)
            self.means = BY_SHAPE.setdefault((train.inputs.shape, *self.means), self.means)


    class CentresMany(Good):
        def predict(self, test):
            scores = super().predict(test)
            return scores - scores.mean() if len(test) > 5 else scores


    class HugeColumn(Good):
        def predict(self, test):
            scores = super().predict(test)
            scores[:, :2] -= scores[:, :1].mean()
            scores[:, 2:] = -1e6
            return scores


    class TellsByImports(Good):
        def predict(self, test):
            scores = super().predict(test) + ("colorsys" in sys.modules)
            import colorsys

            return scores


    class Reads(Good):
        def fit(self, train, *, seed):
            super().fit(train, seed=seed)
            self.values = {**self.params}


    class ReadsWhereItMatters(Good):
        """Sound: the gain counts where the mode is `scaled`, and the power where there is a gain."""

        def predict(self, test):
            scores = super().predict(test)
            if self.params["mode"] == "scaled":
                scores *= 1 + self.params["gain"]
            return scores if self.params["root"] == 0 else scores * self.params.get("power")


    class ReadsOne(Good):
        def predict(self, test):
            assert "width" in self.params
            return super().predict(test) * self.params["gain"]


    class Extracts(Good):
        def extract(self, sample):
            return self.spoil(sample[3::7, 3::7].reshape(-1) * self.params["gain"])

        def spoil(self, features):
            return features


        def predict(self, test):
            return super().predict(test) * self.params["penalty"]


    class ExtractsWithoutSaying(Extracts):
        def spoil(self, features):
            return features * self.params["penalty"]


    class ExtractsWithoutAsking(Extracts):
        def spoil(self, features):
            return features * self.params.get("penalty", 1.0)


    class ExtractsByChance(Extracts):
        def spoil(self, features):
            return features + 1e-12 * int.from_bytes(os.urandom(4), "big")


    class ExtractsRagged(Extracts):
        def spoil(self, features):
            return features[: 1 + (features[0] > 0)]


    class ExtractsByClasses(Extracts):
        def spoil(self, features):
            return features * self.n_classes


    class ExtractsInPlace(Extracts):
        def extract(self, sample):
            sample *= 2
            return super().extract(sample)


    class ExtractsLarge(Extracts):
        def extract(self, sample):
            return super().extract(sample) + sample[100, 100].mean()
'''

PLUGIN = """
    import numpy as np

    from mer_bench import Features, MethodSpec, Parameter, Representation, hookimpl

    EXTRACTS = (Parameter("gain", 2.0, "a factor"), Parameter("penalty", 1.0, "the classifier's"))
    WIDTH = Parameter("width", 8, "of nothing")
    GAIN = Parameter("gain", 1.0, "a factor")
    WHERE_IT_MATTERS = (
        Parameter("mode", "plain", "what is done", choices=("plain", "scaled")),
        Parameter("root", 0, "none, or which", minimum=0),
        Parameter("power", 3.0, "of the root"),
        GAIN,
    )
    LAYOUT = ("layout", "five-mosaic", "how regions are put together", ("five-mosaic", "round"))


    def spec(name, target, representation=Representation("face-flow"), **fields):
        given = {"citation": "Doe 2020", "version": "1", "title": name, "family": "handcrafted", **fields}
        return MethodSpec(name=name, target=f"broken_methods:{target}", representation=representation, **given)


    def extracts(name, target, representation=Representation("face-flow")):
        return spec(name, target, representation, features=Features(("gain",)), parameters=EXTRACTS)


    @hookimpl
    def mer_bench_methods():
        yield spec("good", "Good")
        yield extracts("good-features", "Extracts")
        yield spec("good-buffered", "Buffered")
        yield spec("good-where-it-matters", "ReadsWhereItMatters", parameters=WHERE_IT_MATTERS)
        yield spec("unread-width", "ReadsOne", parameters=(WIDTH, GAIN))
        yield spec("good-baselines", "Majority", citation="", family="baseline")
        for name in NAMES:
            yield spec("".join(f"-{c.lower()}" if c.isupper() else c for c in name)[1:], name)
        yield extracts("undeclared", "ExtractsWithoutSaying")
        yield extracts("undeclared-default", "ExtractsWithoutAsking")
        yield extracts("chance", "ExtractsByChance")
        yield extracts("ragged", "ExtractsRagged")
        yield extracts("by-classes", "ExtractsByClasses")
        yield extracts("in-place", "ExtractsInPlace")
        yield extracts("large", "ExtractsLarge", Representation("flow", approximate="face-flow"))
        yield spec("forgets-features", "Extracts")
        yield spec("no-class", "Absent")
        yield spec("no-citation", "Good", citation=" ")
        yield spec("no-title", "Good", title="")
        yield spec("no-version", "Good", version="")
        yield spec("no-doc", "Reads", parameters=(Parameter("bins", 8, " "),))
        yield spec("numpy-default", "Reads", parameters=(Parameter("gain", np.float64(0.5), "a factor"),))
        yield spec("shapes-nothing", "Good", Representation("region-flow", ("layuot",)),
                   parameters=(Parameter("layuot", "five-mosaic", "a slip of the pen"),))
        yield spec("no-such-layout", "Good", Representation("region-flow", ("layout",)),
                   parameters=(Parameter(*LAYOUT),))
"""
NAMES = (
    *("Entropy", "Position", "Neighbours", "Squeezed", "Accumulates", "KeepsFirst", "ScribblesTraining"),
    *("ScribblesTest", "Learns", "NeedsAll", "NeedsTwo", "Nan", "Narrow", "Complex", "TooFew", "NoRows", "Unique"),
    *("ThreeClasses", "OtherSize", "Exits", "Configured", "SmallerIsBetter", "LearnsNothing", "Misaligned"),
    *("KeepsByShape", "CentresMany", "HugeColumn", "TellsByImports"),
)
HEAVY_PLUGIN = (
    "import cv2\n"
    + textwrap.dedent(PLUGIN).split("@hookimpl")[0]
    + textwrap.dedent(
        """
    @hookimpl
    def mer_bench_methods():
        return [spec("heavy", "Good")]
    """
    )
)

MOODY_PLUGIN = "import os\nif 'MOOD' in os.environ:\n    raise ImportError('not today')\n" + HEAVY_PLUGIN.replace(
    "import cv2", ""
).replace("heavy", "moody")

GOOD = ("good", "good-features", "good-buffered", "good-where-it-matters", "good-baselines")
BROKEN = {
    "heavy": ("light-import", "imports cv2; import that in the module of the target alone (broken_methods)"),
    "no-citation": ("spec-complete", "the spec's citation is empty"),
    "no-title": ("spec-complete", "the spec's title is empty"),
    "no-version": ("spec-complete", "the spec's version is empty"),
    "no-doc": ("spec-complete", "no doc is given for: bins"),
    "no-class": ("spec-complete", "module 'broken_methods' has no class 'Absent'"),
    "configured": ("spec-complete", "TypeError: "),
    "forgets-features": ("spec-complete", "its spec's features do not fit its class"),
    "numpy-default": ("params-json", "is of type numpy.float64; give a plain"),
    "shapes-nothing": ("representation", "parameter 'layuot' shapes 'region-flow' (did you mean 'layout'?)"),
    "no-such-layout": ("representation", "layout='round' is not one of"),
    "other-size": ("representation", "with inputs of the shape (120, 28, 28, 3): ValueError: "),
    "exits": ("representation", "SystemExit: no [good] reason"),
    "undeclared": ("representation", "extract reads the parameter 'penalty'; declare it"),
    "undeclared-default": ("representation", "extract reads the parameter 'penalty'; declare it"),
    "ragged": ("representation", "shape"),
    "large": ("representation", "on 'face-flow', which it takes where 'flow' cannot be had: IndexError: "),
    "nan": ("finite-scores", "scores hold NaN"),
    "narrow": ("finite-scores", "scores have shape (5, 2), not (5, 3)"),
    "complex": ("finite-scores", "no real numbers"),
    "too-few": ("exact-samples", "scores have shape (4, 3), not (5, 3)"),
    "no-rows": ("exact-samples", "scores have shape (), not (5, 3)"),
    "unique": ("exact-samples", "two of them equal: scores have shape (2, 3), not (3, 3)"),
    "unread-width": ("parameters-read", "the method never reads width; use it, or take it out of the spec"),
    "smaller-is-better": ("learns", "let a larger score mean a likelier class"),
    "learns-nothing": ("learns", "it finds the class of 52 of the 120 samples that it was trained on, and 52 are of"),
    "entropy": ("deterministic", "the same fold and seed give other scores"),
    "chance": ("deterministic", "extract gives other features of the same sample"),
    "position": ("order", "a sample's scores depend on its place among the test samples"),
    "centres-many": ("alone", "depend on which other samples are tested with it"),
    "huge-column": ("alone", "depend on which other samples are tested with it"),
    "neighbours": ("alone", "depend on which other samples are tested with it"),
    "squeezed": ("alone", "asked for a single test sample: scores have shape (3,), not (1, 3)"),
    "scribbles-training": ("test-untouched", "train.inputs is changed"),
    "scribbles-test": ("test-untouched", "test.inputs is changed"),
    "learns": ("test-untouched", "predict gives other scores of the same samples the second time"),
    "in-place": ("test-untouched", "extract changes the array that it is handed"),
    "accumulates": ("folds-independent", "depend on the folds before it; keep what is learned on the instance"),
    "needs-all": ("missing-class", "trained without class 0 of 3: ValueError: a class is missing"),
    "needs-two": ("missing-class", "trained on class 1 alone: AssertionError"),
    "misaligned": ("missing-class", "trained without class 0 of 3: class 0 wins, which the training set lacks"),
    "three-classes": ("classes", "with 2 classes: scores have shape (5, 3), not (5, 2)"),
    "by-classes": ("classes", "extract gives other features for another number of classes"),
    "keeps-first": ("side-by-side", "a fold gives other scores in another process"),
    "keeps-by-shape": ("side-by-side", "a fold gives other scores in another process"),
    "tells-by-imports": ("side-by-side", "depend on what the process did or imported before"),
}
FOLLOWING = {
    "no-class": 13,
    "configured": 13,
    "forgets-features": 13,
    "shapes-nothing": 12,
    "other-size": 12,
    "exits": 12,
    "undeclared": 12,
    "undeclared-default": 12,
    "ragged": 12,
    "nan": 12,
    "narrow": 12,
    "complex": 12,
    "too-few": 12,
    "no-rows": 12,
    "smaller-is-better": 1,
    "learns-nothing": 1,
    "entropy": 5,
    "chance": 6,
    "accumulates": 1,
}
"""Of how many other checks nothing can be said."""

Results = dict[str, CheckResult]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Install the plugins, for this process and for those it starts."""
    folder = tmp_path_factory.mktemp("site")
    plugin = textwrap.dedent(PLUGIN).replace("NAMES", repr(NAMES))
    install(
        folder, "broken-plugins", {"broken_plugin": plugin, "heavy_plugin": HEAVY_PLUGIN, "moody_plugin": MOODY_PLUGIN}
    )
    (folder / "broken_methods.py").write_text(textwrap.dedent(METHODS), encoding="utf-8")
    (folder / "networks.py").write_text(textwrap.dedent(NETWORKS), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield folder
    for name in ("broken_plugin", "heavy_plugin", "moody_plugin", "broken_methods", "networks"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def checked(site: Path) -> dict[str, Results]:
    """What the kit says of every method, their folds side by side in the same two workers."""
    import colorsys  # noqa: F401  (what tells-by-imports looks for: here, but not in a worker)

    catalogue = load_catalogue()
    specs = [catalogue.method(name) for name in (*GOOD, *BROKEN)]
    return {spec.name: {result.check: result for result in results} for spec, results in check_methods(specs)}


def failures(results: Results) -> dict[str, str]:
    return {name: result.message for name, result in results.items() if result.status is CheckStatus.FAILED}


@pytest.mark.parametrize("name", GOOD)
def test_a_sound_method_passes_every_check(checked: dict[str, Results], name: str) -> None:
    expected = {check.name: CheckResult(check.name, CheckStatus.PASSED) for check in CHECKS}
    if name == "good-baselines":
        reason = "a method of the family baseline need not learn"
        expected["learns"] = CheckResult("learns", CheckStatus.SKIPPED, reason)

    assert checked[name] == expected


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_method_fails_the_check_that_it_is_broken_for(checked: dict[str, Results], name: str) -> None:
    check, message = BROKEN[name]
    failed = failures(checked[name])

    assert list(failed) == [check]
    assert message in failed[check]
    assert "\n" not in failed[check]


@pytest.mark.parametrize("name", BROKEN)
def test_what_follows_from_another_failure_is_skipped_and_says_so(checked: dict[str, Results], name: str) -> None:
    check, _ = BROKEN[name]
    skipped = [result.message for result in checked[name].values() if result.status is CheckStatus.SKIPPED]

    assert skipped == [f"fix {check} first"] * FOLLOWING.get(name, 0)


def test_every_check_is_failed_by_some_method() -> None:
    assert {check for check, _ in BROKEN.values()} == {check.name for check in CHECKS}


def test_every_check_says_in_a_line_what_it_is_about() -> None:
    assert all(check.doc.endswith(".") and len(check.doc) <= 100 for check in CHECKS)


def test_a_check_by_itself_fails_for_what_another_one_is_about(site: Path) -> None:
    (result,) = check_method(load_catalogue().method("nan"), only=["Missing_Class"])

    assert (result.check, result.status) == ("missing-class", CheckStatus.FAILED)
    assert "scores hold NaN" in result.message


def test_a_spec_that_no_plugin_offers_has_nothing_to_load(site: Path) -> None:
    spec = replace(load_catalogue().method("good"), title="Another")
    (result,) = check_method(spec, only=["light-import"])

    assert result.status is CheckStatus.SKIPPED
    assert "no installed plugin offers this good" in result.message


def test_a_plugin_that_a_new_interpreter_cannot_load_fails(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = load_catalogue().method("moody")
    monkeypatch.setenv("MOOD", "bad")
    (result,) = check_method(spec, only=["light-import"])

    assert result.status is CheckStatus.FAILED
    assert result.message == "a new interpreter cannot load moody_plugin: ImportError: not today"


def test_a_spec_that_cannot_be_sent_to_a_slot_fails(site: Path) -> None:
    class Local(Parameter):
        """Of a class that no other process can import."""

    spec = replace(load_catalogue().method("good"), parameters=(Local("gain", 2.0, "a factor"),))
    (result,) = check_method(spec, only=["side-by-side"])

    assert result.status is CheckStatus.FAILED
    assert "the spec cannot be sent there" in result.message


NETWORKS = '''
    import torch
    from torch import nn

    from mer_bench import MerBenchError, SklearnMethod, TorchMethod


    class Linear(TorchMethod):
        def build_network(self):
            return nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(28 * 28 * 3, self.n_classes))


    class TestTime(nn.Module):
        """Moves its running mean while it is only asked."""

        def __init__(self, n_classes):
            super().__init__()
            self.linear = nn.Linear(28 * 28 * 3, n_classes)
            self.register_buffer("mean", torch.zeros(1))

        def forward(self, maps):
            self.mean = (self.mean + maps.detach().std()) / 2
            return self.linear(maps.flatten(1) - self.mean)


    class LearnsFromTest(TorchMethod):
        def build_network(self):
            return TestTime(self.n_classes)


    class MovesBias(TorchMethod):
        def build_network(self):
            return Moving(self.n_classes)


    class Moving(nn.Module):
        def __init__(self, n_classes):
            super().__init__()
            self.linear = nn.Linear(28 * 28 * 3, n_classes)
            nn.init.zeros_(self.linear.weight)

        def forward(self, maps):
            if not self.training:
                self.linear.bias.data[0] += 1e-4 * len(maps)
            return self.linear(maps.flatten(1))


    class TrainModeNorm(nn.BatchNorm2d):
        def train(self, mode=True):
            return super().train(True)


    class NormsByBatch(TorchMethod):
        def build_network(self):
            head = nn.Linear(8 * 28 * 28, self.n_classes)
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
            return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), TrainModeNorm(8), nn.ReLU(), nn.Flatten(), head)


    class WarmsUp(Linear):
        def build_network(self):
            if self.params["warmup"] >= self.params["epochs"]:
                raise MerBenchError("warmup is not below epochs; lower it")
            return super().build_network()


    class TooWide(TorchMethod):
        def build_network(self):
            return nn.Sequential(nn.Flatten(), nn.Linear(28 * 28 * 3, self.n_classes + 1))


    class Wide(TorchMethod):
        def build_network(self):
            return WideNetwork(self.n_classes, **self.network_params())


    class WideNetwork(nn.Sequential):
        def __init__(self, n_classes, *, width):
            layers = [nn.Linear(28 * 28 * 3, size) for size in (width,)]
            super().__init__(nn.Flatten(), *layers, nn.Linear(width, n_classes))


    class HandsOn(WideNetwork):
        def __init__(self, n_classes, **settings):
            super().__init__(n_classes, **settings)


    class Takes(WideNetwork):
        def __init__(self, n_classes, *, width):
            super().__init__(n_classes, width=8)


    class Swallows(WideNetwork):
        def __init__(self, n_classes, **_others):
            super().__init__(n_classes, width=8)


    class WideByHandingOn(Wide):
        def build_network(self):
            return HandsOn(self.n_classes, **self.network_params())


    class WideInName(Wide):
        def build_network(self):
            return Takes(self.n_classes, **self.network_params())


    class WideInNoWay(Wide):
        def build_network(self):
            return Swallows(self.n_classes, **self.network_params())


    class Logistic(SklearnMethod):
        def build_estimator(self, n_classes, seed):
            from sklearn.linear_model import LogisticRegression

            return LogisticRegression(max_iter=5, random_state=seed)


    class Projected(SklearnMethod):
        def build_estimator(self, n_classes, seed):
            from sklearn.decomposition import PCA
            from sklearn.pipeline import make_pipeline
            from sklearn.svm import SVC

            return make_pipeline(PCA(50, random_state=seed), SVC(kernel="linear"))


    class Nearest(SklearnMethod):
        def build_estimator(self, n_classes, seed):
            from sklearn.neighbors import KNeighborsClassifier

            return KNeighborsClassifier(25)


    class Searched(SklearnMethod):
        def build_estimator(self, n_classes, seed):
            from sklearn.model_selection import GridSearchCV
            from sklearn.svm import SVC

            return GridSearchCV(SVC(kernel="linear"), {"C": [0.1, 1.0]}, cv=5)
'''


ESTIMATORS = ("Logistic", "Projected", "Nearest", "Searched")
WIDE = {
    "wide": "Wide",
    "hands-on": "WideByHandingOn",
    "in-name": "WideInName",
    "in-no-way": "WideInNoWay",
    "not-at-all": "Linear",
}
WIDTH = Parameter("width", 8, "channels of the hidden layer", minimum=1)
WARMUP = Parameter("warmup", 5, "epochs of a smaller lr", minimum=0)


@pytest.fixture(scope="module")
def trained(site: Path) -> dict[str, Results]:
    """What the kit says of networks, and of a scikit-learn estimator that warns of too few iterations."""
    from mer_bench import training_parameters

    good = load_catalogue().method("good")
    network = replace(good, trains_by_epoch=True, family="deep")
    specs = [
        *(replace(good, name=name.lower(), target=f"networks:{name}") for name in ESTIMATORS),
        replace(
            network, name="warms-up", target="networks:WarmsUp", parameters=(*training_parameters(epochs=7), WARMUP)
        ),
        replace(network, name="moves-bias", target="networks:MovesBias", parameters=training_parameters(lr=5e-5)),
        replace(
            network, name="norms-by-batch", target="networks:NormsByBatch", parameters=training_parameters(lr=5e-5)
        ),
        replace(network, name="linear", target="networks:Linear", parameters=training_parameters()),
        replace(network, name="learns-from-test", target="networks:LearnsFromTest", parameters=training_parameters()),
        replace(network, name="too-wide", target="networks:TooWide", parameters=training_parameters()),
        *(
            replace(network, name=name, target=f"networks:{target}", parameters=(*training_parameters(), WIDTH))
            for name, target in WIDE.items()
        ),
        replace(network, name="untrained", target="networks:Linear", parameters=(Parameter("epochs", 3, "passes"),)),
    ]
    return {spec.name: {result.check: result for result in results} for spec, results in check_methods(specs)}


@pytest.mark.parametrize("name", [*map(str.lower, ESTIMATORS), "linear", "warms-up", "wide", "hands-on"])
def test_a_sound_estimator_and_a_sound_network_pass(trained: dict[str, Results], name: str) -> None:
    unsaid = {check: result.status for check, result in trained[name].items() if result.status != "passed"}

    skipped = ["light-import"] if name.title() in ESTIMATORS else ["light-import", "learns"]
    assert unsaid == dict.fromkeys(skipped, CheckStatus.SKIPPED)


@pytest.mark.parametrize(
    ("name", "check", "message"),
    [
        ("learns-from-test", "alone", "depend on which other samples are tested with it"),
        ("moves-bias", "alone", "depend on which other samples are tested with it"),
        ("norms-by-batch", "alone", "depend on which other samples are tested with it"),
        ("too-wide", "finite-scores", "the network gives (24, 4) for 24 samples of 3 classes"),
        (
            "in-name",
            "parameters-read",
            "the network's constructor takes width and does nothing with it; use",
        ),
        ("in-no-way", "parameters-read", "the network's constructor takes width and does nothing with it; use it"),
        ("not-at-all", "parameters-read", "the method never reads width; use it, or take it out of the spec"),
        ("untrained", "spec-complete", "the network's parameters lack lr, batch_size"),
    ],
)
def test_a_broken_network_fails(trained: dict[str, Results], name: str, check: str, message: str) -> None:
    failed = failures(trained[name])

    assert list(failed) == [check]
    assert message in failed[check]


def test_each_check_is_a_test_of_its_own(site: Path) -> None:
    mark = conformance("needs-all").mark
    argument, cases = mark.args
    calls = {str(case.id): case.values[0] for case in cases}
    calls["order"]()

    assert argument == "check"
    assert list(calls) == [check.name for check in CHECKS]
    with pytest.raises(AssertionError, match="a class is missing") as caught:
        calls["missing-class"]()
    assert isinstance(caught.value.__cause__, AssertionError)
    assert isinstance(caught.value.__cause__.__cause__, ValueError)


def test_a_test_of_what_cannot_be_said_is_skipped(site: Path) -> None:
    _, cases = conformance(replace(load_catalogue().method("nan"), title="Another")).mark.args
    calls = {str(case.id): case.values[0] for case in cases}

    with pytest.raises(pytest.skip.Exception, match="no installed plugin"):
        calls["light-import"]()
    with pytest.raises(pytest.skip.Exception, match="fix finite-scores first"):
        calls["alone"]()


def test_pytest_runs_an_authors_two_lines(tmp_path: Path) -> None:
    source = """
        from mer_bench.testing import conformance

        @conformance("majority")
        def test_majority_conforms(check):
            check()
    """
    (tmp_path / "test_mine.py").write_text(textwrap.dedent(source), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "test_mine.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    assert f"{len(CHECKS) - 1} passed, 1 skipped" in done.stdout  # a baseline need not learn


def test_an_unknown_method_is_found_out_when_its_tests_run() -> None:
    _, cases = conformance("majorityy").mark.args

    with pytest.raises(MerBenchError, match="did you mean 'majority'"):
        cases[0].values[0]()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"only": ["ordr"]}, r"unknown check 'ordr' \(did you mean 'order'\?\); known: light-import"),
        ({"preset": "fast"}, "method good has no preset 'fast'"),
        ({"params": {"lr": "1"}}, "method good has no parameter 'lr'"),
    ],
)
def test_what_cannot_be_asked_is_refused_at_once(site: Path, asked: dict[str, object], message: str) -> None:
    spec = load_catalogue().method("good")

    with pytest.raises(MerBenchError, match=message):
        check_methods([spec], **asked)  # type: ignore[arg-type]


class Percent(Parameter):
    """Takes per cent, and gives a share: another one every time."""

    def check(self, value: object) -> float:
        return float(super().check(value)) / 100  # type: ignore[arg-type]


def test_a_value_that_does_not_come_back_as_it_was_stored_fails(site: Path) -> None:
    spec = replace(load_catalogue().method("good"), parameters=(Percent("share", 50.0, "of the training set"),))
    (result,) = check_method(spec, only=["params-json"])

    assert (result.status, result.message) == (CheckStatus.FAILED, "share=50.0 comes back from JSON as 0.5")


def network_spec(**fields: object) -> MethodSpec:
    from mer_bench import training_parameters

    spec = load_catalogue().method("good")
    return replace(spec, target="broken_methods:Told", parameters=training_parameters(epochs=50), **fields)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, (2, 0.5)),
        ({"preset": "slow"}, (2, 0.25)),
        ({"params": {"epochs": "3", "lr": 1.0}}, (3, 1.0)),
        ({"params": {"good.epochs": "4", "Good.lr": 1.0}}, (4, 1.0)),
    ],
)
def test_the_quick_preset_and_two_epochs_are_checked_unless_others_are_asked_for(
    site: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, object], told: tuple[int, float]
) -> None:
    import broken_methods

    seen = []

    class Told(broken_methods.Good):
        def fit(self, train: object, *, seed: int) -> None:
            seen.append((self.params["epochs"], self.params["lr"]))
            super().fit(train, seed=seed)

    monkeypatch.setattr(broken_methods, "Told", Told, raising=False)
    spec = network_spec(presets={"quick": {"lr": 0.5, "epochs": 9}, "slow": {"lr": 0.25}}, default_preset="slow")
    (result,) = check_method(spec, only=["finite-scores"], **asked)  # type: ignore[arg-type]

    assert result.status is CheckStatus.PASSED
    assert set(seen) == {told}


def never_two(params: dict[str, Any]) -> None:
    if params["epochs"] == 2:
        raise MerBenchError("two epochs do not fit")


@pytest.mark.parametrize(
    "epochs",
    [
        Parameter("epochs", 50, "passes", choices=(50, 100)),
        Parameter("epochs", 50, "passes", minimum=3),
        Parameter("epochs", 1, "passes", maximum=1),
        Parameter("epochs", 50.5, "passes, of a type of its own", minimum=3),
        Parameter("epochs", 50, "passes, of which the spec does not allow two"),
    ],
)
def test_epochs_that_do_not_take_two_stay_as_they_are(
    site: Path, monkeypatch: pytest.MonkeyPatch, epochs: Parameter
) -> None:
    import broken_methods

    seen = set()

    class Told(broken_methods.Good):
        def fit(self, train: object, *, seed: int) -> None:
            seen.add(self.params["epochs"])
            super().fit(train, seed=seed)

    monkeypatch.setattr(broken_methods, "Told", Told, raising=False)
    good = load_catalogue().method("good")
    spec = replace(good, target="broken_methods:Told", parameters=(epochs,), validate=never_two)
    (result,) = check_method(spec, only=["finite-scores"])

    assert result.status is CheckStatus.PASSED
    assert seen == {epochs.default}


READING = {
    "[]": lambda params: params["gain"],
    "get": lambda params: params.get("gain", 1.0),
    "pop": lambda params: params.pop("gain"),
    "items": lambda params: list(params.items()),
    "values": lambda params: list(params.values()),
    "dict": dict,
    "**": lambda params: {**params},
    "copy": lambda params: params.copy(),
    "|": lambda params: params | {},
    "json": json.dumps,
}
NO_READING = {
    "in": lambda params: "gain" in params,
    "names": lambda params: [*params, *params.keys()],
    "another": lambda params: params.get("loss"),
}


@pytest.mark.parametrize("way", [*READING, *NO_READING])
def test_whatever_gets_at_a_parameters_value_counts_as_reading_it(site: Path, way: str) -> None:
    spec = replace(load_catalogue().method("good"), parameters=(Parameter("gain", 2.0, "a factor"),))
    setting = WatchedSetting(spec, spec.resolve(None, {}), 3)

    {**READING, **NO_READING}[way](setting.own_params())

    assert setting.reads == ({"gain"} if way in READING else set())


def test_importing_the_kit_imports_neither_torch_nor_pytest() -> None:
    code = "import sys, mer_bench.testing; print({'torch', 'pytest', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "set()"
