"""What a check is, and how it ends."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum

from mer_bench.errors import MerBenchError, reason_of
from mer_bench.foreign import foreign_code, origin_of
from mer_bench.testing.contract import ContractError, NotApplicableError, UnusableError
from mer_bench.testing.subject import Subject


class CheckStatus(str, Enum):
    """How a check ended."""

    PASSED = "passed"
    """The method keeps this part of its contract."""

    FAILED = "failed"
    """It does not; the message says what to fix."""

    SKIPPED = "skipped"
    """Nothing can be said; the message says why."""

    __str__ = str.__str__


@dataclass(frozen=True)
class CheckResult:
    """How one check of a method ended, with the reason in one line; the message is empty where it passed."""

    check: str
    status: CheckStatus
    message: str = ""


@dataclass(frozen=True)
class Check:
    """One thing that a method must do, made of a function that looks at a method.

    Parameters
    ----------
    function : callable
        Raises `ContractError` with what to fix, `NotApplicableError`, or whatever the method raises.
    """

    function: Callable[[Subject], None]

    @property
    def name(self) -> str:
        """Lower case with hyphens."""
        return self.function.__name__.replace("_", "-")

    @property
    def doc(self) -> str:
        """It, in a line."""
        return (self.function.__doc__ or "").partition("\n")[0]


def judge(check: Check, subject: Subject, chosen: Collection[str]) -> tuple[CheckResult, BaseException | None]:
    """Let a check look at a method; return how it ended, and the exception behind a failure.

    Of the checks that are ``chosen``, one that cannot say anything because of what another is about leaves the failure
    to that one.
    """
    try:
        # Warnings are the plugin's own matter: a check must not depend on the caller's filter.
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
        # It is the failure of one check, and of no other: eleven copies of one sentence would hide it.
        return CheckResult(check.name, CheckStatus.SKIPPED, f"fix {error.owner} first"), None
    message = str(error) if isinstance(error, (ContractError, UnusableError)) else reason_of(error)
    cause = error.__cause__ if isinstance(error, UnusableError) else None
    return CheckResult(check.name, CheckStatus.FAILED, message), cause or error
