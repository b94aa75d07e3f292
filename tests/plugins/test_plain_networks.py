"""The networks compute what their plain forms do, which have the layers as published and which benchmarks train."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from plain_networks import plain_network
from support.method_instances import BUILT_IN
from torch import Tensor

from mer_bench.testing import make_method

pytestmark = pytest.mark.usefixtures("reproducible")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ahmsa", {"width": 48}),
        ("ahmsa", {"width": 48, "side": 36, "patch": 4, "factor": 3, "blocks": (1, 1, 2)}),
        (
            "ahmsa",
            {
                **{"width": 24, "residual": False, "attention_scale": "embedding", "level_heads": "doubled"},
                **{"head_hidden": 5, "reduction": 5, "blocks": (1, 2, 1)},
            },
        ),
        ("htnet", {"width": 16}),
        ("htnet", {"width": 16, "attention": "intended", "heads": 2, "blocks": (1, 1, 2)}),
        ("rcn-a", {"dropout": 0.0}),
        ("ststnet", {"dropout": 0.0}),
        ("ststnet", {"dropout": 0.0, "padding": "port", "streams": (2, 7), "batch_norm": False}),
    ],
)
def test_a_network_computes_what_its_plain_form_does_from_the_same_seed(name: str, settings: dict[str, Any]) -> None:
    method = make_method(BUILT_IN[name], **settings)
    maps = torch.randn(3, 3, settings.get("side", 28), settings.get("side", 28))
    results: list[tuple[Tensor, Tensor]] = []
    for build in (method.build_network, lambda: plain_network(method)):
        torch.manual_seed(5)
        network = build().train()
        given = maps.clone().requires_grad_()
        logits = network(given)
        (logits * torch.arange(9.0).reshape(3, 3)).sum().backward()
        results.append((logits.detach(), given.grad))

    (own, own_gradient), (plain, plain_gradient) = results
    torch.testing.assert_close(own, plain, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(own_gradient, plain_gradient, rtol=1e-3, atol=1e-5 * plain_gradient.abs().max().item())
