"""AHMSA-Net: adaptive hierarchical multi-scale attention on key-region flow maps."""

from collections.abc import Mapping
from typing import Any

from mer_bench import MerBenchError, MethodSpec, Parameter, Representation, hookimpl, training_parameters

_PARAMETERS = (
    Parameter(
        "layout",
        "five-mosaic",
        "how the five key regions are recombined to 28×28; not stated in the paper, so one that holds all five",
        choices=("five-mosaic", "four-corners", "htnet", "whole-face"),
    ),
    Parameter(
        "width",
        192,
        "embedding channels; not stated in the paper: 3 heads × 64, the usual head size",
        minimum=1,
        maximum=4096,
    ),
    Parameter("heads", 3, "attention heads (Table 3)", minimum=1, maximum=64),
    Parameter("patch", 7, "side of a patch in pixels (Table 3)", minimum=1, maximum=64),
    Parameter(
        "blocks", (2, 2, 8), "multi-scale attention blocks per level, low to high (Table 3)", minimum=1, maximum=100
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
)


MAP_SIDE = 28


def validate(params: Mapping[str, Any]) -> None:
    """Refuse channels that the heads do not share evenly, and patches that the levels do not halve down to one.

    Raises
    ------
    MerBenchError
        ``width`` is not a multiple of ``heads``, or ``patch`` and ``blocks`` do not fit each other.
    """
    width, heads, patch, blocks = (params[name] for name in ("width", "heads", "patch", "blocks"))
    if width % heads:
        raise MerBenchError(f"ahmsa: width={width} is not a multiple of heads={heads}")
    if not blocks or MAP_SIDE % patch or MAP_SIDE // patch != 2 ** (len(blocks) - 1):
        raise MerBenchError(
            f"ahmsa: patch={patch} cuts a {MAP_SIDE}×{MAP_SIDE} map into {MAP_SIDE / patch:g} patches a side, which "
            f"{len(blocks)} levels (blocks={blocks}) do not halve down to one; the paper has patch=7 and three levels"
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
            representation=Representation("region-flow", parameters=("layout",)),
            family="deep",
            parameters=(*_PARAMETERS, *training_parameters(epochs=800, lr=5e-6, batch_size=256, optimizer="adam")),
            presets={
                "paper": {},
                "quick": {"width": 96, "epochs": 30, "lr": 5e-4, "batch_size": 64},
            },
            default_preset="paper",
            citation="Zhang et al. 2025, AHMSA-Net, arXiv:2501.02539",
            trains_by_epoch=True,
            validate=validate,
        ),
    )
