"""An audit: printed pairs of slices, each judged alone, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from mer_bench.audit.explanation import Explanation, explain
from mer_bench.audit.slices import Joint, Part, judge_together
from mer_bench.audit.verdict import Kind, Verdict, judge
from mer_bench.errors import MerBenchError, unknown
from mer_bench.protocol import Protocol

_MILDEST_FIRST: tuple[Kind, ...] = ("possible", "possible if truncated", "undecided", "impossible")


@dataclass(frozen=True)
class Judged:
    """One printed pair with its verdict.

    Parameters
    ----------
    name : str
        Of the slice; empty for counts without a protocol.
    part : Part
        The pair and the class counts; those under which it is possible, where some samples are missing.
    verdict : Verdict
    explanation : Explanation or None
        Of an impossible pair.
    """

    name: str
    part: Part
    verdict: Verdict
    explanation: Explanation | None


@dataclass(frozen=True)
class Audit:
    """All pairs of a row.

    Parameters
    ----------
    pairs : tuple of Judged
    joint : Joint or None
        Whether the pairs are possible together; None where the slices do not say, or a pair alone is impossible.
    """

    pairs: tuple[Judged, ...]
    joint: Joint | None

    @property
    def is_impossible(self) -> bool:
        """Whether a pair is impossible, or all of them together are."""
        kinds = [pair.verdict.kind for pair in self.pairs] + ([self.joint.kind] if self.joint else [])
        return "impossible" in kinds


def audit(
    parts: Mapping[str, Part], whole: str | None = None, members: Sequence[str] = (), *, missing: int = 0
) -> Audit:
    """Judge printed pairs.

    Parameters
    ----------
    parts : mapping of str to Part
        By slice.
    whole : str, optional
        The slice that is the sum of others.
    members : sequence of str
        These others. The pairs are compared with each other if all are given.
    missing : int
        How many samples each slice may lack, of whatever class. Then the slices are not compared.
    """
    pairs = tuple(_judged(name, part, missing) for name, part in parts.items())
    joint = None
    alone = all(pair.verdict.kind in ("possible", "possible if truncated") for pair in pairs)
    is_complete = len(members) > 1 and all(name in parts for name in members)
    if whole is not None and whole in parts and is_complete and alone and not missing:
        joint = judge_together([parts[name] for name in members], parts[whole])
    return Audit(pairs, joint)


def slice_counts(protocol: Protocol, name: str) -> tuple[int, ...]:
    """Return the samples of each class that a protocol declares for a slice.

    Raises
    ------
    MerBenchError
        The protocol has no such slice, or declares no counts of one of its databases.
    """
    if name not in protocol.slices:
        raise unknown(f"slice of protocol {protocol.name}", name, protocol.slices)
    total = [0] * len(protocol.classes)
    for database in protocol.slices[name]:
        counts = protocol.databases[database].counts
        if counts is None:
            raise MerBenchError(
                f"protocol {protocol.name} declares no class counts of {database}; give them with --counts"
            )
        total = [have + counts[label] for have, label in zip(total, protocol.classes, strict=True)]
    return tuple(total)


def whole_and_members(protocol: Protocol) -> tuple[str, tuple[str, ...]]:
    """Return the slice of all databases, and the slices of one database each that it is the sum of.

    There are none of these if one database has no slice of its own: the others do not add up to the whole.
    """
    whole, *_ = protocol.slices
    single = {
        databases[0]: name for name, databases in protocol.slices.items() if len(databases) == 1 and name != whole
    }
    databases = protocol.slices[whole]
    return whole, tuple(single[database] for database in databases) if set(databases) <= set(single) else ()


def _judged(name: str, part: Part, missing: int) -> Judged:
    """Judge a pair; where samples are missing, under all counts that are left, and keep the mildest verdict."""
    verdicts = []
    for counts in _counts(part.counts, missing):
        own = Part(counts, part.uf1, part.uar)
        verdicts.append((own, judge(counts, part.uf1, part.uar)))
        if verdicts[-1][1].kind == "possible":
            break
    own, verdict = min(verdicts, key=lambda each: _MILDEST_FIRST.index(each[1].kind))
    return Judged(
        name, own, verdict, explain(part.counts, part.uf1, part.uar) if verdict.kind == "impossible" else None
    )


def _counts(counts: tuple[int, ...], missing: int) -> list[tuple[int, ...]]:
    steps = [step for step in product(range(missing + 1), repeat=len(counts)) if sum(step) <= missing]
    found = [tuple(n - less for n, less in zip(counts, step, strict=True)) for step in sorted(steps, key=sum)]
    return [each for each in found if min(each) >= 0]
