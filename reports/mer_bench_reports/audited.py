"""The audit of published rows: whether their scores are possible with the class counts that they are of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from mer_bench.audit.cases import Audit, Judged, audit, slice_counts, whole_and_members
from mer_bench.audit.explanation import Explanation
from mer_bench.audit.printed import Printed, read_printed, with_common_decimals
from mer_bench.audit.slices import Part
from mer_bench.audit.texts import audit_object, four, nearest_whole, range_text
from mer_bench.protocol import Protocol
from mer_bench_reports.published import PublishedRow

HEADINGS = ("source", "method", "slice", "UF1", "UAR", "verdict", "nearest possible", "it would be possible if")
NOT_JUDGED = "not judged: the class counts of its samples are not known"
TOGETHER = "together"


@dataclass(frozen=True)
class AuditedRow:
    """A published row and its audit; None where the class counts behind its scores are not known."""

    row: PublishedRow
    audit: Audit | None


def audit_published(rows: Iterable[PublishedRow], protocols: Mapping[str, Protocol]) -> list[AuditedRow]:
    """Audit published rows, each by the class counts of its protocol unless it states its own."""
    return [AuditedRow(row, _audit(row, protocols[row.protocol])) for row in rows]


def _audit(row: PublishedRow, protocol: Protocol) -> Audit | None:
    if row.other_samples and not row.counts:
        return None
    numbers = printed_scores(row)
    parts = {name: Part(row.counts.get(name) or slice_counts(protocol, name), *numbers[name]) for name in row.slices}
    return audit(parts, *whole_and_members(protocol), missing=row.missing)


def printed_scores(row: PublishedRow) -> dict[str, tuple[Printed, Printed]]:
    """Return a row's scores as printed.

    TOML numbers have lost their trailing zeros, so all scores of a row have the decimals of the longest one.
    """
    flat = with_common_decimals([read_printed(repr(score)) for score in chain(*row.slices.values())])
    shown = [Printed(f"{float(n.value):.{n.decimals}f}", n.value, n.decimals) for n in flat]
    return {name: (shown[2 * i], shown[2 * i + 1]) for i, name in enumerate(row.slices)}


def verdict_sentence(audited: AuditedRow) -> str:
    """Return what an audit has found, for a note below a table; empty if all is possible."""
    if audited.audit is None:
        return ""
    parts = [_pair_text(pair) for pair in audited.audit.pairs if pair.verdict.kind != "possible"]
    joint = audited.audit.joint
    if joint is not None and joint.kind != "possible":
        parts.append(f"its slices together: {joint.kind}{nearest_whole(joint)}")
    return f"Audit by class counts: {'; '.join(parts)}." if parts else ""


def _pair_text(pair: Judged) -> str:
    text = f"{pair.name}: {pair.verdict.kind}"
    if pair.explanation is None:
        return text
    allowed = range_text(pair.explanation)
    return f"{text} (nearest {_nearest(pair.explanation)}{f'; with this UAR, {allowed}' if allowed else ''})"


def table_cells(audited: AuditedRow) -> Iterator[Sequence[str]]:
    """Return the lines of a row in the table of verdicts: one for each slice, and one for all together."""
    start = (audited.row.source, audited.row.title)
    if audited.audit is None:
        for name, (uf1, uar) in printed_scores(audited.row).items():
            yield (*start, name, uf1.text, uar.text, NOT_JUDGED, "", "")
        return
    for pair in audited.audit.pairs:
        near, reasons = "", ""
        if pair.explanation is not None:
            near = _nearest(pair.explanation)
            texts = [reason.text for reason in pair.explanation.reasons]
            reasons = "; or ".join(texts) or "none of the tested reasons"
        yield (*start, pair.name, pair.part.uf1.text, pair.part.uar.text, pair.verdict.kind, near, reasons)
    if audited.audit.joint is not None:
        joint = audited.audit.joint
        near = "" if joint.nearest is None else f"{joint.nearest[0]:.4f}/{joint.nearest[1]:.4f}"
        yield (*start, TOGETHER, "", "", joint.kind, near, "")


def _nearest(explanation: Explanation) -> str:
    scores = explanation.nearest.scores
    return "" if scores is None else f"{four(scores[0])}/{four(scores[1])}"


def summary(rows: Sequence[AuditedRow]) -> str:
    """Return how many pairs have which verdict."""
    pairs = [pair for row in rows if row.audit is not None for pair in row.audit.pairs]
    kinds: dict[str, int] = {}
    for pair in pairs:
        kinds[pair.verdict.kind] = kinds.get(pair.verdict.kind, 0) + 1
    unjudged = sum(len(row.row.slices) for row in rows if row.audit is None)
    joints = [row.audit.joint for row in rows if row.audit is not None and row.audit.joint is not None]
    apart = sum(1 for joint in joints if joint.kind == "impossible")
    counted = ", ".join(f"{n} {kind}" for kind, n in kinds.items())
    return (
        f"{len(pairs) + unjudged} pairs of {len(rows)} rows: {counted}, {unjudged} not judged. Of {len(joints)} rows "
        f"whose pairs are all possible alone, {apart} are impossible together."
    )


def audited_object(audited: AuditedRow) -> dict[str, object]:
    """Return an audited row for JSON."""
    row = audited.row
    found = None if audited.audit is None else audit_object(audited.audit)
    return {"source": row.source, "title": row.title, "protocol": row.protocol, "audit": found}
