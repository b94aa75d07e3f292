"""AHMSA-Net: adaptive hierarchical multi-scale attention on key-region flow maps."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mer_bench import (
    AblationSpec,
    MerBenchError,
    MethodSpec,
    Parameter,
    Representation,
    hookimpl,
    scale_parameter,
    training_parameters,
)

_PARAMETERS = (
    Parameter(
        "layout",
        "five-mosaic",
        "how the five key regions are recombined to 28×28; not stated in the paper, so one that holds all five",
        choices=("five-mosaic", "four-corners", "htnet", "whole-face"),
    ),
    scale_parameter("per-map-8bit", "not stated in the paper: as HTNet's"),
    Parameter(
        "side",
        28,
        "side of the maps in pixels (Table 3); 36 with factor=3 in section 4.5.2; ready-made maps have 28",
        minimum=14,
        maximum=224,
    ),
    Parameter(
        "width",
        192,
        "embedding channels; not stated in the paper: 3 heads × 64, the usual head size; or 147, the values of a "
        "patch: see docs/paper-gaps.md",
        minimum=1,
        maximum=4096,
    ),
    Parameter("heads", 3, "attention heads of the lowest level (Table 3)", minimum=1, maximum=64),
    Parameter(
        "level_heads",
        "same",
        "heads of higher levels: the same, as Table 3 names one number, or doubled from level to level, as in HTNet",
        choices=("same", "doubled"),
    ),
    Parameter("patch", 7, "side of a patch in pixels (Table 3)", minimum=1, maximum=64),
    Parameter("factor", 2, "downsampling scaling factor between two levels (Table 3)", minimum=2, maximum=16),
    Parameter(
        "blocks", (2, 2, 8), "multi-scale attention blocks per level, low to high (Table 3)", minimum=1, maximum=100
    ),
    Parameter(
        "attention_scale",
        "head",
        "the D whose root divides the attention's scores (eq. 4): the channels of a head, as usual, or of the whole "
        "embedding; the paper calls it the input dimension, which can be either",
        choices=("head", "embedding"),
    ),
    Parameter(
        "mlp_ratio",
        4,
        "hidden over embedding channels in the feed-forward; not stated in the paper: 4",
        minimum=1,
        maximum=64,
    ),
    Parameter(
        "reduction",
        16,
        "bottleneck of the channel attention; not stated in the paper: CBAM's 16",
        minimum=1,
        maximum=4096,
    ),
    Parameter(
        "head_hidden",
        0,
        "hidden units of the MLP head; 0 means one linear layer, as in HTNet; not stated in the paper, "
        "where 'MLP head' may mean that",
        minimum=0,
        maximum=8192,
    ),
    Parameter("dropout", 0.0, "dropout in the feed-forward; not stated in the paper: none", minimum=0.0, maximum=0.99),
    Parameter(
        "residual", True, "a residual path around each part of a block; not stated in the paper: see docs/paper-gaps.md"
    ),
    Parameter(
        "norm_eps",
        1e-6,
        "epsilon of the layer normalisations of blocks and downsampling (eq. 3); not stated in the paper: timm's 1e-6; "
        "HTNet has 1e-5",
        minimum=1e-12,
        maximum=1.0,
    ),
    Parameter(
        "head_norm_eps",
        1e-5,
        "epsilon of the layer normalisation before the MLP head; not stated in the paper: PyTorch's 1e-5",
        minimum=1e-12,
        maximum=1.0,
    ),
)


def validate(params: Mapping[str, Any]) -> None:
    """Refuse channels that the heads do not share evenly, and patches that the levels do not bring down to one.

    Raises
    ------
    MerBenchError
        ``width`` is not a multiple of each level's heads, or ``side``, ``patch``, ``factor`` and ``blocks`` do not fit
        each other.
    """
    _check_heads(params["width"], params["heads"], params["level_heads"], len(params["blocks"]))
    _check_levels(params["side"], params["patch"], params["factor"], params["blocks"])


def heads_of_levels(heads: int, level_heads: str, levels: int) -> list[int]:
    """Return the number of attention heads of each level, low to high."""
    return [heads << level if level_heads == "doubled" else heads for level in range(levels)]


def _check_heads(width: int, heads: int, level_heads: str, levels: int) -> None:
    for level, count in enumerate(heads_of_levels(heads, level_heads, levels), 1):
        if width % count:
            of = f"heads={heads}" if level == 1 else f"the {count} heads of level {level} (level_heads={level_heads})"
            raise MerBenchError(f"ahmsa: width={width} is not a multiple of {of}")


def _check_levels(side: int, patch: int, factor: int, blocks: tuple[int, ...]) -> None:
    if not blocks:
        raise MerBenchError("ahmsa: blocks=() leaves no level; the paper has blocks=2,2,8")
    levels = len(blocks)
    if side == patch * factor ** (levels - 1):
        return
    raise MerBenchError(
        f"ahmsa: patch={patch} cuts a {side}×{side} map into {side / patch:g} patches a side, but {levels} levels "
        f"(blocks={','.join(map(str, blocks))}) of factor={factor} bring {factor ** (levels - 1)} down to one; change "
        "one of them: the paper has side=28, patch=7, factor=2 and three levels, or side=36, patch=4 and factor=3"
    )


@hookimpl
def mer_bench_methods() -> tuple[MethodSpec, ...]:
    """Register ``ahmsa``."""
    return (
        MethodSpec(
            name="ahmsa",
            version="1",
            title="AHMSA-Net",
            target="mer_bench_ahmsa.network:AHMSANet",
            representation=Representation("region-flow", parameters=("layout", "scale", "side")),
            family="deep",
            parameters=(*_PARAMETERS, *training_parameters(epochs=800, lr=5e-6, batch_size=256, optimizer="adam")),
            presets={
                "paper": {},
                "quick": {"width": 96, "epochs": 30, "lr": 5e-4, "batch_size": 64},
            },
            default_preset="paper",
            citation="Zhang et al. 2025, AHMSA-Net, arXiv:2501.02539",
            trains_by_epoch=True,
            training_seconds={"paper": 3.0, "quick": 2.6},
            validate=validate,
        ),
    )


@hookimpl
def mer_bench_ablations() -> tuple[AblationSpec, ...]:
    """Register the ablations of the paper's section 4.5, one TOML file each, by its file name."""
    folder = Path(__file__).parent / "ablations"
    return tuple(AblationSpec(path.stem, path) for path in sorted(folder.glob("*.toml")))
