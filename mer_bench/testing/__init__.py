"""The conformance kit: checks of whether a method keeps its contract with the harness.

In a plugin's own tests::

    from mer_bench.testing import conformance

    @conformance("mynet")
    def test_mynet_conforms(check):
        check()

`make_method` makes an instance for your own tests. `check_method` returns the results as objects, and ``mer-bench check
mynet`` prints them. Importing this module imports neither torch nor pytest.
"""

from __future__ import annotations

from mer_bench.testing.check import Check, CheckResult, CheckStatus
from mer_bench.testing.kit import CHECKS, check_method, check_methods, conformance, make_method

__all__ = [
    "CHECKS",
    "Check",
    "CheckResult",
    "CheckStatus",
    "check_method",
    "check_methods",
    "conformance",
    "make_method",
]
