"""Instances of methods: each serves one fold, or one sample's features."""

from __future__ import annotations

from dataclasses import replace

from mer_bench.errors import MethodError
from mer_bench.methods.method import Method
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.plugin_manager import load_target


def make_instance(setting: MethodSetting) -> Method | TorchMethod:
    """Return a new instance.

    Raises
    ------
    MethodError
        The class is not what the spec says.
    """
    spec = setting.spec
    method = load_target(spec.target)(replace(setting, params=setting.own_params()))
    if isinstance(method, TorchMethod) != spec.trains_by_epoch:
        raise MethodError(f"{spec.target}: its spec's trains_by_epoch does not fit its class")
    if not isinstance(method, (Method, TorchMethod)):
        raise MethodError(f"{spec.target} is neither a Method nor a TorchMethod")
    extracts = isinstance(method, Method) and type(method).extract is not Method.extract
    if extracts != (spec.features is not None):
        raise MethodError(f"{spec.target}: its spec's features do not fit its class: `extract` goes with them")
    return method


def make_extractor(setting: MethodSetting) -> Method:
    """Return a new instance that knows nothing but what features may depend on; raises as `make_instance` does."""
    method = make_instance(replace(setting, params=setting.feature_params()))
    assert isinstance(method, Method)
    return method
