"""The conformance kit: sound methods pass every check, and each broken one fails the check that it is broken for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import kit_methods
from support.hostile import install
from support.kit_methods import spec_of

from mer_bench import Features, MerBenchError, MethodSpec, Parameter, Representation, training_parameters
from mer_bench.plugin_manager import Catalogue, load_catalogue
from mer_bench.testing import (
    CHECKS,
    CheckResult,
    CheckStatus,
    check_method,
    check_methods,
    conformance,
    input_layout,
    subject,
)
from mer_bench.testing.samples import FEW, MANY
from mer_bench.testing.watched import WatchedSetting

NAMES = [check.name for check in CHECKS]
SLOW = {"worker-processes", "light-import", "nothing-kept"}
"""Each of these starts processes, and has a test of its own."""
OF_NETWORKS = {"logits", "gradients", "input-layout"}
QUICK = [name for name in NAMES if name not in SLOW]

GAIN = Parameter("gain", 2.0, "a factor")
PENALTY = Parameter("penalty", 1.5, "the classifier's")
WIDTH = Parameter("width", 8, "channels of the hidden layer", minimum=1)
RISE = Parameter("rise", 5, "epochs of a smaller lr", minimum=0)
EPOCHS = Parameter("epochs", 60, "passes")
KINDS = ("projected", "nearest")
MODES = (
    Parameter("mode", "plain", "what is done", choices=("plain", "scaled")),
    Parameter("root", 0, "none, or which", minimum=0),
    Parameter("power", 3.0, "of the root"),
    Parameter("gain", 1.0, "a factor"),
)


def extracts(target: str, **fields: Any) -> MethodSpec:
    return spec_of(target, features=Features(("gain",)), parameters=(GAIN, PENALTY), **fields)


def network(target: str, *parameters: Parameter, **training: float) -> MethodSpec:
    given = (*training_parameters(**training), *parameters)
    return spec_of(target, trains_by_epoch=True, family="deep", parameters=given)


def net(target: str, *parameters: Parameter, **training: float) -> MethodSpec:
    """Return the spec of a network that learns from the kit's samples in a few epochs."""
    return network(target, *parameters, **{"lr": 1e-2, "batch_size": 8, **training})


def shaped(name: str, *choices: str) -> dict[str, Any]:
    parameter = Parameter(name, "five-mosaic", "how regions are put together", choices)
    return {"representation": Representation("region-flow", (name,)), "parameters": (parameter,)}


GOOD = {
    "good": spec_of("Good"),
    "with features": extracts("Extracts"),
    "with a buffer": spec_of("Buffered"),
    "with parameters that count in some settings": spec_of("ReadsWhereItMatters", parameters=MODES),
    "a baseline": spec_of("Majority", citation="", family="baseline"),
    "a network": network("Linear"),
    "a network with two branches": net("Convolves"),
    "a network that is partly frozen": net("Freezes"),
    "a network with a learning rate for many epochs": net("Convolves", lr=1e-7),
    "a network of its own": spec_of("TrainsItself", parameters=(EPOCHS,)),
    "with constants built when needed": spec_of("BuildsWhenNeeded"),
}


class Size(IntEnum):
    SMALL = 3


class Percent(Parameter):
    """Takes per cent and gives a share: another value every time it is read."""

    def check(self, value: object) -> float:
        return float(super().check(value)) / 100  # type: ignore[arg-type]


DEEP_FLOW = Representation("flow", approximate="face-flow")
BROKEN = {
    "spec-complete": [
        (spec_of("Good", citation=" "), "the spec's citation is empty"),
        (replace(spec_of("Good"), version=""), "the spec's version is empty"),
        (spec_of("Reads", parameters=(Parameter("bins", 8, " "),)), "parameters without doc: bins"),
        (spec_of("Absent"), "module 'support.kit_methods' has no class 'Absent'"),
        (
            replace(network("Linear"), parameters=(Parameter("epochs", 3, "passes"),)),
            "the network's parameters lack lr, batch_size",
        ),
    ],
    "parameters-roundtrip": [
        (
            spec_of("Reads", parameters=(Parameter("gain", np.float64(0.5), "a factor"),)),
            "is of type numpy.float64; use",
        ),
        (spec_of("Reads", parameters=(Parameter("sizes", (Size.SMALL, 2), "sizes"),)), "is of type tuple of Size, int"),
        (
            spec_of("Good", parameters=(Percent("share", 50.0, "of the training set"),)),
            "share=50.0 is read back from JSON as 0.5",
        ),
    ],
    "representation": [
        (
            spec_of("Good", **shaped("layuot")),
            "parameter 'layuot' does not change the representation 'region-flow' (did you mean 'layout'?)",
        ),
        (spec_of("Good", **shaped("layout", "five-mosaic", "round")), "layout='round' is not one of"),
        (spec_of("OtherSize"), "with inputs of shape (24, 28, 28, 3): ValueError: "),
        (extracts("ExtractsUndeclared"), "extract reads the parameter 'penalty'; declare it"),
        (
            extracts("ExtractsLarge", representation=DEEP_FLOW),
            "on 'face-flow', its approximation of 'flow': IndexError: ",
        ),
    ],
    "finite-scores": [
        (spec_of("Nan"), "scores hold NaN"),
        (spec_of("Narrow"), "scores have shape (5, 2), not (5, 3)"),
    ],
    "one-row-per-sample": [
        (spec_of("TooFew"), "scores have shape (4, 3), not (5, 3)"),
        (spec_of("Unique"), "two of them equal: scores have shape (2, 3), not (3, 3)"),
    ],
    "parameters-used": [
        (spec_of("ReadsOne", parameters=(WIDTH, GAIN)), "the method never reads width; use it, or remove it"),
        (network("Linear", WIDTH), "the method never reads width; use it, or remove it"),
        (network("Ignores", WIDTH), "the network's constructor takes width but does not use it; use it, or remove it"),
        (network("Swallows", WIDTH), "the network's constructor takes width but does not use it"),
    ],
    "learns": [
        (spec_of("SmallerIsBetter"), "let a larger score mean a more likely class"),
        (spec_of("LearnsNothing"), "predicts the class of 10 of its 24 training samples, of which 10 have one class"),
        (spec_of("TrainsItselfOneOff", parameters=(EPOCHS,)), "let a larger score mean a more likely class, and colu"),
        (net("OneOff"), "of its 24 training samples after 100 epochs of mer-bench's choice"),
        (net("NeverSaysTwo"), "its network recognises 17 of its 24 training samples after 100 epochs"),
        (net("Blind"), "its network recognises 10 of its 24 training samples after 100 epochs"),
    ],
    "hook-names": [
        *(
            (
                network("Expects"),
                f"Expecting.{name} is never called, for mer-bench has no such hook (instead: {instead}",
            )
            for name, instead in {
                "configure_optimizers": "the parameters optimizer, lr and weight_decay of training_parameters(), or a "
                "TorchMethod's parameter_groups",
                "loss": "a TorchMethod's loss, not the network's",
                "augment": "a TorchMethod's augment, not the network's",
                "training_step": "mer-bench trains every network by the same rules",
            }.items()
        ),
        (
            spec_of("ExpectsProbabilities"),
            "predict_proba is never called, for mer-bench has no such hook (instead: pred",
        ),
    ],
    "logits": [
        (net(f"EndsIn{end}"), "the network's outputs are never negative, for no training sample and after no epoch")
        for end in ("Softmax", "SmoothedSoftmax", "Sigmoid", "ReLU")
    ],
    "gradients": [
        (net("Detaches"), "no gradient ever reaches strain.2.bias, strain.2.weight; let the logits depend on it"),
        (net("Silences"), "no gradient ever reaches motion.0.bias, motion.0.weight; let the logits depend on it"),
    ],
    "input-layout": [
        (
            net("ReshapesAxes"),
            "neighbours only if the maps are taken for (height, width, channels); they are (n, chann",
        ),
        (
            net("ReshapesPermuted"),
            "neighbours only if the maps are taken for (channels, height, width) after a permuta",
        ),
    ],
    "results-unread": [(spec_of("ReadsResults"), "the method looks into a results folder, at ")],
    "deterministic": [
        (spec_of("Entropy"), "the same fold and seed give different scores"),
        (extracts("ExtractsByChance"), "extract gives different features for the same sample"),
    ],
    "sample-order": [(spec_of("Position"), "a sample's scores depend on its position among the test samples")],
    "samples-independent": [
        (spec_of("CentresMany"), "a sample's scores depend on the other test samples"),
        (spec_of("HugeColumn"), "a sample's scores depend on the other test samples"),
        (spec_of("Squeezed"), "with a single test sample: scores have shape (3,), not (1, 3)"),
        (net("MixesSamples"), "a sample's scores depend on the other test samples"),
        (network("MovesBias", lr=5e-5), "a sample's scores depend on the other test samples"),
    ],
    "inputs-unchanged": [
        (spec_of("ScribblesTraining"), "train.inputs is changed"),
        (spec_of("ScribblesTest"), "test.inputs is changed"),
        (spec_of("LearnsFromTest"), "predict gives different scores for the same samples the second time"),
        (spec_of("KeepsTheLast"), "predict gives different scores after other test samples; it must not keep"),
        (extracts("ExtractsInPlace"), "extract changes its input array"),
    ],
    "folds-independent": [
        (spec_of("Accumulates"), "a fold's scores depend on earlier folds; keep what is learned on"),
        (spec_of("KeepsOneModel"), "after a fold in which patterns had other labels, it scores by those"),
        (spec_of("KeepsSamples"), "after a fold in which patterns had other labels, it scores by those"),
    ],
    "missing-class": [
        (spec_of("NeedsAll"), "trained without class 0 of 3: ValueError: a class is missing"),
        (spec_of("NeedsTwo"), "trained on class 1 only: AssertionError"),
        (spec_of("Misaligned"), "trained without class 0 of 3: predicts class 0, which the training set lacks"),
    ],
    "class-count": [
        (spec_of("ThreeClasses"), "with 2 classes: scores have shape (5, 3), not (5, 2)"),
        (extracts("ExtractsByClasses"), "extract gives different features for another number of classes"),
    ],
}
CASES = [(check, spec, message) for check, cases in BROKEN.items() for spec, message in cases]


@pytest.fixture(autouse=True)
def _small_and_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use fewer training samples than the kit does, and reset what some of the methods keep between folds."""
    monkeypatch.setattr(subject, "MANY", FEW)
    kit_methods.Accumulates.counts[:] = 0
    kept: list[Any] = [kit_methods.BUFFERS, kit_methods.BY_SHAPE, kit_methods.SEEN, kit_methods.MODELS]
    for each in (*kept, kit_methods.KeepsSamples.samples):
        each.clear()


def statuses(results: list[CheckResult], status: CheckStatus) -> dict[str, str]:
    return {result.check: result.message for result in results if result.status is status}


@pytest.mark.parametrize("case", GOOD)
def test_a_sound_method_passes_every_check(case: str) -> None:
    expected = {}
    if case == "a baseline":
        expected["learns"] = "a method of the family baseline does not have to learn"
    if not GOOD[case].trains_by_epoch:
        expected |= dict.fromkeys(OF_NETWORKS, "the harness trains no network of this method")
    results = check_method(GOOD[case], only=QUICK)

    assert [result.check for result in results] == QUICK
    assert statuses(results, CheckStatus.FAILED) == {}
    assert statuses(results, CheckStatus.SKIPPED) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_the_training_sets_are_large_enough_for_estimators(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(subject, "MANY", MANY)
    spec = spec_of("Estimator", parameters=(Parameter("kind", kind, "which estimator", choices=KINDS),))

    assert not statuses(check_method(spec, only=["class-count", "missing-class"]), CheckStatus.FAILED)


@pytest.mark.slow
@pytest.mark.parametrize(("check", "spec", "message"), CASES, ids=[f"{check}-{spec.name}" for check, spec, _ in CASES])
def test_a_broken_method_fails_the_check_that_it_is_broken_for(check: str, spec: MethodSpec, message: str) -> None:
    (result,) = check_method(spec, only=[check])

    assert (result.check, result.status) == (check, CheckStatus.FAILED)
    assert message in result.message
    assert "\n" not in result.message


def test_logarithms_of_probabilities_are_logits_too() -> None:
    (result,) = check_method(net("EndsInLogSoftmax"), only=["logits"])

    assert result.status is CheckStatus.PASSED


def test_every_check_is_failed_by_some_method() -> None:
    assert {*BROKEN, *SLOW} == set(NAMES)


NEED_NO_SCORES = {"spec-complete", "parameters-roundtrip"}
NEED_USABLE_SCORES = set(QUICK) - NEED_NO_SCORES - OF_NETWORKS


@pytest.mark.parametrize(
    ("target", "failed", "skipped"),
    [
        ("Absent", "spec-complete", NEED_USABLE_SCORES),
        ("Exits", "representation", NEED_USABLE_SCORES - {"representation"}),
        ("TooFew", "one-row-per-sample", NEED_USABLE_SCORES - {"one-row-per-sample"}),
        ("LearnsNothing", "learns", {"missing-class", "folds-independent"}),
        ("Entropy", "deterministic", {"sample-order", "samples-independent", "inputs-unchanged", "folds-independent"}),
    ],
)
def test_one_failure_is_reported_once_and_the_checks_that_depend_on_it_are_skipped(
    target: str, failed: str, skipped: set[str]
) -> None:
    results = check_method(spec_of(target), only=QUICK)

    assert set(statuses(results, CheckStatus.FAILED)) == {failed}
    left_out = {
        check: message for check, message in statuses(results, CheckStatus.SKIPPED).items() if check not in OF_NETWORKS
    }
    assert left_out == dict.fromkeys(skipped, f"fix {failed} first")


def test_a_single_check_fails_for_a_failure_of_another_one() -> None:
    (result,) = check_method(spec_of("Nan"), only=["Missing_Class"])

    assert (result.check, result.status) == ("missing-class", CheckStatus.FAILED)
    assert "scores hold NaN" in result.message


class Local(Parameter):
    def __reduce__(self) -> str:
        raise TypeError("a lock")


@pytest.mark.slow
def test_folds_in_workers_are_compared_with_those_of_this_process() -> None:
    import tabnanny  # noqa: F401  (imported here, but not in a worker)

    different = "a fold has different scores in another process; scores must not depend on what"
    expected = [
        (spec_of("Good"), ""),
        (extracts("Extracts"), ""),
        (network("Linear"), ""),
        (spec_of("KeepsByShape"), different),
        (spec_of("TellsByImports"), different),
        (
            spec_of("Reads", parameters=(Local("gain", 2.0, "a factor"),)),
            "in a worker process: the spec cannot be pickled (TypeError: a lock); use plain values only in it",
        ),
    ]
    checked = check_methods([spec for spec, _ in expected], only=["worker-processes"])
    messages = [result.message for _, (result,) in checked]

    assert [message[: len(different)] for message in messages] == [start[: len(different)] for _, start in expected]


@pytest.mark.slow
def test_what_a_fold_leaves_behind_is_found_in_processes_without_any_other_fold_and_named() -> None:
    module = "a fold leaves something behind in support.kit_methods"
    expected = [
        (net("Convolves"), ""),
        (spec_of("BuildsWhenNeeded"), ""),
        (spec_of("KeepsOneModel"), f"{module}.MODELS; keep what is learned on the instance"),
        (spec_of("KeepsSamples"), f"{module}.KeepsSamples.samples; keep"),
        (spec_of("Accumulates"), f"{module}.Accumulates.counts; keep"),
        (net("KeepsItsNetwork"), f"{module}.KeepsItsNetwork.network; keep"),
    ]
    checked = check_methods([spec for spec, _ in expected], only=["nothing-kept"])
    messages = [result.message for _, (result,) in checked]

    assert [message[: len(start)] for message, (_, start) in zip(messages, expected, strict=True)] == [
        start for _, start in expected
    ]
    assert not any(message for message, (_, start) in zip(messages, expected, strict=True) if not start)


PLUGIN = """
    import os
    from mer_bench import MethodSpec, Representation, hookimpl

    if "MOOD" in os.environ:
        raise ImportError("not today")

    @hookimpl
    def mer_bench_methods():
        return [MethodSpec("NAME", "1", "Light", "support.kit_methods:Good", Representation("flow"), "deep")]
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalogue]:
    """Two plugins, with the methods `light` and `heavy`."""
    light, heavy = (PLUGIN.replace("NAME", name) for name in ("light", "heavy"))
    install(tmp_path / "site", "kit-plugins", {"light_plugin": light, "heavy_plugin": f"    import cv2\n{heavy}"})
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield load_catalogue()
    for module in ("heavy_plugin", "light_plugin"):
        sys.modules.pop(module)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "mood", "message"),
    [
        ("light", None, ""),
        ("light", "bad", "a new interpreter cannot load light_plugin: ImportError: not today"),
        (
            "heavy",
            None,
            "loading heavy_plugin imports cv2; import that in the target's module only (support.kit_methods), which "
            "the module with the hooks must not import",
        ),
    ],
)
def test_the_plugin_of_a_method_is_loaded_in_a_new_interpreter(
    installed: Catalogue, monkeypatch: pytest.MonkeyPatch, name: str, mood: str | None, message: str
) -> None:
    if mood:
        monkeypatch.setenv("MOOD", mood)
    (result,) = check_method(installed.method(name), only=["light-import"])

    assert (result.status, result.message) == (CheckStatus.FAILED if message else CheckStatus.PASSED, message)


@pytest.mark.slow
def test_a_spec_that_no_plugin_provides_has_nothing_to_load() -> None:
    (result,) = check_method(spec_of("Good"), only=["light-import"])

    assert result.status is CheckStatus.SKIPPED
    assert result.message == "no installed plugin provides this method good: nothing to load"


@pytest.mark.parametrize("spec", [network("Wide", WIDTH), network("HandsOn", WIDTH)], ids=lambda spec: spec.name)
def test_a_network_may_use_its_parameters_itself_or_hand_them_on(spec: MethodSpec) -> None:
    results = check_method(spec, only=["spec-complete", "parameters-used"])

    assert not statuses(results, CheckStatus.FAILED)


def test_the_layout_of_a_network_is_measured_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads, fits = [], input_layout.layout_fits

    def counting(*arguments: Any) -> dict[str, float]:
        threads.append(torch.get_num_threads())
        return fits(*arguments)

    monkeypatch.setattr(input_layout, "layout_fits", counting)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        check_method(net("Convolves"), only=["input-layout"])
    finally:
        torch.set_num_threads(before)

    assert threads == [1]


def test_each_check_is_a_test_of_its_own() -> None:
    argument, cases = conformance(spec_of("NeedsAll")).mark.args
    calls = {str(case.id): case.values[0] for case in cases}
    calls["sample-order"]()

    assert argument == "check"
    assert list(calls) == NAMES
    with pytest.raises(AssertionError, match="a class is missing") as caught:
        calls["missing-class"]()
    assert isinstance(caught.value.__cause__, AssertionError)
    assert isinstance(caught.value.__cause__.__cause__, ValueError)


def test_a_test_is_skipped_where_its_check_depends_on_another_and_fails_where_the_method_is_unknown() -> None:
    calls = {str(case.id): case.values[0] for case in conformance(spec_of("Nan")).mark.args[1]}
    unknown = conformance("majorityy").mark.args[1][0].values[0]

    with pytest.raises(pytest.skip.Exception, match="fix finite-scores first"):
        calls["samples-independent"]()
    with pytest.raises(MerBenchError, match="did you mean 'majority'"):
        unknown()


def test_unknown_names_are_refused_before_the_first_check() -> None:
    with pytest.raises(MerBenchError, match=r"check 'sample-oder' \(did you mean 'sample-order'\?\); known: light-im"):
        check_methods([spec_of("Good")], only=["sample-oder"])
    with pytest.raises(MerBenchError, match="method good has no preset 'fast'"):
        check_methods([spec_of("Good")], preset="fast")


def never_two(params: dict[str, Any]) -> None:
    if params["epochs"] == 2:
        raise MerBenchError("two epochs do not fit")


ANY_EPOCHS = Parameter("epochs", 50, "passes")
PRESETS = {"presets": {"quick": {"lr": 0.5, "epochs": 9}, "slow": {"lr": 0.25}}, "default_preset": "slow"}


@pytest.mark.parametrize(
    ("epochs", "fields", "asked", "used"),
    [
        (ANY_EPOCHS, PRESETS, {}, (2, 0.5)),
        (ANY_EPOCHS, PRESETS, {"preset": "slow"}, (2, 0.25)),
        (ANY_EPOCHS, PRESETS, {"params": {"reads.epochs": "4", "Reads.lr": 1.0}}, (4, 1.0)),
        (Parameter("epochs", 50, "passes", minimum=3), {}, {}, (50, 0.125)),
        (ANY_EPOCHS, {"validate": never_two}, {}, (50, 0.125)),
    ],
)
def test_the_quick_preset_and_two_epochs_are_used_where_the_method_takes_them(
    epochs: Parameter, fields: dict[str, Any], asked: dict[str, Any], used: tuple[float, float]
) -> None:
    spec = spec_of("Reads", parameters=(epochs, Parameter("lr", 0.125, "step size")), **fields)
    (result,) = check_method(spec, only=["finite-scores"], **asked)

    assert result.status is CheckStatus.PASSED
    assert set(kit_methods.SEEN) == {used}


def test_two_epochs_are_not_used_where_the_network_cannot_be_built_with_them() -> None:
    (result,) = check_method(network("WarmsUp", RISE, epochs=7), only=["finite-scores"])

    assert (result.status, result.message) == (CheckStatus.PASSED, "")


READING = {
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
def test_every_access_to_a_parameters_value_counts_as_reading_it(way: str) -> None:
    spec = spec_of("Good", parameters=(GAIN,))
    setting = WatchedSetting(spec, spec.resolve(None, {}), 3)

    {**READING, **NO_READING}[way](setting.own_params())

    assert setting.reads == ({"gain"} if way in READING else set())


def test_importing_the_kit_imports_neither_torch_nor_pytest() -> None:
    code = "import sys, mer_bench.testing; print({'torch', 'pytest', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "set()"
