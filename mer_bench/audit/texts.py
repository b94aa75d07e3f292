"""Verdicts as sentences and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from mer_bench.audit.cases import Audit, Judged
from mer_bench.audit.explanation import Explanation
from mer_bench.audit.matrices import Matrix
from mer_bench.audit.rates import FITS, RatesVerdict
from mer_bench.audit.reasons import listed
from mer_bench.audit.search import Found
from mer_bench.audit.slices import Joint
from mer_bench.audit.verdict import KINDS

JOINT_TEXTS = {
    "possible": "all pairs are possible together: their confusion matrices can add up to those of the whole",
    "possible if truncated": "all pairs are possible together only if some scores were truncated",
    "impossible": "the pairs are impossible together: each is possible alone, but no confusion matrices of the "
    "databases add up to one with the scores of the whole",
    "undecided": "whether the pairs are possible together is undecided: the search ended too early",
}
NO_REASON = "none of the tested reasons makes the pair possible"


def pair_lines(judged: Judged) -> Iterator[str]:
    """Return a verdict, and what explains it, as lines."""
    part, verdict = judged.part, judged.verdict
    counts = f"counts {listed(part.counts)} ({sum(part.counts)} samples)"
    yield f"{judged.name + ': ' if judged.name else ''}UF1 {part.uf1.text}, UAR {part.uar.text}, {counts}"
    ways = ""
    if verdict.ways is not None and verdict.kind == "possible if truncated":
        ways = f" (UF1 {verdict.ways[0]}, UAR {verdict.ways[1]})"
    yield f"  {verdict.kind}{ways}: {KINDS[verdict.kind]}"
    if verdict.found.matrix is not None:
        yield f"  for example {matrix_text(verdict.found.matrix)} (rows = truth): {found_text(verdict.found)}"
    if judged.explanation is not None:
        yield from (f"  {line}" for line in explanation_lines(judged.explanation))


def explanation_lines(explanation: Explanation) -> Iterator[str]:
    """Return what is possible instead of an impossible pair, and the reasons, as lines."""
    yield f"nearest possible pair: {found_text(explanation.nearest)}"
    allowed = range_text(explanation)
    yield f"with this UAR: {found_text(explanation.same_uar)}{f'; {allowed}' if allowed else ''}"
    yield f"with this UF1: {found_text(explanation.same_uf1)}"
    if explanation.no_mean:
        yield "no mean of any number of runs gives this pair"
    for reason in explanation.reasons:
        yield f"it would be possible if: {reason.text}"
    if not explanation.reasons:
        yield NO_REASON


def range_text(explanation: Explanation) -> str:
    """Return which UF1 the printed UAR allows; empty if no UAR is printed so."""
    low, high = explanation.uf1_range
    if low.scores is None or high.scores is None:
        return ""
    return f"UF1 is between {four(low.scores[0])} and {four(high.scores[0])}"


def found_text(found: Found) -> str:
    """Return the scores of a matrix that was found."""
    if found.scores is None:
        return "none" if found.complete else "not found in the time given"
    doubt = "" if found.complete else " (nearer ones were not all looked for)"
    return f"UF1 {four(found.scores[0], 6)}, UAR {four(found.scores[1], 6)}{doubt}"


def four(score: Fraction, decimals: int = 4) -> str:
    """Return a score with so many decimals."""
    return f"{float(score):.{decimals}f}"


def matrix_text(matrix: Matrix) -> str:
    """Return a matrix on one line, as `mer-bench score` prints it."""
    return " ".join(str(list(row)) for row in matrix)


def joint_line(joint: Joint) -> str:
    """Return the verdict on all pairs together."""
    example = "; for example " + "; ".join(map(matrix_text, joint.matrices)) if joint.matrices else ""
    return f"together: {JOINT_TEXTS[joint.kind]}{example}{nearest_whole(joint)}"


def nearest_whole(joint: Joint) -> str:
    """Return which scores of the whole the databases allow at best; empty if that is not known."""
    if joint.nearest is None:
        return ""
    uf1, uar = joint.nearest
    return f"; the nearest that they add up to is UF1 {uf1:.4f}, UAR {uar:.4f}"


def rates_line(verdict: RatesVerdict, *, in_percent: bool) -> str:
    """Return what a paper's rates say about its scores."""
    read = " (read as percent)" if in_percent else ""
    turned = " if its columns are the truth" if verdict.transposed else ""
    ranges = ""
    if verdict.uf1 is not None and verdict.uar is not None:
        low, high = ("{:.6f} to {:.6f}".format(*ends) for ends in (verdict.uf1, verdict.uar))
        ranges = f"; they give UF1 {low}, UAR {high}"
    return f"rates{read}{turned}: {verdict.fit}: {FITS[verdict.fit]}{ranges}"


def rates_object(verdict: RatesVerdict) -> dict[str, object]:
    """Return a verdict on rates for JSON."""
    return {"verdict": verdict.fit, "transposed": verdict.transposed, "uf1": verdict.uf1, "uar": verdict.uar}


def audit_object(audit: Audit) -> dict[str, object]:
    """Return an audit for JSON."""
    return {
        "impossible": audit.is_impossible,
        "pairs": [_pair_object(pair) for pair in audit.pairs],
        "together": None if audit.joint is None else _joint_object(audit.joint),
    }


def _joint_object(joint: Joint) -> dict[str, object]:
    return {"verdict": joint.kind, "matrices": joint.matrices, "nearest": joint.nearest}


def _pair_object(judged: Judged) -> dict[str, object]:
    part, verdict = judged.part, judged.verdict
    return {
        "slice": judged.name or None,
        "counts": part.counts,
        "uf1": part.uf1.text,
        "uar": part.uar.text,
        "decimals": [part.uf1.decimals, part.uar.decimals],
        "verdict": verdict.kind,
        "ways": verdict.ways,
        "found": _found_object(verdict.found),
        "explanation": None if judged.explanation is None else _explanation_object(judged.explanation),
    }


def _explanation_object(explanation: Explanation) -> dict[str, object]:
    return {
        "nearest": _found_object(explanation.nearest),
        "same_uf1": _found_object(explanation.same_uf1),
        "same_uar": _found_object(explanation.same_uar),
        "uf1_range": [_found_object(end) for end in explanation.uf1_range],
        "no_mean_of_runs": explanation.no_mean,
        "reasons": [{"name": reason.name, "text": reason.text} for reason in explanation.reasons],
    }


def _found_object(found: Found) -> dict[str, object]:
    uf1, uar = (None, None) if found.scores is None else map(float, found.scores)
    return {"matrix": found.matrix, "uf1": uf1, "uar": uar, "complete": found.complete}
