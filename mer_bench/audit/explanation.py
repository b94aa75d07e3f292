"""What is possible instead of an impossible pair, and why it may have been printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from mer_bench.audit.envelope import is_outside_every_mean
from mer_bench.audit.matrices import macro
from mer_bench.audit.printed import Printed
from mer_bench.audit.reasons import Reason, reasons
from mer_bench.audit.search import Found, nearest, nearest_with_first, nearest_with_second
from mer_bench.audit.slices import rounded_or_truncated


@dataclass(frozen=True)
class Explanation:
    """What is possible around an impossible pair.

    Parameters
    ----------
    nearest : Found
        The possible pair whose larger difference from the printed one is smallest.
    same_uf1, same_uar : Found
        The nearest possible pair with the printed UF1 (UAR), rounded.
    uf1_range : tuple of Found
        The least and the largest UF1 that the printed UAR, rounded, allows.
    no_mean : bool
        Whether no mean of any number of runs gives the pair either, rounded or truncated.
    reasons : list of Reason
        Those that make the pair possible; empty if none of the tested ones does.
    """

    nearest: Found
    same_uf1: Found
    same_uar: Found
    uf1_range: tuple[Found, Found]
    no_mean: bool
    reasons: list[Reason]


def explain(counts: Sequence[int], uf1: Printed, uar: Printed) -> Explanation:
    """Return what is possible around an impossible pair; parameters are those of `reasons.reasons`."""
    measure = macro(counts)
    rounded = uf1.window("rounded"), uar.window("rounded")
    near = nearest(measure, uf1.value, uar.value)
    above = near.scores is None or near.scores[0] < uf1.value
    either_way = rounded_or_truncated(uf1), rounded_or_truncated(uar)
    no_mean = is_outside_every_mean(measure, *either_way, above=above)
    return Explanation(
        nearest=near,
        same_uf1=nearest_with_first(measure, rounded[0], uar.value),
        same_uar=nearest_with_second(measure, uf1.value, rounded[1]),
        uf1_range=(
            nearest_with_second(measure, Fraction(0), rounded[1]),
            nearest_with_second(measure, Fraction(1), rounded[1]),
        ),
        no_mean=no_mean,
        reasons=reasons(counts, uf1, uar, near, no_mean=no_mean),
    )
