"""Checks with codes: faults that make a number of a results folder another one than it says, or less sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mer_bench.checks import comparison, completeness, folds, inputs, selection, software, stated
from mer_bench.checks.base import Check, Finding, NotLookedFor, Severity
from mer_bench.checks.material import Material
from mer_bench.errors import unknown

__all__ = ["CHECKS", "Check", "Finding", "Material", "NotLookedFor", "Outcome", "Severity", "check_all", "find_check"]

CHECKS = (
    selection.epoch_on_test_subject,
    folds.subject_in_both,
    stated.averaged_over_folds,
    folds.class_missing,
    comparison.not_better_than_baseline,
    comparison.spread_of_seeds,
    completeness.incomplete,
    software.mixed_versions,
    completeness.other_counts,
    inputs.near_duplicates,
    inputs.other_preset,
    software.unverified,
    software.uncommitted_changes,
    inputs.unnamed_input,
    stated.other_stated_scores,
    completeness.unusable_files,
    folds.unknown_pretraining,
    software.differing_cells,
)
"""Every check, in the order of their codes."""


@dataclass(frozen=True)
class Outcome:
    """What one check says of a results folder.

    Parameters
    ----------
    check : Check
    findings : tuple of Finding
    not_looked_for : tuple of NotLookedFor
    """

    check: Check
    findings: tuple[Finding, ...]
    not_looked_for: tuple[NotLookedFor, ...]


def check_all(material: Material, checks: Sequence[Check] = CHECKS) -> tuple[Outcome, ...]:
    """Return what each check says, in the order of the checks; a finding that two tables share stands once."""
    return tuple(_outcome(each, material) for each in checks)


def find_check(code: str) -> Check:
    """Return a check by its code, in lower or upper case.

    Raises
    ------
    MerBenchError
        There is none.
    """
    checks = {check.code: check for check in CHECKS}
    if code.upper() not in checks:
        raise unknown("check", code, checks)
    return checks[code.upper()]


def _outcome(check: Check, material: Material) -> Outcome:
    said = list(dict.fromkeys(check.look(material)))
    return Outcome(
        check,
        tuple(each for each in said if isinstance(each, Finding)),
        tuple(each for each in said if isinstance(each, NotLookedFor)),
    )
