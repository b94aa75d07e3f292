"""Every default, limit and preset of the built-in methods, with its source: a change of any is a failing test here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from support.method_instances import BUILT_IN

from mer_bench import Features, MerBenchError, MethodSpec, Parameter, Representation

ANY_SCALE = "physical|per-map|per-map-8bit"
TRAINING = {
    **{"momentum": 0.9, "weight_decay": 0.0, "schedule": "constant", "warmup": 0, "clip_norm": 0.0},
    **{"schedule_epochs": 30, "schedule_factor": 0.1, "average": 0.0, "patience": 0, "precision": "fp32"},
    **{"loss": "cross-entropy", "focal_gamma": 2.0, "label_smoothing": 0.0, "class_weights": "none"},
    **{"sampling": "shuffled", "mixup": 0.0, "flip": 0.0, "shift": 0, "rotation": 0.0, "noise": 0.0, "erasing": 0.0},
    **{"normalisation": "channel", "init_from": "", "init_sha256": ""},
}
"""Of the trainer: what no built-in network's source sets, and none may switch on by mistake."""
"""Where a method names nothing else."""

FACE = Representation("face-flow")
SCALED_FACE = Representation("face-flow", parameters=("scale",))


@dataclass(frozen=True)
class Facts:
    """What a method's spec has to say; each parameter as name, default, allowed values and source of the default."""

    family: str
    representation: Representation
    parameters: tuple[tuple[str, object, str, str], ...] = ()
    training: dict[str, object] = field(default_factory=dict)
    presets: dict[str, dict[str, object]] = field(default_factory=dict)
    default_preset: str | None = None
    features: Features | None = None


FACTS = {
    "ahmsa": Facts(
        "deep",
        Representation("region-flow", parameters=("layout", "scale", "side")),
        (
            ("layout", "five-mosaic", "five-mosaic|four-corners|htnet|whole-face", "ours: the one with all five"),
            ("scale", "per-map-8bit", ANY_SCALE, "ours: as HTNet"),
            ("side", 28, "14..224", "Table 3"),
            ("width", 192, "1..4096", "ours: 3 heads of 64 channels"),
            ("heads", 3, "1..64", "Table 3"),
            ("level_heads", "same", "same|doubled", "Table 3 names one number"),
            ("patch", 7, "1..64", "Table 3"),
            ("factor", 2, "2..16", "Table 3"),
            ("blocks", (2, 2, 8), "1..100", "Table 3"),
            ("attention_scale", "head", "head|embedding", "ours: usual"),
            ("mlp_ratio", 4, "1..64", "ours: usual"),
            ("reduction", 16, "1..4096", "CBAM"),
            ("head_hidden", 0, "0..8192", "ours: as HTNet"),
            ("dropout", 0.0, "0..0.99", "ours: none is mentioned"),
            ("residual", True, "", "ours: docs/paper-gaps.md"),
            ("norm_eps", 1e-6, "1e-12..1", "timm"),
            ("head_norm_eps", 1e-5, "1e-12..1", "PyTorch"),
        ),
        training={"epochs": 800, "lr": 5e-6, "batch_size": 256, "optimizer": "adam"},  # Table 3
        presets={"paper": {}, "quick": {"width": 96, "epochs": 30, "lr": 5e-4, "batch_size": 64}},
        default_preset="paper",
    ),
    "bi-woof": Facts(
        "handcrafted",
        Representation("flow", approximate="face-flow"),
        (
            ("blocks", (5, 5), "1..64 ×2", "authors' code"),
            ("remainder", "last", "last|spread", "authors' code"),
            ("bins", 8, "1..360", "authors' code"),
            ("overlap", 1, "0|1", "authors' code"),
            ("zero", "auto", "auto|none|median", "ours"),
            ("scaler", "standard", "standard|none", "ours: usual for an SVM"),
            ("kernel", "linear", "linear|rbf", "ours: usual with this descriptor"),
            ("C", 1.0, "1e-09..", "scikit-learn"),
            ("class_weight", "none", "balanced|none", "ours: none are mentioned"),
        ),
        features=Features(("blocks", "remainder", "bins", "overlap", "zero")),
    ),
    "dual-inception": Facts(
        "deep",
        SCALED_FACE,
        (
            ("scale", "per-map-8bit", ANY_SCALE, "authors' code: 8-bit images"),
            ("maps", (6, 16), "1..1024 ×2", "authors' code"),
            ("hidden", 1024, "1..8192", "authors' code"),
            ("branch_channels", 1, "1|3", "ours: 3 repeats the map, as the authors' code does"),
            ("initialisation", "glorot", "glorot|torch", "Keras, which the authors' code uses"),
        ),
        training={"epochs": 40, "lr": 1e-4, "batch_size": 3, "optimizer": "adam", "normalisation": "none"},  # code
        presets={
            "paper": {},
            "quick": {"hidden": 128, "epochs": 8, "lr": 2e-3, "batch_size": 32, "normalisation": "unit"},
        },
        default_preset="paper",
    ),
    "htnet": Facts(
        "deep",
        Representation("region-flow", parameters=("layout", "scale")),
        (
            ("layout", "htnet", "htnet|four-corners|five-mosaic|whole-face", "public code"),
            ("scale", "per-map-8bit", ANY_SCALE, "public code: STSTNet's maps"),
            ("attention", "published", "published|intended", "public code"),
            ("width", 256, "1..2048", "paper"),
            ("heads", 3, "1..64", "paper"),
            ("patch", 7, "1..28", "paper"),
            ("blocks", (2, 2, 8), "1..100", "paper"),
            ("mlp_ratio", 4, "1..64", "as published"),
            ("dropout", 0.0, "0..0.99", "public code"),
        ),
        training={"epochs": 800, "lr": 5e-5, "batch_size": 256, "optimizer": "adam", "normalisation": "raw-255"},
        presets={
            "paper": {},
            "quick": {"width": 24, "epochs": 24, "lr": 5e-4, "batch_size": 64, "normalisation": "channel"},
        },
        default_preset="paper",
    ),
    "inceptr": Facts(
        "deep",
        SCALED_FACE,
        (
            ("scale", "per-map-8bit", ANY_SCALE, "ours: as public maps"),
            ("paths", (6, 12), "1..1024", "as published"),
            ("squeeze", 6, "1..1024", "as published"),
            ("reduction", 16, "1..4096", "CBAM"),
            ("width", 512, "1..4096", "as published"),
            ("depth", 3, "1..100", "as published"),
            ("heads", 4, "1..64", "as published"),
            ("mlp_ratio", 2, "1..64", "as published"),
            ("drop_path", 0.3, "0..0.99", "as published"),
            ("msad", 0.3, "0..1", "paper"),
            ("msad_part", "head", "head|token", "paper; the code drops tokens"),
            ("channels", 256, "1..1024", "as published"),
            ("hidden", 1024, "1..8192", "as published"),
            ("dropout", 0.5, "0..0.99", "as published"),
            ("similarity", 0.1, "0..1000", "as published"),
        ),
        training={"epochs": 30, "lr": 1e-3, "batch_size": 128, "optimizer": "adamw", "weight_decay": 0.01},  # code
        presets={
            "paper": {},
            "quick": {
                **{"paths": (3, 6), "squeeze": 3, "width": 24, "depth": 2, "heads": 2, "channels": 16, "hidden": 64},
                **{"epochs": 5, "batch_size": 32},
            },
        },
        default_preset="paper",
    ),
    "lbp-top": Facts(
        "handcrafted",
        Representation("frames", parameters=("length", "interpolation")),
        (
            ("length", 10, "3..1000", "MEGC 2019"),
            ("interpolation", "graph", "graph|linear", "MEGC 2019: TIM"),
            ("radii", (1, 1, 4), "1..100 ×3", "MEGC 2019"),
            ("radii_of", "axes", "axes|planes", "Zhao and Pietikäinen 2007"),
            ("neighbours", (4, 4, 4), "2..16 ×3", "MEGC 2019"),
            ("mapping", "raw", "raw|uniform", "ours: of 16 codes, uniform merges only two"),
            ("blocks", (5, 5, 1), "1..64 ×3", "MEGC 2019; 1 in time is ours"),
            ("histogram", "l1", "l1|counts", "Zhao and Pietikäinen 2007"),
            ("kernel", "linear", "linear|rbf|poly", "ours"),
            ("C", 1.0, "1e-09..", "scikit-learn"),
            ("gamma", 0.0, "0..", "scikit-learn's scale"),
            ("degree", 3, "1..10", "scikit-learn"),
            ("class_weight", "none", "none|balanced", "ours: none are mentioned"),
            ("scaler", "none", "none|standard|minmax", "ours: none is mentioned"),
        ),
        presets={
            "megc2019": {},
            "benchmark": {"radii": (1, 1, 1), "neighbours": (8, 8, 8), "mapping": "uniform", "blocks": (4, 4, 2)},
        },
        default_preset="megc2019",
        features=Features(("radii", "radii_of", "neighbours", "mapping", "blocks", "histogram")),
    ),
    "majority": Facts("baseline", SCALED_FACE, (("scale", "per-map-8bit", ANY_SCALE, "ours: as svm-flow"),)),
    "off-apexnet": Facts(
        "deep",
        SCALED_FACE,
        (
            ("scale", "per-map-8bit", ANY_SCALE, "ours: as STSTNet"),
            ("maps", (6, 16), "1..1024 ×2", "a rebuild by others"),
            ("hidden", 1024, "1..8192", "a rebuild by others"),
            ("dropout", 0.5, "0..0.99", "a rebuild by others"),
            ("conv_activation", "relu", "relu|none", "ours: two rebuilds disagree"),
        ),
        training={"epochs": 3000, "lr": 1e-4, "batch_size": 64, "optimizer": "adam"},  # a rebuild by others
        presets={"paper": {}, "quick": {"hidden": 256, "epochs": 25, "lr": 1e-3}},
        default_preset="paper",
    ),
    "random": Facts("baseline", SCALED_FACE, (("scale", "per-map-8bit", ANY_SCALE, "ours: as svm-flow"),)),
    "rcn-a": Facts(
        "deep",
        SCALED_FACE,
        (
            ("scale", "per-map-8bit", ANY_SCALE, "authors' code: 8-bit images"),
            ("maps", 64, "1..1024", "authors' code"),
            ("pool", 7, "2..12", "authors' code"),
            ("recurrences", 2, "1..100", "authors' code"),
            ("dropout", 0.5, "0..0.99", "authors' code"),
            ("attention_eps", 1e-6, "1e-12..1", "ours: the code divides 0 by 0"),
        ),
        training={"epochs": 100, "lr": 5e-4, "batch_size": 64, "optimizer": "sgd", "normalisation": "none"},  # code
        presets={
            "paper": {},
            "readme": {"maps": 32, "pool": 5, "epochs": 20},
            "quick": {"maps": 16, "pool": 5, "epochs": 25, "lr": 2e-2, "normalisation": "unit"},
        },
        default_preset="paper",
    ),
    "ststnet": Facts(
        "deep",
        SCALED_FACE,
        (
            ("scale", "per-map-8bit", ANY_SCALE, "authors' maps"),
            ("streams", (3, 5, 8), "1..1024", "Table I"),
            ("padding", "same", "same|port", "authors' MATLAB code"),
            ("batch_norm", True, "", "both public versions"),
            ("dropout", 0.5, "0..0.99", "as published"),
            ("initialisation", "torch", "torch|glorot", "authors' PyTorch version"),
        ),
        training={  # authors' MATLAB code
            **{"epochs": 500, "lr": 5e-5, "batch_size": 256, "optimizer": "adam", "normalisation": "pixel-mean-255"}
        },
        presets={
            "paper": {},
            "pytorch": {"padding": "port", "epochs": 800, "normalisation": "raw-255"},  # authors' PyTorch version
            "quick": {"epochs": 40, "lr": 2e-3, "batch_size": 64, "normalisation": "pixel-mean"},
        },
        default_preset="paper",
    ),
    "svm-flow": Facts(
        "baseline",
        Representation("face-flow", parameters=("scale",)),
        (
            ("kernel", "rbf", "rbf|linear", "ours"),
            ("tuning", "nested", "nested|fixed", "ours: a baseline chooses on its training sets"),
            ("C", 1.0, "1e-09..", "scikit-learn"),
            ("gamma", 1.0, "1e-09..", "scikit-learn: times gamma=scale"),
            ("splits", 5, "2..", "scikit-learn"),
            ("class_weight", "balanced", "balanced|none", "ours"),
            ("scale", "per-map-8bit", "physical|per-map|per-map-8bit", "ours: the maps that networks take"),
        ),
        presets={"nested": {}, "fixed": {"tuning": "fixed", "C": 10.0}, "linear": {"kernel": "linear"}},
        default_preset="nested",
    ),
    "timm-backbone": Facts(
        "deep",
        SCALED_FACE,
        (
            ("scale", "per-map-8bit", ANY_SCALE, "ours: as public maps"),
            ("model", "resnet18", "", "ours"),
            ("image", 28, "8..1024", "the maps as they are"),
            ("drop_rate", 0.0, "0..0.99", "timm"),
            ("weights", "", "", "ours: pretrained weights are extra data"),
            ("weights_sha256", "", "", "ours"),
        ),
        training={"epochs": 30, "lr": 1e-3, "batch_size": 64, "optimizer": "adamw", "weight_decay": 0.01},  # ours
        presets={"resnet18": {}, "quick": {"model": "test_resnet", "epochs": 20, "lr": 3e-3, "batch_size": 32}},
        default_preset="resnet18",
    ),
}


def allowed(parameter: Parameter) -> str:
    limits = ["" if limit is None else f"{limit:g}" for limit in (parameter.minimum, parameter.maximum)]
    span = "..".join(limits) if any(limits) else "|".join(map(str, parameter.choices))
    return f"{span} ×{parameter.length}" if parameter.length else span


def test_every_built_in_method_is_in_the_table() -> None:
    assert set(BUILT_IN) == set(FACTS)


@pytest.mark.parametrize("name", FACTS)
def test_a_spec_has_the_defaults_limits_and_presets_of_its_source(name: str) -> None:
    spec, facts = BUILT_IN[name], FACTS[name]
    training = {**TRAINING, **facts.training} if facts.family == "deep" else {}
    own = [parameter for parameter in spec.parameters if parameter.name not in training]

    assert [(p.name, p.default, allowed(p)) for p in own] == [row[:3] for row in facts.parameters]
    assert {p.name: p.default for p in spec.parameters if p.name in training} == training
    assert {preset: dict(values) for preset, values in spec.presets.items()} == facts.presets
    assert (spec.default_preset, spec.family, spec.representation, spec.features, spec.trains_by_epoch) == (
        *(facts.default_preset, facts.family, facts.representation, facts.features, facts.family == "deep"),
    )


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("ahmsa", {"width": 100}, "width=100 is not a multiple of heads=3"),
        ("ahmsa", {"width": 147, "level_heads": "doubled"}, "width=147 is not a multiple of the 6 heads of level 2"),
        ("ahmsa", {"patch": 6}, "patch=6 cuts a 28×28 map into 4.66667 patches a side"),
        ("ahmsa", {"patch": 14}, "into 2 patches a side, but 3 levels (blocks=2,2,8) of factor=2 bring 4 down to one"),
        ("ahmsa", {"factor": 3}, "into 4 patches a side, but 3 levels (blocks=2,2,8) of factor=3 bring 9 down to one"),
        ("ahmsa", {"side": 36}, "patch=7 cuts a 36×36 map into 5.14286 patches a side"),
        ("ahmsa", {"patch": 56}, "into 0.5 patches a side"),
        ("ahmsa", {"blocks": ()}, "blocks=() leaves no level"),
        ("htnet", {"width": 2}, "width=2 leaves no channel for each of heads=3"),
        ("htnet", {"patch": 6}, "patch=6 cuts a 28×28 map into 4.66667 patches a side, which 3 levels"),
        ("htnet", {"blocks": (2, 2, 2, 8)}, "which 4 levels (blocks=(2, 2, 2, 8)) do not halve"),
        ("htnet", {"blocks": ()}, "which 0 levels"),
        ("inceptr", {"width": 10}, "width=10 is not a multiple of heads=4"),
        ("inceptr", {"paths": ()}, "paths=() leaves no inception module"),
        ("ststnet", {"streams": ()}, "streams=() must name at least one stream"),
        ("timm-backbone", {"weights_sha256": "0" * 64}, "is given without a file; set weights=PATH"),
        ("lbp-top", {"neighbours": (4, 11, 4)}, "neighbours=4,11,4 have up to 2048 raw codes"),
        ("lbp-top", {"radii": (1, 1, 5)}, "10 long along T; set a smaller R_T, or --set length=11 or more"),
        ("lbp-top", {"blocks": (5, 5, 3)}, "blocks=5,5,3 (rows,columns,temporal) ask for 3 blocks along T"),
        ("lbp-top", {"length": 8}, "8 long along T"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused_before_any_work(
    name: str, settings: dict[str, Any], sentence: str
) -> None:
    spec: MethodSpec = BUILT_IN[name]

    with pytest.raises(MerBenchError) as caught:
        spec.resolve(None, settings)

    assert str(caught.value).startswith(f"{name}: ")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        *[("ahmsa", {"patch": patch, "blocks": blocks}) for patch, blocks in ((28, (2,)), (14, (1, 2)))],
        ("ahmsa", {"side": 36, "patch": 4, "factor": 3}),
        ("ahmsa", {"side": 56, "blocks": (1, 2, 1, 3)}),
        ("ahmsa", {"width": 144, "level_heads": "doubled"}),
        *[("htnet", {"patch": patch, "blocks": blocks}) for patch, blocks in ((28, (2,)), (14, (1,)), (7, (1, 1)))],
        *[("htnet", {"width": 3}), ("lbp-top", {"neighbours": (10, 4, 4)}), ("lbp-top", {"blocks": (5, 5, 2)})],
    ],
)
def test_settings_that_just_fit_are_accepted(name: str, settings: dict[str, Any]) -> None:
    spec: MethodSpec = BUILT_IN[name]

    assert settings.items() <= spec.resolve(None, settings).items()
