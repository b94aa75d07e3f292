"""Checks of networks that the harness trains: that their logits are logits, and that all of it takes part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mer_bench.evaluation.isolation import isolated
from mer_bench.testing.check import Check
from mer_bench.testing.contract import NotApplicableError, require
from mer_bench.testing.subject import SEED, Subject

if TYPE_CHECKING:
    from torch import Tensor

_SUM_TO_ONE = 1e-4
_WRONG = (3.0, 1.0)
"""From which ratio to the right layout's on a wrong layout's fit is too good, for each wrong one. Of mer-bench's own
networks, .80 and .11 are the largest; of the same networks behind a wrong reshape, 10.9 and 1.3 the smallest (6.7 of
those that do not treat each channel apart)."""
_FIT = 0.003
"""A fit that says something: a network without layout, such as a perceptron, reaches .0005, and .011 is the smallest of
mer-bench's networks behind a wrong reshape."""
_NAMED = 3


@Check
def logits(subject: Subject) -> None:
    """Its network returns logits, to which the harness applies the softmax."""
    _require_network(subject)
    require(
        not _are_probabilities(subject.overfit.logits),
        "the network returns rows of probabilities that sum to 1; return logits, without a softmax at the end: the "
        "harness applies it, and a second one leaves hardly any gradient",
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
    from mer_bench.testing.input_layout import layout_fits

    with isolated(SEED):
        (_, right), *others = layout_fits(subject.overfit.network, inputs).items()
    for (layout, fit), largest in zip(others, _WRONG, strict=True):
        require(
            fit < _FIT or fit < largest * right,
            f"the network combines pixels that are neighbours only if the maps are taken for {layout}; they are (n, "
            "channels, height, width): change the order of axes with permute, never with reshape or view",
        )


def _require_network(subject: Subject) -> None:
    if not subject.spec.trains_by_epoch:
        raise NotApplicableError("the harness trains no network of this method")
    _ = subject.usable


def _are_probabilities(logits: Tensor) -> bool:
    sums = logits.sum(dim=1)
    return bool((logits >= 0).all() and ((sums - 1).abs() < _SUM_TO_ONE).all())
