"""The sentences of a report, the same in every rendering."""

from __future__ import annotations

from collections.abc import Sequence

from mer_bench.caveats import Caveat, caveat_sentence
from mer_bench.rules import ORACLE, selection_sentence

FAMILY_TITLES = {"baseline": "Baselines", "handcrafted": "Handcrafted", "deep": "Deep learning"}
"""In the order of the table."""

SHOWN_FAILURES = 5
"""Of each row; the report says how many there are."""

ORACLE_TEXT = (
    f"Selection rule {ORACLE}: {selection_sentence(ORACLE)}. "
    "The difference shows how much a score gains when the test subject picks the epoch."
)

CITED_TEXT = (
    "Scores as published: they come from other code, other preprocessing and, where the source does not say, unknown "
    "selection rules. They were not measured here and are not ranked with the measured ones."
)

HOW_TO_READ = (
    "UF1 is the unweighted mean of the classes' F1, UAR the unweighted mean of their recall; both are computed from "
    "true and false positives pooled over all folds, in which one subject at a time is held out. Every slice is a part "
    "of the same run. Several seeds give mean ± sample standard deviation. A seed with a fold missing has no scores: "
    "the mean is that of the others. Bold is the best of a column among the rows of one comparison of which every "
    "seed is complete; scores of two comparisons do not compare."
)

_SLICE_TITLES = {"full": "Full", "smic": "SMIC", "samm": "SAMM", "casme2": "CASME II", "casme3": "CAS(ME)³"}


def slice_title(name: str) -> str:
    """Return a slice's name as the field prints it."""
    return _SLICE_TITLES.get(name, name)


def family_title(name: str) -> str:
    """Return the heading of a family of methods."""
    return FAMILY_TITLES.get(name, name)


def banner(caveat: str, problems: Sequence[str]) -> str:
    """Return what is to be said loudly of data with a caveat.

    Parameters
    ----------
    caveat : str
        One of `mer_bench.caveats.DATA_CAVEATS`.
    problems : sequence of str
        How the data's counts differ from the protocol's; said of partial data.
    """
    differences = f": {'; '.join(problems)}" if problems and caveat == Caveat.PARTIAL else ""
    return f"{caveat_sentence(caveat)}{differences}"


def cited_warning(n_synthetic: int, n_comparisons: int) -> str:
    """Return what to say of cited scores beside comparisons that rest on synthetic data; empty where none does."""
    if not n_synthetic:
        return ""
    which = "All rows" if n_synthetic == n_comparisons else "Some rows"
    return f"{which} measured under this protocol rest on SYNTHETIC data: those cannot be compared with these scores."


def joined(words: Sequence[str]) -> str:
    """Return ``a``, ``a and b``, or ``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
