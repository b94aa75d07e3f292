"""Every built-in method keeps its contract."""

from __future__ import annotations

import pytest
from support.method_instances import BUILT_IN

from mer_bench.testing import CHECKS, CheckStatus, check_methods

SMALL = {"width": 24, "hidden": 16, "ahmsa.blocks": (1, 1, 1)}
"""Smaller networks than those of the quick presets: the contract is the same for any size."""
# Starting the workers, which import torch, takes as long as all other checks.
APART = {"worker-processes", "nothing-kept"}
OF_NETWORKS = {"logits", "gradients", "input-layout"}


@pytest.mark.parametrize("only", [{check.name for check in CHECKS} - APART, APART], ids=["in-process", "in-workers"])
def test_every_built_in_method_passes_the_kit(only: set[str]) -> None:
    """One session for all methods, so that the workers start once."""
    checked = {spec.name: results for spec, results in check_methods([*BUILT_IN.values()], params=SMALL, only=only)}
    not_passed = {
        (name, result.check): result.message
        for name, results in checked.items()
        for result in results
        if result.status is not CheckStatus.PASSED
    }

    need_not_learn = {(name, "learns") for name, spec in BUILT_IN.items() if spec.family == "baseline"}
    no_network = {(name, check) for name, spec in BUILT_IN.items() if not spec.trains_by_epoch for check in OF_NETWORKS}
    assert {len(results) for results in checked.values()} == {len(only)}
    assert set(not_passed) == ({*need_not_learn, *no_network} if "learns" in only else set()), not_passed
