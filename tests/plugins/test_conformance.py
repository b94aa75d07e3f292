"""Every built-in method keeps its contract."""

from __future__ import annotations

import pytest
from support.method_instances import BUILT_IN

from mer_bench.specs import MethodSpec
from mer_bench.testing import CHECKS, CheckStatus, check_method

# All checks of all methods take a third as long as all other tests.
pytestmark = pytest.mark.plugin_env

SMALL = {"width": 24, "hidden": 16, "ahmsa.blocks": (1, 1, 1), "svm-flow.tuning": "fixed"}
"""Smaller networks than those of the quick presets: the contract is the same for any size."""
OF_NETWORKS = {"logits", "gradients", "input-layout"}


def small(spec: MethodSpec) -> dict[str, object]:
    """Return those of the values of `SMALL` that a method takes."""
    own = {name for parameter in spec.parameters for name in (parameter.name, f"{spec.name}.{parameter.name}")}
    return {name: value for name, value in SMALL.items() if name in own}


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_method_passes_the_kit(name: str) -> None:
    spec = BUILT_IN[name]
    results = check_method(spec, params=small(spec))
    not_passed = {result.check: result.message for result in results if result.status is not CheckStatus.PASSED}

    need_not_learn = {"learns"} if spec.family == "baseline" else set()
    assert len(results) == len(CHECKS)
    assert set(not_passed) == need_not_learn | (set() if spec.trains_by_epoch else OF_NETWORKS), not_passed
