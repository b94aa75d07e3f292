"""Instances of methods: a new one for each fold, and for each sample's features."""

from __future__ import annotations

import sys
from dataclasses import replace

from mer_bench.errors import MethodError
from mer_bench.methods.method import Method
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.torch_method import NetworkMethod, TorchMethod
from mer_bench.plugin_manager import load_target


def make_instance(setting: MethodSetting, device: str = "cpu") -> Method | TorchMethod:
    """Return a new instance, which computes on a torch device.

    Raises
    ------
    MethodError
        The class does not match its spec.
    """
    spec = setting.spec
    target = load_target(spec.target)
    own = replace(setting, params=setting.own_params())
    method = NetworkMethod(own, target) if _is_network(target) else target(own)
    if isinstance(method, TorchMethod) != spec.trains_by_epoch:
        raise MethodError(f"{spec.target}: its spec's trains_by_epoch does not fit its class")
    if not isinstance(method, (Method, TorchMethod)):
        raise MethodError(f"{spec.target} is neither a Method nor a TorchMethod")
    method.device = device
    extracts = isinstance(method, Method) and type(method).extract is not Method.extract
    if extracts != (spec.features is not None):
        raise MethodError(
            f"{spec.target}: its spec's features do not fit its class: set them if, and only if, it defines `extract`"
        )
    return method


def make_extractor(setting: MethodSetting) -> Method:
    """Return a new instance with only the parameters that features may depend on; raises as `make_instance` does."""
    method = make_instance(replace(setting, params=setting.feature_params()))
    assert isinstance(method, Method)
    return method


def _is_network(target: type) -> bool:
    # A network's module has imported torch: for other classes, do not import it.
    torch = sys.modules.get("torch")
    is_module = torch is not None and issubclass(target, torch.nn.Module)
    return is_module and not issubclass(target, (Method, TorchMethod))
