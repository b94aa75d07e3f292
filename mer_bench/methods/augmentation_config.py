"""The settings of augmentation, as training parameters, and which inputs each of them suits. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mer_bench.errors import MerBenchError
from mer_bench.methods.input_kind import InputKind
from mer_bench.parameters import Parameter, ParameterValue
from mer_bench.vision.choices import PHYSICAL, SCALES

AUGMENTATION_PARAMETERS = (
    Parameter(
        "flip",
        0.0,
        "augmentation: with this probability, a training sample is mirrored left to right: u is negated, and regions "
        "change sides",
        minimum=0.0,
        maximum=1.0,
    ),
    Parameter(
        "shift",
        0,
        "augmentation: a training sample is moved by up to this many pixels of its map, along each axis; its rim is "
        "repeated, and regions move inside their tiles",
        minimum=0,
        maximum=64,
    ),
    Parameter(
        "rotation",
        0.0,
        "augmentation: a training sample is rotated by up to this many degrees, either way; its vectors are turned too",
        minimum=0.0,
        maximum=45.0,
    ),
    Parameter(
        "noise",
        0.0,
        "augmentation: deviation of the Gaussian noise added to a training sample, as a share of the range of each "
        "channel of each map, or of a clip",
        minimum=0.0,
        maximum=1.0,
    ),
    Parameter(
        "erasing",
        0.0,
        "augmentation: with this probability, a rectangle of a training sample is erased, with sides of an eighth to "
        "half of the map's: no motion where maps are in pixels, else the mean",
        minimum=0.0,
        maximum=1.0,
    ),
)
"""All off by default: then nothing is drawn."""


@dataclass(frozen=True)
class AugmentationConfig:
    """The settings of `mer_bench.training.augmentation.Augmenter`; see `AUGMENTATION_PARAMETERS` for their meaning."""

    flip: float = 0.0
    shift: int = 0
    rotation: float = 0.0
    noise: float = 0.0
    erasing: float = 0.0

    @classmethod
    def from_params(cls, params: Mapping[str, ParameterValue]) -> AugmentationConfig:
        """Return the settings in a method's parameters; those that it does not list keep their defaults."""
        values: dict[str, Any] = {own.name: params.get(own.name, own.default) for own in AUGMENTATION_PARAMETERS}
        return cls(**values)

    @property
    def is_on(self) -> bool:
        """Whether any of it changes samples."""
        return self != AugmentationConfig()

    def check(self, kind: InputKind) -> None:
        """Refuse what would make wrong inputs.

        Raises
        ------
        MerBenchError
            Maps of this scale or layout cannot be mirrored or rotated.
        """
        if kind.is_frames:
            return
        if self.flip and kind.scale not in SCALES:
            raise MerBenchError(
                f"flip={self.flip}: a mirrored map has -u, which in maps of unknown scale is not known; state scale in "
                "maps.toml, or set flip=0"
            )
        if self.rotation and kind.scale != PHYSICAL:
            raise MerBenchError(
                f"rotation={self.rotation}: maps with scale={kind.scale} have lost the lengths of u and v, so vectors "
                f"cannot be turned; set scale={PHYSICAL} where maps are made from frames, or rotation=0"
            )
        for name, value in (("flip", self.flip), ("rotation", self.rotation)):
            if value and kind.is_transposed:
                raise MerBenchError(
                    f"{name}={value}: with layout={kind.layout} a key point's x is the row of its region, so regions "
                    f"do not follow a face that is mirrored or rotated; choose another layout, or set {name}=0"
                )
