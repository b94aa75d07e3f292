"""A method with all its settings, from which a worker creates an instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mer_bench.parameters import ParameterValue
from mer_bench.specs import MethodSpec


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
    """

    spec: MethodSpec
    params: Mapping[str, ParameterValue]
    n_classes: int
    representation: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "representation", self.representation or self.spec.representation.name)

    def feature_params(self) -> dict[str, ParameterValue]:
        """Return the parameters that features may depend on."""
        features = self.spec.features.parameters if self.spec.features else ()
        return {name: self.params[name] for name in sorted({*features, *self.spec.representation.parameters})}

    def own_params(self) -> Mapping[str, ParameterValue]:
        """Return a copy of the parameters for one instance, so that changes to it do not reach other instances."""
        return dict(self.params)
