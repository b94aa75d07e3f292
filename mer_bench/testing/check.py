"""A check, and its result."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum

from mer_bench.errors import MerBenchError, reason_of, shortened
from mer_bench.foreign import foreign_code, origin_of
from mer_bench.testing.contract import ContractError, NotApplicableError, UnusableError
from mer_bench.testing.subject import Subject


class CheckStatus(str, Enum):
    """The outcome of a check."""

    PASSED = "passed"
    """The method keeps this part of its contract."""

    FAILED = "failed"
    """The method breaks this part of its contract; the message says what to fix."""

    SKIPPED = "skipped"
    """The check does not apply, or another one has to pass first; the message says which."""

    __str__ = str.__str__


@dataclass(frozen=True)
class CheckResult:
    """The result of one check of a method; ``message`` is one line, empty where the check passed."""

    check: str
    status: CheckStatus
    message: str = ""


@dataclass(frozen=True)
class Check:
    """One requirement on every method, defined by a function that takes a method.

    Parameters
    ----------
    function : callable
        Raises `ContractError` with what to fix, `NotApplicableError`, or whatever the method raises.
    """

    function: Callable[[Subject], None]

    @property
    def name(self) -> str:
        """The function's name, with hyphens."""
        return self.function.__name__.replace("_", "-")

    @property
    def doc(self) -> str:
        """The requirement in one line."""
        return (self.function.__doc__ or "").partition("\n")[0]


def judge(check: Check, subject: Subject, chosen: Collection[str]) -> tuple[CheckResult, BaseException | None]:
    """Run a check on a method; return its result, and the exception behind a failure.

    A check that cannot give a result because the method fails the subject of another check is skipped, if that other
    check is among the ``chosen`` ones.
    """
    try:
        # A result must not depend on the caller's warning filters.
        with warnings.catch_warnings(), foreign_code(subject.spec.name, check.name, recorded=True):
            warnings.simplefilter("ignore")
            check.function(subject)
    except MerBenchError as failure:
        error = origin_of(failure)
    else:
        return CheckResult(check.name, CheckStatus.PASSED), None
    if isinstance(error, NotApplicableError):
        return CheckResult(check.name, CheckStatus.SKIPPED, str(error)), None
    if isinstance(error, UnusableError) and error.owner != check.name and error.owner in chosen:
        # One failure is reported once: eleven copies of one sentence would hide it.
        return CheckResult(check.name, CheckStatus.SKIPPED, f"fix {error.owner} first"), None
    message = shortened(str(error)) if isinstance(error, (ContractError, UnusableError)) else reason_of(error)
    cause = error.__cause__ if isinstance(error, UnusableError) else None
    return CheckResult(check.name, CheckStatus.FAILED, message), cause or error
