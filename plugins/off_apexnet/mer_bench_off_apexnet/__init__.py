"""OFF-ApexNet: horizontal and vertical flow in two small convolutional branches, then three dense layers."""

from mer_bench import MethodSpec, Parameter, Representation, hookimpl, scale_parameter, training_parameters

_PARAMETERS = (
    scale_parameter(
        "per-map-8bit",
        "not known: as STSTNet's maps, which three of these authors made, per map and channel, in 8 bits",
    ),
    Parameter(
        "maps",
        (6, 16),
        "feature maps of a branch's two convolutions, as rebuilt by others",
        minimum=1,
        maximum=1024,
        length=2,
    ),
    Parameter(
        "hidden", 1024, "units of each of the two hidden dense layers, as rebuilt by others", minimum=1, maximum=8192
    ),
    Parameter("dropout", 0.5, "dropout after each hidden dense layer, as rebuilt by others", minimum=0.0, maximum=0.99),
    Parameter(
        "conv_activation",
        "relu",
        "after each convolution; ours: the paper's layers were not available, and of two rebuilds one has ReLU and one "
        "has none, which makes the two convolutions linear but for the pooling",
        choices=("relu", "none"),
    ),
)


@hookimpl
def mer_bench_methods() -> tuple[MethodSpec, ...]:
    """Register ``off-apexnet``."""
    return (
        MethodSpec(
            name="off-apexnet",
            version="1",
            title="OFF-ApexNet",
            target="mer_bench_off_apexnet.network:OFFApexNet",
            representation=Representation("face-flow", parameters=("scale",)),
            family="deep",
            parameters=(*_PARAMETERS, *training_parameters(epochs=3000, lr=1e-4, batch_size=64, optimizer="adam")),
            presets={
                "paper": {},
                "quick": {"hidden": 256, "epochs": 25, "lr": 1e-3},
            },
            default_preset="paper",
            citation="Gan, Liong, Yau, Huang and Tan 2019, Signal Processing: Image Communication 74, 129-139, "
            "doi:10.1016/j.image.2019.02.005, arXiv:1805.08699",
            trains_by_epoch=True,
            training_seconds={"paper": 0.7, "quick": 0.5},
        ),
    )
