"""Any image model of timm on whole-face flow maps, from random or from your own file's weights."""

from mer_bench import MethodSpec, Parameter, Representation, hookimpl, scale_parameter, training_parameters
from mer_bench_timm_backbone.weight_file import validate

_PARAMETERS = (
    scale_parameter("per-map-8bit", "ours: as public maps"),
    Parameter("model", "resnet18", "a model's name in timm, without a tag: resnet18, vit_tiny_patch16_224, ..."),
    Parameter(
        "image",
        28,
        "side in pixels that the maps are resized to, bilinearly with antialiasing; 28 is the maps as they are. Many "
        "models want more",
        minimum=8,
        maximum=1024,
    ),
    Parameter("drop_rate", 0.0, "dropout before the classifier; 0, as timm has it", minimum=0.0, maximum=0.99),
    Parameter(
        "weights",
        "",
        "file of pretrained weights (.safetensors, or .pth, .pt, .bin that holds only tensors); empty: random weights, "
        "since pretrained ones are extra data. Nothing is ever downloaded",
    ),
    Parameter(
        "weights_sha256",
        "",
        "SHA-256 of that file, or its first 12 digits or more: it makes the content part of a result's key",
    ),
)


@hookimpl
def mer_bench_methods() -> tuple[MethodSpec, ...]:
    """Register ``timm-backbone``."""
    training = training_parameters(epochs=30, lr=1e-3, batch_size=64, optimizer="adamw", weight_decay=0.01)
    return (
        MethodSpec(
            name="timm-backbone",
            version="1",
            title="timm backbone",
            target="mer_bench_timm_backbone.method:TimmBackbone",
            representation=Representation("face-flow", parameters=("scale",)),
            family="deep",
            parameters=(*_PARAMETERS, *training),
            presets={"resnet18": {}, "quick": {"model": "test_resnet", "epochs": 20, "lr": 3e-3, "batch_size": 32}},
            default_preset="resnet18",
            citation="Wightman 2019, PyTorch Image Models, doi:10.5281/zenodo.4414861; the chosen model's own paper",
            trains_by_epoch=True,
            training_seconds={"resnet18": 3.6, "quick": 0.8},
            validate=validate,
        ),
    )
