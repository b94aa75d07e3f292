"""IncepTR: an inception branch and a transformer branch on whole-face flow maps, drawn towards each other."""

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
    scale_parameter(
        "per-map-8bit",
        "not known, as the authors' code reads ready-made arrays: as public maps, per map and channel, in 8 bits",
    ),
    Parameter(
        "paths", (6, 12), "maps of each of the four paths, one number per inception module", minimum=1, maximum=1024
    ),
    Parameter(
        "squeeze",
        6,
        "maps of the 1×1 convolutions before a 3×3 or 5×5; 6 in both modules, as published",
        minimum=1,
        maximum=1024,
    ),
    Parameter("reduction", 16, "bottleneck of CBAM's channel attention: 48 channels become 3", minimum=1, maximum=4096),
    Parameter("width", 512, "channels of a token of the transformer; a multiple of the heads", minimum=1, maximum=4096),
    Parameter("depth", 3, "blocks of the transformer", minimum=1, maximum=100),
    Parameter("heads", 4, "attention heads of a block", minimum=1, maximum=64),
    Parameter("mlp_ratio", 2, "hidden channels over the token's in the feed-forward", minimum=1, maximum=64),
    Parameter(
        "drop_path", 0.3, "stochastic depth of the last block; linear from 0 in the first", minimum=0.0, maximum=0.99
    ),
    Parameter(
        "msad",
        0.3,
        "multi-head self-attention dropping: probability that a sample loses one part in a block, in training",
        minimum=0.0,
        maximum=1.0,
    ),
    Parameter(
        "msad_part",
        "head",
        "what it loses: head, as the text says; token (query, key and value of one of the first tokens, as many as "
        "there are heads) is what the published code does, and a diagnostic",
        choices=("head", "token"),
    ),
    Parameter("channels", 256, "maps of either branch before they are joined", minimum=1, maximum=1024),
    Parameter(
        "hidden", 1024, "units of the hidden layer, which has nearly all of the weights", minimum=1, maximum=8192
    ),
    Parameter("dropout", 0.5, "dropout after the hidden layer", minimum=0.0, maximum=0.99),
    Parameter(
        "similarity",
        0.1,
        "weight of the branches' cosine distance beside the cross-entropy; as in the code (the paper's was not read)",
        minimum=0.0,
        maximum=1000.0,
    ),
)


def validate(params: Mapping[str, Any]) -> None:
    """Refuse a local branch without modules, and channels that the heads do not share evenly.

    Raises
    ------
    MerBenchError
        ``paths`` is empty, or ``width`` is not a multiple of ``heads``.
    """
    if not params["paths"]:
        raise MerBenchError("inceptr: paths=() leaves no inception module; the paper has paths=6,12")
    if params["width"] % params["heads"]:
        raise MerBenchError(f"inceptr: width={params['width']} is not a multiple of heads={params['heads']}")


@hookimpl
def mer_bench_methods() -> tuple[MethodSpec, ...]:
    """Register ``inceptr``."""
    training = training_parameters(epochs=30, lr=1e-3, batch_size=128, optimizer="adamw", weight_decay=0.01)
    return (
        MethodSpec(
            name="inceptr",
            version="1",
            title="IncepTR",
            target="mer_bench_inceptr.network:IncepTR",
            representation=Representation("face-flow", parameters=("scale",)),
            family="deep",
            parameters=(*_PARAMETERS, *training),
            presets={
                "paper": {},
                "quick": {
                    "paths": (3, 6),
                    "squeeze": 3,
                    "width": 24,
                    "depth": 2,
                    "heads": 2,
                    "channels": 16,
                    "hidden": 64,
                    "epochs": 5,
                    "batch_size": 32,
                },
            },
            default_preset="paper",
            citation="Zhou, Huang and Xu 2023, Multimedia Systems 29(6), doi:10.1007/s00530-023-01164-0",
            trains_by_epoch=True,
            training_seconds={"paper": 115.0, "quick": 3.1},
            validate=validate,
        ),
    )
