"""A method with all its settings: what a worker makes an instance of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mer_bench.errors import MethodError
from mer_bench.methods.method import Method
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.plugin_manager import load_target
from mer_bench.specs import MethodSpec, ParameterValue


@dataclass(frozen=True)
class MethodSetting:
    """A method with all its settings; sent to the workers as it is.

    Parameters
    ----------
    spec : MethodSpec
    params : mapping
        A value for each of the spec's parameters.
    n_classes : int
    representation : str
        What its inputs are; the spec's own without it.
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
        """Return the parameters for one instance: what it does to them reaches no other."""
        return dict(self.params)

    def make(self) -> Method | TorchMethod:
        """Return a new instance.

        Raises
        ------
        MethodError
            The class is not what the spec says.
        """
        spec = self.spec
        method = load_target(spec.target)(replace(self, params=self.own_params()))
        if isinstance(method, TorchMethod) != spec.trains_by_epoch:
            raise MethodError(f"{spec.target}: its spec's trains_by_epoch does not fit its class")
        if not isinstance(method, (Method, TorchMethod)):
            raise MethodError(f"{spec.target} is neither a Method nor a TorchMethod")
        extracts = isinstance(method, Method) and type(method).extract is not Method.extract
        if extracts != (spec.features is not None):
            raise MethodError(f"{spec.target}: its spec's features do not fit its class: `extract` goes with them")
        return method

    def extractor(self) -> Method:
        """Return a new instance that knows nothing but what features may depend on; raises as `make` does."""
        method = replace(self, params=self.feature_params()).make()
        assert isinstance(method, Method)
        return method
