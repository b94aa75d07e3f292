"""Which methods a preset and an override apply to, and settings that do not fit each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bench import Bench

from mer_bench import MerBenchError, MethodSpec, Parameter, Representation
from mer_bench.settings import resolve_settings

RATE = Parameter("lr", 0.1, "learning rate")
WIDE = Parameter("width", 4, "hidden units")


def spec(name: str, *parameters: Parameter, presets: dict[str, dict[str, float]] | None = None) -> MethodSpec:
    default = next(iter(presets)) if presets else None
    maps = Representation("face-flow")
    options = {"parameters": parameters, "presets": presets or {}, "default_preset": default}
    return MethodSpec(name, "1", name, f"{name}:Net", maps, "deep", **options)  # type: ignore[arg-type]


SPECS = (
    spec("one", RATE, WIDE, presets={"paper": {"lr": 0.2}, "quick": {"lr": 0.3}}),
    spec("two-b", RATE),
    spec("three", WIDE, presets={"quick": {"width": 9}}),
)


@pytest.mark.parametrize(
    ("asked", "values"),
    [
        ({}, ({"lr": 0.2, "width": 4}, {"lr": 0.1}, {"width": 9})),
        ({"preset": "quick"}, ({"lr": 0.3, "width": 4}, {"lr": 0.1}, {"width": 9})),
        ({"preset": "paper", "otherwise": "quick"}, ({"lr": 0.2, "width": 4}, {"lr": 0.1}, {"width": 9})),
        ({"otherwise": "quick"}, ({"lr": 0.3, "width": 4}, {"lr": 0.1}, {"width": 9})),
        ({"overrides": {"lr": "0.5"}}, ({"lr": 0.5, "width": 4}, {"lr": 0.5}, {"width": 9})),
        ({"overrides": {"Two_B.lr": 0.7, "lr": 0.5}}, ({"lr": 0.5, "width": 4}, {"lr": 0.7}, {"width": 9})),
    ],
)
def test_presets_and_overrides_apply_to_the_methods_that_have_them(
    asked: dict[str, object], values: tuple[dict[str, object], ...]
) -> None:
    assert tuple(resolve_settings(SPECS, **asked)) == values  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"preset": "quik"}, "none of the named methods has a preset 'quik' (did you mean 'quick'?); their presets: "),
        (
            {"overrides": {"hidden_units": 3}},
            "a parameter 'hidden_units' (did you mean 'width'?); their parameters: lr",
        ),
        ({"overrides": {"Learning-Rate": 3}}, "(did you mean 'lr'?)"),
        ({"overrides": {"two-b.width": 3}}, "method two-b has no parameter 'width'; its parameters: lr"),
        (
            {"overrides": {"four.lr": 3}},
            "--set four.lr=3: method 'four' is not one of the named methods: one, two-b, t",
        ),
    ],
)
def test_a_name_that_no_method_has_is_refused_with_the_nearest(asked: dict[str, object], message: str) -> None:
    with pytest.raises(MerBenchError) as caught:
        resolve_settings(SPECS, **asked)  # type: ignore[arg-type]

    assert message in str(caught.value)


MAPS = ("--data", "synthetic-maps")
CLIPS = ("--data", "synthetic", "--data-option", "size=tiny")
SHORT_CLIP = ("--set", "length=9", "--set", "radii_of=planes", "--set", "radii=1,6,5")
PATCHES = "htnet: patch=5 cuts a 28×28 map into 5.6 patches a side, which 3 levels (blocks=(2, 2, 8)) do not halve"
SHORT = "the clip, which is 9 long along T; set a smaller R_XT and R_YT, or --set length=13 or more"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "--method", "htnet", "--set", "patch=5", *MAPS), PATCHES),
        (("describe", "htnet", "--set", "htnet.patch=5"), PATCHES),
        (("check", "htnet", "--set", "patch=5"), PATCHES),
        (
            ("run", "--method", "timm-backbone", "--set", "weights=absent.pth", *MAPS),
            "timm-backbone: weights='absent.pth': absent.pth does not exist; name a file of weights",
        ),
        (("run", "--method", "lbp-top", *CLIPS, *SHORT_CLIP), SHORT),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused_before_any_work(
    bench: Bench, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    run = ("--protocol", "cde", "--results", str(tmp_path / "results"), "--dry-run")
    ended = bench(*arguments, *(run if arguments[0] == "run" else ()))

    assert (ended.code, ended.out) == (2, "")
    assert len(ended.errors) == 1
    assert sentence in ended.errors[0]
    assert not (tmp_path / "results").exists()
