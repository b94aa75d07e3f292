"""STSTNet: a shallow triple-stream convolutional network on whole-face flow maps."""

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
    scale_parameter("per-map-8bit", "as the authors' maps"),
    Parameter("streams", (3, 5, 8), "maps of each stream's convolution (Table I)", minimum=1, maximum=1024),
    Parameter(
        "padding",
        "same",
        "rim of zeros around the map, before the convolution; same: 1 pixel, as the MATLAB original; port: 2 pixels, "
        "as the authors' PyTorch version",
        choices=("same", "port"),
    ),
    Parameter(
        "batch_norm",
        True,
        "batch normalisation after each ReLU; in both public versions, though the paper's 1,670 parameters fit neither "
        "with (1,683) nor without (1,651)",
    ),
    Parameter("dropout", 0.5, "dropout after each stream's pooling", minimum=0.0, maximum=0.99),
    Parameter(
        "initialisation",
        "torch",
        "initial weights: torch, PyTorch's default, which the authors' PyTorch version begins with; glorot, uniform "
        "with zero biases, is what MATLAB documents for its layers",
        choices=("torch", "glorot"),
    ),
)


def validate(params: Mapping[str, Any]) -> None:
    """Refuse a network without streams.

    Raises
    ------
    MerBenchError
        ``streams`` is empty.
    """
    if not params["streams"]:
        raise MerBenchError("ststnet: streams=() must name at least one stream; the paper has streams=3,5,8")


@hookimpl
def mer_bench_methods() -> tuple[MethodSpec, ...]:
    """Register ``ststnet``."""
    return (
        MethodSpec(
            name="ststnet",
            version="1",
            title="STSTNet",
            target="mer_bench_ststnet.network:STSTNet",
            representation=Representation("face-flow", parameters=("scale",)),
            family="deep",
            parameters=(
                *_PARAMETERS,
                *training_parameters(
                    epochs=500, lr=5e-5, batch_size=256, optimizer="adam", normalisation="pixel-mean-255"
                ),
            ),
            presets={
                "paper": {},
                "pytorch": {"padding": "port", "epochs": 800, "normalisation": "raw-255"},
                "quick": {"epochs": 40, "lr": 2e-3, "batch_size": 64, "normalisation": "pixel-mean"},
            },
            default_preset="paper",
            citation="Liong, Gan, See, Khor & Huang 2019, Shallow Triple Stream Three-dimensional CNN (STSTNet) for "
            "Micro-expression Recognition, FG 2019, doi:10.1109/FG.2019.8756567, arXiv:1902.03634",
            trains_by_epoch=True,
            training_seconds={"paper": 0.2, "pytorch": 0.2},
            validate=validate,
        ),
    )
