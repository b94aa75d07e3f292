"""Every built-in method keeps its contract."""

from __future__ import annotations

from support.method_instances import BUILT_IN

from mer_bench.testing import CHECKS, CheckStatus, check_methods

SMALL = {"width": 24, "hidden": 16, "ahmsa.blocks": (1, 1, 1)}
"""Smaller networks than those of the quick presets: the contract is the same for any size."""


def test_every_built_in_method_passes_the_kit() -> None:
    """One session for all methods, whose two workers then import torch once."""
    checked = {spec.name: results for spec, results in check_methods(list(BUILT_IN.values()), params=SMALL)}

    not_passed = {
        (name, result.check): result.message
        for name, results in checked.items()
        for result in results
        if result.status is not CheckStatus.PASSED
    }
    assert {len(results) for results in checked.values()} == {len(CHECKS)}
    # A baseline need not learn, and a network cannot be expected to in the two epochs of a check.
    assert set(not_passed) == {(name, "learns") for name, spec in BUILT_IN.items() if spec.family != "handcrafted"}, (
        not_passed
    )
