"""Which of a spec's parameters a network gets."""

from __future__ import annotations

import torch
from support.method_instances import BUILT_IN
from torch import nn

from mer_bench import MethodSpec, Parameter, Representation, training_parameters
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.torch_method import NetworkMethod
from mer_bench.testing import make_method

SPEC = MethodSpec(
    "mine",
    "1",
    "Mine",
    "mine:Mine",
    Representation("region-flow", parameters=("layout", "scale", "side")),
    "deep",
    (
        Parameter("layout", "htnet", "tiles"),
        Parameter("scale", "per-map", "scale"),
        Parameter("side", 42, "pixels"),
        Parameter("units", 7, "hidden"),
        *training_parameters(),
    ),
    trains_by_epoch=True,
)


class Plain(nn.Module):
    def __init__(self, n_classes: int, *, units: int) -> None:
        super().__init__()
        self.given = (n_classes, units)


class Shaped(nn.Module):
    def __init__(self, n_classes: int, *, side: int, units: int) -> None:
        super().__init__()
        self.given = (n_classes, side, units)


class Collecting(nn.Module):
    def __init__(self, n_classes: int, **rest: object) -> None:
        super().__init__()
        self.given = (n_classes, *rest)


def given(network: type[nn.Module]) -> object:
    """Return what the harness gives to the constructor of a spec's target."""
    return NetworkMethod(MethodSetting(SPEC, SPEC.resolve(None, {}), 5), network).build_network().given


def test_a_network_gets_a_parameter_of_the_representation_if_its_constructor_names_it() -> None:
    assert given(Plain) == (5, 7)
    assert given(Shaped) == (5, 42, 7)
    assert given(Collecting) == (5, "units")


def test_ahmsa_is_built_for_the_side_of_its_maps() -> None:
    """And not for its layout and scale, which its constructor would refuse."""
    settings = {"side": 36, "patch": 4, "factor": 3, "width": 12, "blocks": (1, 1, 1), "layout": "whole-face"}
    network = make_method(BUILT_IN["ahmsa"], **settings).build_network()

    assert network(torch.zeros(2, 3, 36, 36)).shape == (2, 3)
