"""HTNet: a hierarchical transformer on key-region flow maps."""

from collections.abc import Mapping
from typing import Any

from mer_bench import (
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
        "htnet",
        "how the key regions are recombined to 28×28; htnet: as the public code, which takes each landmark's x for its "
        "row and drops the nose",
        choices=("htnet", "four-corners", "five-mosaic", "whole-face"),
    ),
    scale_parameter("per-map-8bit", "as STSTNet's maps, which the public code reads"),
    Parameter(
        "attention",
        "published",
        "published: blocks as the public code cuts them, one token each, so that no token attends to another; "
        "intended: one block a level, with attention among its 16, 4 and 1 tokens",
        choices=("published", "intended"),
    ),
    Parameter("width", 256, "channels of the lowest level, doubled from level to level", minimum=1, maximum=2048),
    Parameter(
        "heads",
        3,
        "attention heads of the lowest level, doubled from level to level; a head is width // heads channels wide",
        minimum=1,
        maximum=64,
    ),
    Parameter("patch", 7, "side of a patch in pixels", minimum=1, maximum=28),
    Parameter(
        "blocks",
        (2, 2, 8),
        "transformer layers a level, low to high; the public scripts disagree: (2, 2, 8), or 10 on the top level",
        minimum=1,
        maximum=100,
    ),
    Parameter("mlp_ratio", 4, "hidden over embedding channels in the feed-forward", minimum=1, maximum=64),
    Parameter(
        "dropout",
        0.0,
        "dropout of the attention's weights, of its output and in the feed-forward; 0 in the code",
        minimum=0.0,
        maximum=0.99,
    ),
)


MAP_SIDE = 28


def validate(params: Mapping[str, Any]) -> None:
    """Refuse heads without a channel, and patches that do not tile the map or that the levels do not halve.

    Raises
    ------
    MerBenchError
        ``width`` is less than ``heads``, or ``patch`` and ``blocks`` do not fit each other.
    """
    width, heads, patch, blocks = (params[name] for name in ("width", "heads", "patch", "blocks"))
    if width < heads:
        raise MerBenchError(f"htnet: width={width} leaves no channel for each of heads={heads}")
    halvings = 2 ** (len(blocks) - 1) if blocks else 0
    if not halvings or MAP_SIDE % patch or MAP_SIDE // patch % halvings:
        raise MerBenchError(
            f"htnet: patch={patch} cuts a {MAP_SIDE}×{MAP_SIDE} map into {MAP_SIDE / patch:g} patches a side, which "
            f"{len(blocks)} levels (blocks={blocks}) do not halve; the paper has patch=7 and three levels"
        )


@hookimpl
def mer_bench_methods() -> tuple[MethodSpec, ...]:
    """Register ``htnet``."""
    return (
        MethodSpec(
            name="htnet",
            version="1",
            title="HTNet",
            target="mer_bench_htnet.network:HTNet",
            representation=Representation("region-flow", parameters=("layout", "scale")),
            family="deep",
            parameters=(
                *_PARAMETERS,
                *training_parameters(epochs=800, lr=5e-5, batch_size=256, optimizer="adam", normalisation="raw-255"),
            ),
            presets={
                "paper": {},
                "quick": {"width": 24, "epochs": 24, "lr": 5e-4, "batch_size": 64, "normalisation": "channel"},
            },
            default_preset="paper",
            citation="Wang, Zhang, Luo & Sankaranarayana 2024, HTNet for micro-expression recognition, "
            "Neurocomputing 602, 128196, doi:10.1016/j.neucom.2024.128196, arXiv:2307.14637",
            trains_by_epoch=True,
            training_seconds={"paper": 16.0, "quick": 0.7},
            validate=validate,
        ),
    )
