"""RCN-A: a recurrent convolutional network whose attention is made of the classifier's own weights."""

from mer_bench import MethodSpec, Parameter, Representation, hookimpl, scale_parameter, training_parameters

_PARAMETERS = (
    scale_parameter(
        "per-map-8bit",
        "the authors' code reads 8-bit images; a scale by map is not stated, but usual",
    ),
    Parameter(
        "maps",
        64,
        "feature maps F of every convolution: 64 by the code's default, 32 in its README",
        minimum=1,
        maximum=1024,
    ),
    Parameter(
        "pool",
        7,
        "side p of the pooled maps, the attention map and the classifier's weights: 7 by the code's default, 5 in its "
        "README; at least 2, because one value has no least and largest to be scaled between, and at most the 12 of "
        "the maps that the attention pools",
        minimum=2,
        maximum=12,
    ),
    Parameter(
        "recurrences", 2, "times that the one shared 3×3 convolution is applied, as coded", minimum=1, maximum=100
    ),
    Parameter("dropout", 0.5, "dropout of single values after each max-pooling, as coded", minimum=0.0, maximum=0.99),
    Parameter(
        "attention_eps",
        1e-6,
        "added to a class map's span before dividing by it; ours: the code divides 0 by 0 where a map is constant; "
        "small against a fresh network's spans of about 7e-3",
        minimum=1e-12,
        maximum=1.0,
    ),
)


@hookimpl
def mer_bench_methods() -> tuple[MethodSpec, ...]:
    """Register ``rcn-a``."""
    training = training_parameters(epochs=100, lr=5e-4, batch_size=64, optimizer="sgd", normalisation="none")
    return (
        MethodSpec(
            name="rcn-a",
            version="1",
            title="RCN-A",
            target="mer_bench_rcn_a.network:RCNA",
            representation=Representation("face-flow", parameters=("scale",)),
            family="deep",
            parameters=(*_PARAMETERS, *training),
            presets={
                "paper": {},
                "readme": {"maps": 32, "pool": 5, "epochs": 20},
                "quick": {"maps": 16, "pool": 5, "epochs": 25, "lr": 2e-2, "normalisation": "unit"},
            },
            default_preset="paper",
            citation="Xia, Peng, Khor, Feng and Zhao 2020, IEEE Transactions on Image Processing 29, 8590-8605, "
            "doi:10.1109/TIP.2020.3018222, arXiv:2006.09674",
            trains_by_epoch=True,
            training_seconds={"paper": 2.0, "readme": 1.0, "quick": 0.4},
        ),
    )
