"""A method with all its settings, from which a worker creates an instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mer_bench.methods.input_kind import InputKind
from mer_bench.parameters import ParameterValue
from mer_bench.specs import MethodSpec

_AS_ASKED = InputKind("as the parameters ask")


@dataclass(frozen=True)
class MethodSetting:
    """A method with all its settings; workers receive it pickled.

    Parameters
    ----------
    spec : MethodSpec
    params : mapping
        A value for each of the spec's parameters.
    n_classes : int
    representation : str
        What its inputs are; by default, the spec's representation.
    input_kind : InputKind, optional
        What their numbers are; by default, what the parameters ask for.
    """

    spec: MethodSpec
    params: Mapping[str, ParameterValue]
    n_classes: int
    representation: str = ""
    input_kind: InputKind = _AS_ASKED

    def __post_init__(self) -> None:
        object.__setattr__(self, "representation", self.representation or self.spec.representation.name)
        if self.input_kind is _AS_ASKED:
            asked = InputKind.asked_for(self.spec, self.params, self.representation)
            object.__setattr__(self, "input_kind", asked)

    @property
    def precision(self) -> str:
        """The precision that a network trains with; ``fp32`` for any other method."""
        return str(self.params.get("precision", "fp32"))

    def feature_params(self) -> dict[str, ParameterValue]:
        """Return the parameters that features may depend on."""
        features = self.spec.features.parameters if self.spec.features else ()
        return {name: self.params[name] for name in sorted({*features, *self.spec.representation.parameters})}

    def own_params(self) -> Mapping[str, ParameterValue]:
        """Return a copy of the parameters for one instance, so that changes to it do not reach other instances."""
        return dict(self.params)
