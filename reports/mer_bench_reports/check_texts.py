"""What the checks say, as texts and as JSON, without folders: the same in every report and on the command line."""

from __future__ import annotations

from collections.abc import Sequence

from mer_bench.checks import Check, Finding, NotLookedFor, Outcome
from mer_bench.checks.base import listed
from mer_bench_reports.provenance import without_folders


def heading(outcome: Outcome) -> str:
    """Return the code of a check, how bad it is, and what it found: ``MER007 warning: incomplete``."""
    return f"{outcome.check.code} {outcome.check.severity}: {outcome.check.title}"


def finding_text(finding: Finding) -> str:
    """Return where a check found something, and what."""
    return without_folders(f"{listed(finding.where)}: {finding.sentence}")


def unknown_text(check: Check, each: NotLookedFor) -> str:
    """Return where a check could not look, and why."""
    return without_folders(f"{check.code} in {listed(each.where)}: {each.why}")


def check_object(check: Check) -> dict[str, object]:
    """Return a check as JSON has it."""
    return {
        "code": check.code,
        "title": check.title,
        "severity": str(check.severity),
        "meaning": check.meaning,
        "looks_at": check.looks_at,
        "cure": check.cure,
    }


def outcomes_object(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Return what checks say as JSON has it: the checks, their findings, and what they could not look for."""
    return {
        "checks": [check_object(outcome.check) for outcome in outcomes],
        "findings": [
            {
                "code": outcome.check.code,
                "severity": str(outcome.check.severity),
                "where": [*map(without_folders, finding.where)],
                "sentence": without_folders(finding.sentence),
            }
            for outcome in outcomes
            for finding in outcome.findings
        ],
        "not_looked_for": [
            {
                "code": outcome.check.code,
                "where": [*map(without_folders, each.where)],
                "why": without_folders(each.why),
            }
            for outcome in outcomes
            for each in outcome.not_looked_for
        ],
    }
