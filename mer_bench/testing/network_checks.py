"""Checks of networks that the harness trains: that their logits are logits, and that all of it takes part."""

from __future__ import annotations

from mer_bench.isolation import isolated
from mer_bench.testing.check import Check
from mer_bench.testing.contract import NotApplicableError, require
from mer_bench.testing.subject import SEED, Subject

_NAMED = 3


@Check
def logits(subject: Subject) -> None:
    """Its network returns logits, to which the harness applies the softmax."""
    _require_network(subject)
    require(
        subject.overfit.lowest < 0,
        "the network's outputs are never negative, for no training sample and after no epoch; return logits, without a "
        "softmax, sigmoid or ReLU at the end: the harness applies a softmax, and what comes before it takes away its "
        "gradient or bounds what it can say",
    )


@Check
def gradients(subject: Subject) -> None:
    """Each parameter of its network gets a gradient, unless it has requires_grad=False."""
    _require_network(subject)
    silent = sorted(subject.overfit.silent)
    more = f" and {len(silent) - _NAMED} more" if len(silent) > _NAMED else ""
    require(
        not silent,
        f"no gradient ever reaches {', '.join(silent[:_NAMED])}{more}; let the logits depend on it, or, if it is not "
        "meant to learn, call requires_grad_(False) on it",
    )


@Check
def input_layout(subject: Subject) -> None:
    """Its network combines pixels that are neighbours in the maps, not ones that a wrong reshape made neighbours."""
    _require_network(subject)
    inputs = subject.overfit.inputs
    if inputs.ndim != 4:
        raise NotApplicableError("this is checked for maps only, not for frames")
    from mer_bench.testing.input_layout import misread_as

    with isolated(SEED):
        layout = misread_as(subject.overfit.network, inputs)
    require(
        layout is None,
        f"the network combines pixels that are neighbours only if the maps are taken for {layout}; they are (n, "
        "channels, height, width): change the order of axes with permute, never with reshape or view",
    )


def _require_network(subject: Subject) -> None:
    if not subject.spec.trains_by_epoch:
        raise NotApplicableError("the harness trains no network of this method")
    _ = subject.usable
