"""Every built-in method keeps its contract."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mer_bench.plugin_manager import load_catalogue
from mer_bench.testing import CheckStatus, check_methods, conformance

CATALOGUE = load_catalogue()
BUILT_IN = [name for name in CATALOGUE.methods if CATALOGUE.owners["method", name] == "mer-bench"]
SHARED = "worker-processes"
"""Done for all methods at once: its workers import torch."""

CASES = [
    pytest.param(*case.values, id=f"{name}-{case.id}")
    for name in BUILT_IN
    for case in conformance(name).mark.args[1]
    if case.id != SHARED
]


@pytest.mark.parametrize("check", CASES)
def test_a_built_in_method_conforms(check: Callable[[], None]) -> None:
    check()


def test_folds_side_by_side_give_what_they_give_one_by_one() -> None:
    specs = [CATALOGUE.methods[name] for name in BUILT_IN]
    checked = {spec.name: results for spec, results in check_methods(specs, only=[SHARED])}

    assert {"ahmsa", "majority", "svm-flow"} <= set(checked)
    assert {name: [r for r in results if r.status is not CheckStatus.PASSED] for name, results in checked.items()} == {
        name: [] for name in BUILT_IN
    }
