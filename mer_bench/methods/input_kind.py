"""What the numbers of a method's inputs are, which augmentation has to know. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mer_bench.parameters import ParameterValue
from mer_bench.specs import MethodSpec
from mer_bench.vision.choices import DEFAULT_LAYOUT, LAYOUTS, PHYSICAL, WHOLE_FACE

FRAMES = "frames"


@dataclass(frozen=True)
class InputKind:
    """The kind of a method's inputs: grey frames, or maps with the channels u, v and strain.

    Parameters
    ----------
    representation : str
        ``frames``, ``flow``, ``face-flow`` or ``region-flow``.
    scale : str
        Of maps: ``physical``, ``per-map``, ``per-map-8bit`` or ``unknown``.
    layout : str
        How a map's regions tile it; ``whole-face`` where it has none.
    """

    representation: str
    scale: str = PHYSICAL
    layout: str = WHOLE_FACE

    @classmethod
    def asked_for(cls, spec: MethodSpec, params: Mapping[str, ParameterValue], representation: str) -> InputKind:
        """Return the kind that a method gets if its inputs are made from frames as its parameters ask."""
        asked = {name: str(params[name]) for name in spec.representation.parameters if name in params}
        layout = asked.get("layout", DEFAULT_LAYOUT) if representation == "region-flow" else WHOLE_FACE
        return cls(representation, asked.get("scale", PHYSICAL), layout)

    @property
    def is_frames(self) -> bool:
        """Whether inputs are grey frames, which have no vectors."""
        return self.representation == FRAMES

    @property
    def is_transposed(self) -> bool:
        """Whether the layout takes each key point's x as the row of its region."""
        return LAYOUTS[self.layout].transposed
