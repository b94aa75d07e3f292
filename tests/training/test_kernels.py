"""The replacements give what torch's functions give, gradients included, and leave alone what they do not cover."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.overrides import TorchFunctionMode

from mer_bench.training import kernels
from mer_bench.training.kernels import CPU_KERNELS

ONEDNN = pytest.mark.skipif(not kernels.available(), reason="this torch is built without oneDNN")


class Kernels(TorchFunctionMode):
    """Calls each function's replacement, and counts how often oneDNN was asked for a product."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return CPU_KERNELS.get(func, func)(*args, **(kwargs or {}))


@pytest.fixture
def products(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of what oneDNN has multiplied."""
    shapes: list[tuple[int, ...]] = []
    own = kernels._product

    def counted(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        shapes.append((*x.shape, len(weight)))
        return own(x, weight, bias)

    monkeypatch.setattr(kernels, "_product", counted)
    return shapes


def gradients(x: Tensor, weight: Tensor, bias: Tensor | None) -> list[Tensor]:
    """Return the output and the gradients of a loss in which no two outputs count the same."""
    leaves = [x, weight] + ([] if bias is None else [bias])
    output = F.linear(x, weight, bias)
    loss = (output * torch.linspace(-1, 2, output.numel()).reshape(output.shape)).sum()
    return [output.detach(), *torch.autograd.grad(loss, [leaf for leaf in leaves if leaf.requires_grad])]


@ONEDNN
@pytest.mark.usefixtures("reproducible")
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize(
    ("shape", "outputs"), [((5, 7, 33), 12), ((65, 4), 130), ((3, 2, 2, 19), 1), ((17,), 3), ((1, 6), 2)]
)
def test_linear_layers_and_their_gradients_are_torchs(
    shape: tuple[int, ...], outputs: int, with_bias: bool, products: list[tuple[int, ...]]
) -> None:
    x, weight = torch.randn(shape, requires_grad=True), torch.randn(outputs, shape[-1], requires_grad=True)
    bias = torch.randn(outputs, requires_grad=True) if with_bias else None
    expected = gradients(x, weight, bias)
    assert not products
    with Kernels():
        results = gradients(x, weight, bias)

    assert len(products) == 3
    assert len(results) == 3 + with_bias
    for result, other in zip(results, expected, strict=True):
        assert result.is_contiguous()
        torch.testing.assert_close(result, other, rtol=1e-4, atol=1e-4)


@ONEDNN
@pytest.mark.usefixtures("reproducible")
def test_any_strides_are_right() -> None:
    x = torch.randn(33, 5, 7).permute(1, 2, 0).requires_grad_()
    weight = torch.randn(33, 12).t().requires_grad_()
    bias = torch.randn(12, 3)[:, 1].requires_grad_()
    expanded, cut = torch.randn(4, 1, 33).expand(4, 6, 33), torch.randn(9, 40)[:, 3:36].requires_grad_()

    def results() -> list[Tensor]:
        # The gradient of a sum has strides of 0.
        (of_sum,) = torch.autograd.grad(F.linear(cut, weight).sum(), weight)
        return [*gradients(x, weight, bias), *gradients(expanded, weight, None), *gradients(cut, weight, bias), of_sum]

    with Kernels():
        replaced = results()
    for result, other in zip(replaced, results(), strict=True):
        torch.testing.assert_close(result, other, rtol=1e-4, atol=1e-4)


@ONEDNN
@pytest.mark.usefixtures("reproducible")
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("with_bias", [True, False])
def test_a_convolution_of_2x2_maps_is_torchs(
    with_bias: bool, memory_format: torch.memory_format, products: list[tuple[int, ...]]
) -> None:
    maps = torch.randn(33, 5, 2, 2).to(memory_format=memory_format).requires_grad_()
    convolution = torch.nn.Conv2d(5, 7, 3, padding=1, bias=with_bias)
    factors = torch.linspace(-1, 2, 33 * 7 * 4).reshape(33, 7, 2, 2)

    def results() -> list[Tensor]:
        output = convolution(maps)
        by_name = F.conv2d(input=maps, weight=convolution.weight, bias=convolution.bias, padding=(1, 1))
        assert torch.equal(output, by_name)
        return [output.detach(), *torch.autograd.grad((output * factors).sum(), [maps, *convolution.parameters()])]

    expected = results()
    assert not products
    with Kernels():
        replaced = results()

    assert products[0] == (33, 20, 28)
    for result, other in zip(replaced, expected, strict=True):
        torch.testing.assert_close(result, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ((33, 4, 2, 3), {}),
        ((33, 4, 2, 2), {"stride": 2}),
        ((33, 4, 2, 2), {"padding": (1, 2)}),
        ((33, 4, 2, 2), {"padding": "same", "stride": 1}),
        ((33, 4, 2, 2), {"dilation": 2, "padding": 2}),
        ((33, 4, 2, 2), {"groups": 2}),
        ((33, 4, 2, 2), {"kernel_size": 1}),
        ((33, 4, 2, 2), {"kernel_size": (3, 1)}),
        ((3, 4, 2, 2), {}),
        ((4, 2, 2), {}),
    ],
)
def test_other_convolutions_are_left_to_torch(
    shape: tuple[int, ...], settings: dict[str, Any], products: list[tuple[int, ...]]
) -> None:
    maps, convolution = torch.randn(shape), torch.nn.Conv2d(4, 6, **{"kernel_size": 3, "padding": 1, **settings})
    with Kernels():
        result = convolution(maps)

    assert torch.equal(result, convolution(maps))
    assert not products


@ONEDNN
@pytest.mark.usefixtures("reproducible")
def test_second_derivatives_are_torchs() -> None:
    x, weight = torch.randn(7, 5, requires_grad=True), torch.randn(3, 5, requires_grad=True)

    def penalty() -> tuple[Tensor, ...]:
        (slope,) = torch.autograd.grad(F.linear(x, weight).pow(3).sum(), x, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), [x, weight])

    with Kernels():
        replaced = penalty()
    for result, other in zip(replaced, penalty(), strict=True):
        torch.testing.assert_close(result, other, rtol=1e-4, atol=1e-3)


@ONEDNN
def test_only_the_gradients_that_are_wanted_are_computed(products: list[tuple[int, ...]]) -> None:
    x, weight = torch.randn(9, 4), torch.randn(3, 4)
    with Kernels():
        F.linear(x, weight.requires_grad_()).sum().backward()
        assert products == [(9, 4, 3), (3, 9, 4)]
        F.linear(x.requires_grad_(), weight.detach()).sum().backward()

    assert products[2:] == [(9, 4, 3), (9, 3, 4)]


@ONEDNN
@pytest.mark.usefixtures("reproducible")
def test_results_do_not_depend_on_the_place_in_memory_or_on_earlier_calls() -> None:
    store, weight = torch.randn(65 * 37 + 16), torch.randn(50, 37, requires_grad=True)
    results = []
    for offset in (0, 1, 3, 8, 0):
        x = torch.empty(65 * 37 + 16)[offset : offset + 65 * 37].reshape(65, 37)
        x.copy_(store[: 65 * 37].reshape(65, 37)).requires_grad_()
        with Kernels():
            results.append(gradients(x, weight, None))
            F.linear(torch.randn(offset + 2, 37), weight)

    assert all(torch.equal(*pair) for other in results[1:] for pair in zip(results[0], other, strict=True))


@pytest.mark.parametrize(
    ("x", "weight"),
    [
        (torch.ones(2, 3, dtype=torch.float64), torch.ones(4, 3, dtype=torch.float64)),
        (torch.ones(2, 3, dtype=torch.bfloat16), torch.ones(4, 3, dtype=torch.bfloat16)),
        (torch.ones(0, 3), torch.ones(4, 3)),
        (torch.ones(2, 3), torch.ones(3)),
        (torch.ones(2, 3, device="meta"), torch.ones(4, 3, device="meta")),
    ],
    ids=["float64", "bfloat16", "empty", "vector", "meta"],
)
def test_what_onednn_does_not_cover_is_left_to_torch(
    x: Tensor, weight: Tensor, products: list[tuple[int, ...]]
) -> None:
    with Kernels():
        result = F.linear(x, weight)

    expected = F.linear(x, weight)
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    assert result.device.type == "meta" or torch.equal(result, expected)
    assert not products


def test_autocast_still_casts(products: list[tuple[int, ...]]) -> None:
    x, weight = torch.randn(6, 5), torch.randn(4, 5, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        expected = F.linear(x, weight)
        with Kernels():
            result = F.linear(x, weight)
    result.float().sum().backward()

    assert result.dtype == torch.bfloat16
    assert torch.equal(result, expected)
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32
    assert not products


def test_a_stack_of_weights_under_vmap_is_left_to_torch(products: list[tuple[int, ...]]) -> None:
    x, weight = torch.randn(2, 6, 5), torch.randn(2, 4, 5)
    with Kernels():
        result = torch.func.vmap(F.linear)(x, weight)

    torch.testing.assert_close(result, x @ weight.transpose(1, 2))
    assert not products


def test_a_torch_without_onednn_computes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_ONEDNN", None)
    x, weight = torch.randn(6, 5), torch.randn(4, 5)
    with Kernels():
        result = F.linear(x, weight)

    assert torch.equal(result, F.linear(x, weight))


def test_wrong_shapes_are_refused_in_torchs_words() -> None:
    x, weight = torch.randn(2, 3), torch.randn(4, 5)
    with pytest.raises(RuntimeError) as usual:
        F.linear(x, weight)
    with Kernels(), pytest.raises(RuntimeError) as replaced:
        F.linear(x, weight)

    assert str(replaced.value) == str(usual.value)
