from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_bench import (
    AblationSpec,
    DatabaseSpec,
    Features,
    MerBenchError,
    MethodSpec,
    Parameter,
    ParameterValue,
    ProtocolSpec,
    Representation,
    did_you_mean,
)
from mer_bench.names import normalise_name
from mer_bench.parameters import value_text

finite = st.floats(allow_nan=False, allow_infinity=False)
values = st.one_of(
    st.booleans(), st.integers(), finite, st.text(max_size=9), st.lists(st.integers(), max_size=5).map(tuple)
)

RATE = Parameter("learning-rate", 1e-3, "step size", minimum=0)
WIDTHS = Parameter("widths", (64, 128), "channels of each layer", minimum=1)
LAYOUT = Parameter("layout", "five", "key regions", choices=("five", "nine"))
EPOCHS = Parameter("epochs", 800, "passes over the training set", minimum=1)
METHOD = MethodSpec(
    name="region-net",
    version="1",
    title="RegionNet",
    target="acme.net:RegionNet",
    representation=Representation("region-flow", ("layout",)),
    family="deep",
    parameters=(RATE, WIDTHS, LAYOUT, EPOCHS),
    presets={"quick": {"epochs": 5}, "paper": {"epochs": 800, "learning-rate": 5e-5}},
    default_preset="quick",
)


@given(values)
@settings(max_examples=50)
def test_a_value_survives_being_printed_and_read(value: ParameterValue) -> None:
    for text in (str(value), value_text(value)):
        parsed = Parameter("x", value, "").parse(text)
        assert parsed == value
        assert type(parsed) is type(value)


@given(st.text("0123456789+-.,()einfat_ \x00\u0665", max_size=12), st.sampled_from([True, 1, 1.0, (1,)]))
def test_any_text_is_either_read_or_refused_with_a_sentence(text: str, default: ParameterValue) -> None:
    with contextlib.suppress(MerBenchError):
        assert isinstance(Parameter("x", default, "").parse(text), type(default))


@pytest.mark.parametrize(
    ("default", "given", "value"),
    [
        (False, "TRUE", True),
        (True, "False", False),
        (0.5, 1, 1.0),
        (0.5, "1e-3", 0.001),
        (5, "-7", -7),
        ((1,), [32, 64], (32, 64)),
        ("five", " nine", " nine"),
    ],
)
def test_a_value_becomes_one_of_the_parameters_type(default: ParameterValue, given: object, value: object) -> None:
    parameter = Parameter("x", default, "")
    result = parameter.parse(given) if isinstance(given, str) else parameter.check(given)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("default", "value", "message"),
    [
        (True, "yes", "x='yes' is not true or false"),
        (1.0, "fast", "x='fast' is not a number"),
        (1.0, "1e999", "x=inf is not a finite number"),
        ((1,), "64,,", "x='64,,' is not a comma-separated list of whole numbers"),
        (1.0, 10**400, "is not a number"),
        (1, True, "x=True is not a whole number"),
        (1, 1.0, "x=1.0 is not a whole number"),
        (True, 1, "x=1 is not true or false"),
        ("a", 1, "x=1 is not a text"),
        *(((1,), value, "is not a comma-separated list of whole numbers") for value in ([1.0, 2], [True], 5)),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(default: ParameterValue, value: object, message: str) -> None:
    parameter = Parameter("x", default, "")
    with pytest.raises(MerBenchError, match=f"{re.escape(message)}$"):
        parameter.parse(value) if isinstance(value, str) else parameter.check(value)


@pytest.mark.parametrize(
    ("default", "limits", "allowed", "refused", "message"),
    [
        (0.5, {"minimum": 0}, "0", "-1e-9", "x=-1e-09 is below the smallest allowed value, 0"),
        ((64, 128), {"minimum": 1}, "1,7", "64,0", "x=(64, 0) is below the smallest allowed value, 1"),
        (1, {"maximum": 1_000_000}, "1000000", "1000001", "x=1000001 is above the largest allowed value, 1000000"),
        ((1,), {"maximum": 9}, "9,8", "9,10", "x=(9, 10) is above the largest allowed value, 9"),
        ((2, 2, 8), {"length": 3}, "1,2,3", "1,2", "x=1,2 has 2 numbers, not 3"),
        ((2, 2, 8), {"length": 3}, "1,2,3", "1,2,3,4", "x=1,2,3,4 has 4 numbers, not 3"),
        ("five", {"choices": ("five", "nine")}, "nine", "six", "x='six' is not one of: five, nine"),
    ],
)
def test_limits_include_their_own_value(
    default: ParameterValue, limits: dict[str, Any], allowed: str, refused: str, message: str
) -> None:
    parameter = Parameter("x", default, "", **limits)
    assert value_text(parameter.parse(allowed)) in (allowed, f"{allowed}.0")
    with pytest.raises(MerBenchError, match=f"^{re.escape(message)}"):
        parameter.parse(refused)


@pytest.mark.parametrize(
    ("default", "limits", "message"),
    [
        (0, {"minimum": 1}, "x=0 is below the smallest allowed value, 1"),
        ("six", {"choices": ("five",)}, "x='six' is not one of: five"),
        (1, {"maximum": True}, "parameter x: limit True is not a number"),
        ("five", {"choices": "five or six"}, "parameter x: choices 'five or six' is not of type tuple"),
        (math.nan, {}, "x=nan is not a finite number"),
        (None, {}, "parameter x: default None is not a bool, int, float, str or tuple of int"),
    ],
)
def test_a_default_that_is_not_allowed_is_refused(default: object, limits: dict[str, object], message: str) -> None:
    with pytest.raises(MerBenchError) as caught:
        Parameter("x", default, "", **limits)
    assert str(caught.value).startswith(message)


def test_parameters_resolve_to_defaults_then_preset_then_overrides() -> None:
    quick = {"learning-rate": 1e-3, "widths": (64, 128), "layout": "five", "epochs": 5}
    assert METHOD.resolve(None, {}) == quick
    assert METHOD.resolve("paper", {}) == {**quick, "epochs": 800, "learning-rate": 5e-5}
    resolved = METHOD.resolve("paper", {"epochs": "9", "widths": [8]})
    assert list(resolved.items()) == [("learning-rate", 5e-5), ("widths", (8,)), ("layout", "five"), ("epochs", 9)]
    assert replace(METHOD, default_preset=None).resolve(None, {})["epochs"] == 800


def test_an_unknown_preset_or_parameter_gets_the_nearest_and_all_known_ones() -> None:
    sentences = {
        ("papr", ""): "no preset 'papr' (did you mean 'paper'?); its presets: quick, paper",
        ("quick", "epoch"): "no parameter 'epoch' (did you mean 'epochs'?); its parameters: epochs, layout, learning-",
    }
    for (preset, parameter), sentence in sentences.items():
        with pytest.raises(MerBenchError, match=re.escape(f"method region-net has {sentence}")):
            METHOD.resolve(preset, {parameter: 3} if parameter else {})
    with pytest.raises(MerBenchError, match=r"has no preset 'x'; its presets: none$"):
        replace(METHOD, presets={}, default_preset=None).resolve("x", {})


@pytest.mark.parametrize(
    ("value", "text"),
    [(False, "false"), ([True, 3], "true,3"), (0.5, "0.5"), ("five", "five"), ((), "")],
)
def test_a_value_is_written_as_the_command_line_takes_it(value: object, text: str) -> None:
    assert value_text(value) == text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Region Net"}, "method name 'Region Net' is not lower case words joined by hyphens"),
        ({"target": "acme.net"}, "region-net: target 'acme.net' is not of the form 'package.module:ClassName'"),
        ({"family": "shallow"}, "family 'shallow' is not one of: baseline, handcrafted, deep"),
        ({"default_preset": "best"}, "default preset 'best' is not among its presets"),
        ({"presets": {"quick": {"epochs": 0}}}, "method region-net: epochs=0 is below the smallest"),
        (
            {"representation": Representation("flow", ("size",))},
            "method region-net: representation names 'size', which is not one of its",
        ),
        ({"features": Features(("size",))}, "method region-net: features names 'size', which is not one of its"),
        ({"features": Features(), "trains_by_epoch": True}, "a network takes its representation as input; remove"),
        ({"uses_gpu": True, "trains_by_epoch": True}, "trained on the run's device in any case; remove uses_gpu"),
        ({"uses_gpu": "yes"}, "method region-net: uses_gpu 'yes' is not of type bool"),
        ({"validate": lambda params: None}, "method region-net: validate must be a function of a module"),
        ({"features": "size"}, "method region-net: features 'size' is not of type Features"),
        ({"parameters": (RATE, EPOCHS, LAYOUT, EPOCHS)}, "method region-net has two parameters named 'epochs'"),
        ({"representation": "flow"}, "method region-net: representation 'flow' is not of type Representation"),
        ({"parameters": ("rate",)}, "method region-net: parameters has 'rate', which is not of type Parameter"),
        ({"presets": ("quick",)}, "method region-net: presets ('quick',) is not of type Mapping"),
        ({"presets": {"quick": {}, 1: {}}}, "method region-net: presets has 1, which is not of type str"),
        ({"presets": {"quick": {1: 1}}}, "method region-net: preset 'quick' has 1, which is not of type str"),
        ({"default_preset": ["quick"]}, "method region-net: default_preset ['quick'] is not of type str"),
        (
            {"training_seconds": {"quick": "9"}},
            "method region-net: training_seconds has '9', which is not of type float",
        ),
        ({"training_seconds": {"quick": 0.0}}, "training_seconds has 0.0 for quick, not a number above 0"),
        ({"training_seconds": {"fast": 9.0}}, "training_seconds names 'fast', which is not one of its presets"),
        ({"trains_by_epoch": 1}, "method region-net: trains_by_epoch 1 is not of type bool"),
    ],
)
def test_a_method_that_contradicts_itself_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(MerBenchError) as caught:
        replace(METHOD, **change)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DatabaseSpec("Zoo", "Zoo", "acme:Zoo"), "database name 'Zoo'"),
        (
            lambda: DatabaseSpec("zoo", "Zoo", "acme:Zoo", parameters=(LAYOUT, LAYOUT)),
            "database zoo has two parameters named 'layout'",
        ),
        (lambda: DatabaseSpec("zoo", "Zoo", "acme:Zoo", "no"), "database zoo: needs_path 'no' is not of type bool"),
        (lambda: ProtocolSpec("loso", "loso.toml"), "protocol loso: path 'loso.toml' is not of type Path"),
        (lambda: AblationSpec("depth", "depth.toml"), "ablation depth: path 'depth.toml' is not of type Path"),
        (lambda: AblationSpec("Depth", Path("zoo.toml")), "ablation name 'Depth'"),
        (lambda: ProtocolSpec("loso_zoo", Path("zoo.toml")), "protocol name 'loso_zoo'"),
        (lambda: Representation("flow", ["layout"]), "parameters ['layout'] is not of type tuple"),
        (lambda: Representation("flow", (LAYOUT,)), "which is not of type str"),
        (
            lambda: Representation("face-flows"),
            "unknown representation 'face-flows' (did you mean 'face-flow'?); known: frames, flow, face-flow, region-",
        ),
        (lambda: Parameter("x", 1, None), "parameter x: doc None is not of type str"),
    ],
)
def test_a_field_that_cannot_be_used_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(MerBenchError) as caught:
        make()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [("aaabbb", "aaazzz"), ("aaabbbb", None), ("epochss", "epochs"), ("", None)],
)
def test_the_nearest_name_is_at_least_half_alike(wrong: str, nearest: str | None) -> None:
    known = ["epoch", "ahmsa", "majority", "aaazzz", "epochs"]
    assert did_you_mean(wrong, iter(known)) == (f" (did you mean {nearest!r}?)" if nearest else "")


@pytest.mark.parametrize(("raw", "name"), [("LBP_TOP", "lbp-top"), (" svm-flow ", "svm-flow")])
def test_names_are_normalised(raw: str, name: str) -> None:
    assert normalise_name(raw) == name
