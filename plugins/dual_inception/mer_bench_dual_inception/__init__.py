"""Dual-Inception: horizontal and vertical flow in two inception branches of their own."""

from mer_bench import MethodSpec, Parameter, Representation, hookimpl, scale_parameter, training_parameters

_PARAMETERS = (
    scale_parameter(
        "per-map-8bit",
        "the authors' code reads 8-bit images; a scale by map is not stated, but usual",
    ),
    Parameter(
        "maps",
        (6, 16),
        "feature maps of each of the four paths of inception A and B",
        minimum=1,
        maximum=1024,
        length=2,
    ),
    Parameter("hidden", 1024, "units of the hidden dense layer", minimum=1, maximum=8192),
    Parameter(
        "branch_channels",
        1,
        "channels in which a branch gets its flow component: 1, or the same map 3 times, as the authors' code loads "
        "it from an image file; 1, because the repeats add no information",
        choices=(1, 3),
    ),
    Parameter(
        "initialisation",
        "glorot",
        "initial weights: glorot, uniform with zero biases, is the default of Keras, in which the authors' code is "
        "written; torch is PyTorch's default",
        choices=("glorot", "torch"),
    ),
)


@hookimpl
def mer_bench_methods() -> tuple[MethodSpec, ...]:
    """Register ``dual-inception``."""
    training = training_parameters(epochs=40, lr=1e-4, batch_size=3, optimizer="adam", normalisation="none")
    return (
        MethodSpec(
            name="dual-inception",
            version="1",
            title="Dual-Inception",
            target="mer_bench_dual_inception.network:DualInception",
            representation=Representation("face-flow", parameters=("scale",)),
            family="deep",
            parameters=(*_PARAMETERS, *training),
            presets={
                "paper": {},
                "quick": {"hidden": 128, "epochs": 8, "lr": 2e-3, "batch_size": 32, "normalisation": "unit"},
            },
            default_preset="paper",
            citation="Zhou, Mao and Xue 2019, Dual-Inception Network for Cross-Database Micro-Expression Recognition, "
            "IEEE FG, 642-646",
            trains_by_epoch=True,
            training_seconds={"paper": 12.0, "quick": 2.8},
        ),
    )
