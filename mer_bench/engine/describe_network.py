"""The size of a network and the cost of a forward pass, measured without data and, if possible, without memory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from mer_bench.errors import MerBenchError, reason_of
from mer_bench.foreign import foreign_code, origin_of
from mer_bench.methods.instances import make_instance
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.methods.training_checks import check_training

if TYPE_CHECKING:
    import torch
    from torch import nn

LARGEST_ON_CPU = 2**30
"""Bytes of weights up to which a network that cannot run without values gets memory for a forward pass."""

_NO_PRODUCTS = re.compile(
    r"(?:^|_)(?:"
    r"norm|pool|softmax|dropout|prelu|rrelu|hardswish|glu|loss"
    r"|sum|mean|var|std|prod|any|all|(?:a|arg|cum)?(?:max|min)|cumsum|cumprod"
    r"|pad|cat|stack|split|view|copy|clone|repeat|roll|flip|nearest|shuffle|unshuffle|im2col|col2im|tri[lu]"
    r"|sort|topk|gather|scatter|index|put|embedding|errors|dense"
    r"|fill|zero|new|like|uniform|normal|bernoulli|random|exponential"
    r")(?:\dd)?(?:_|$)"
)
"""Operations that are not sums of products: normalisation, activation, pooling, reduction, copying, filling.

Torch tags most elementwise operations as ``pointwise``; those are not listed here.
"""


@dataclass(frozen=True)
class NetworkFacts:
    """The size of a network, and the cost of scoring one sample.

    Parameters
    ----------
    parameters : int
    trainable : int
        How many of these are trained.
    flops : int or None
        Of one forward pass of one sample in evaluation mode, 2 per multiply-add, in convolutions, matrix products and
        attention; normalisations, activations, pooling and elementwise operations are not counted. None if the pass
        fails.
    not_counted : str
        Operations that ``flops`` lacks, or why it is None.
    input_shape : tuple of int
        Of one sample, channels first.
    output_shape : tuple of int or None
        Of one sample's logits.
    """

    parameters: int
    trainable: int
    flops: int | None
    not_counted: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...] | None


def measure_network(owner: str, setting: MethodSetting, shape: tuple[int, ...]) -> NetworkFacts:
    """Measure on torch's meta device, where arrays are shapes only, or on the CPU if a network does not run there.

    Parameters
    ----------
    owner : str
        The owner that an error names.
    setting : MethodSetting
    shape : tuple of int
        Of one sample, channels first.

    Raises
    ------
    MerBenchError
        Training settings are refused, as a run refuses them, or the network has lazy modules, and no forward pass
        initialises them.
    Exception
        What ``build_network`` raises on the CPU, after it failed on the meta device.
    """
    import torch

    check_training(owner, setting.params, setting.input_kind)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            with foreign_code(owner, "build_network without memory", recorded=True):
                network = _built(setting, "meta")
        except MerBenchError:
            network = _built(setting, "cpu")
            cost = _cost(network, shape, "cpu")
        else:
            cost = _cost(network, shape, "meta")
            if cost.flops is None:
                network, cost = _with_values(setting, shape, network, cost)
    if any(map(torch.nn.parameter.is_lazy, network.parameters())):
        raise MerBenchError(
            f"{owner}: the sizes of its network's lazy modules are not known: {cost.not_counted}; "
            "fix the pass, or give the modules their sizes"
        )
    # Lazy modules get their sizes from the pass only, so this comes after it.
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in network.parameters()]
    return NetworkFacts(
        parameters=sum(count for count, _ in sizes),
        trainable=sum(count for count, trained in sizes if trained),
        input_shape=shape,
        **vars(cost),
    )


@dataclass(frozen=True)
class _Cost:
    """The part of `NetworkFacts` that a forward pass gives."""

    flops: int | None
    not_counted: str
    output_shape: tuple[int, ...] | None = None


def _built(setting: MethodSetting, device: str) -> nn.Module:
    import torch

    method = make_instance(setting)
    assert isinstance(method, TorchMethod)
    with torch.device(device):
        return method.build_network().to(device).eval()


def _with_values(
    setting: MethodSetting, shape: tuple[int, ...], network: nn.Module, cost: _Cost
) -> tuple[nn.Module, _Cost]:
    """Run a network whose pass failed on the meta device on the CPU, unless its weights are too large for that."""
    import torch

    weights = [each for each in chain(network.parameters(), network.buffers()) if not torch.nn.parameter.is_lazy(each)]
    needed = sum(each.numel() * each.element_size() for each in weights)
    if needed > LARGEST_ON_CPU:
        limit = f"its {needed:,} bytes of weights are above the {LARGEST_ON_CPU:,} that are built to run it with values"
        return network, _Cost(None, f"without values {cost.not_counted}, and {limit}")
    try:
        with foreign_code("the method", "build_network", recorded=True):
            built = _built(setting, "cpu")
    except MerBenchError as error:
        return network, _Cost(None, f"build_network fails with values ({reason_of(origin_of(error))})")
    return built, _cost(built, shape, "cpu")


def _cost(network: nn.Module, shape: tuple[int, ...], device: str) -> _Cost:
    import torch

    try:
        with torch.device(device), foreign_code("the method", "the forward pass", recorded=True):
            return _counted(network, torch.zeros(1, *shape))
    except MerBenchError as error:
        return _Cost(None, f"the forward pass fails ({reason_of(origin_of(error))})")


def _counted(network: nn.Module, inputs: torch.Tensor) -> _Cost:
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import FlopCounterMode

    seen: set[Any] = set()

    class Seeing(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.add(func)
            return func(*args, **(kwargs or {}))

    seeing = Seeing()  # type: ignore[no-untyped-call]
    # Outside the counter, which decomposes operations if it can: what arrives here it has either counted or not.
    # Fused attention lacks a formula on some devices; as plain matrix products it has one everywhere.
    with seeing, sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        outputs = network(inputs)
    silent = {str(func.overloadpacket.__name__) for func in seen if func.overloadpacket not in counter.flop_registry}
    harmless = {str(func.overloadpacket.__name__) for func in seen if _has_no_products(func)}
    logits = outputs[0] if isinstance(outputs, tuple) and outputs else outputs
    output_shape = tuple(logits.shape[1:]) if isinstance(logits, torch.Tensor) else None
    return _Cost(counter.get_total_flops(), ", ".join(sorted(silent - harmless)), output_shape)


def _has_no_products(func: Any) -> bool:
    """Return whether an operation is elementwise, a view, takes no tensor, or is known by its name."""
    tagged = {"pointwise", "inplace_view"} & {tag.name for tag in func.tags}
    made_of_none = not any("Tensor" in str(argument.type) for argument in func._schema.arguments)
    return bool(tagged or func.is_view or made_of_none or _NO_PRODUCTS.search(func.overloadpacket.__name__))
