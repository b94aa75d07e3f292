"""The sentences of a report, the same in every format."""

from __future__ import annotations

from collections.abc import Sequence

from mer_bench.caveats import Caveat, caveat_sentence
from mer_bench.rules import ORACLE, selection_sentence

FAMILY_TITLES = {"baseline": "Baselines", "handcrafted": "Handcrafted", "deep": "Deep learning"}
"""Family to its heading, in the order of the table."""

SHOWN_FAILURES = 5
"""Number of failed folds that are shown for each row."""

ORACLE_TEXT = (
    f"Selection rule {ORACLE}: {selection_sentence(ORACLE)}. "
    "The difference is what a score gains when the epoch is chosen on the test subject."
)

CITED_TEXT = (
    "Scores as printed in the source. They come from other code, other preprocessing and often unknown selection "
    "rules; they were not measured here and are not ranked with the measured scores."
)

HOW_TO_READ = (
    "UF1 is the unweighted mean of the F1 scores of all classes, UAR the unweighted mean of their recalls. Both are "
    "computed from the predictions of all folds together; each fold holds out one subject. The columns of one "
    "database count only its samples, from the same predictions. With several seeds, a score is the mean ± sample "
    "standard deviation over the complete seeds; a seed with a missing fold is left out. Bold marks the best "
    "score of a column among the rows with every seed complete. Scores of different comparisons cannot be compared."
)

_SLICE_TITLES = {"full": "Full", "smic": "SMIC", "samm": "SAMM", "casme2": "CASME II", "casme3": "CAS(ME)³"}


def slice_title(name: str) -> str:
    """Return the name of a slice as papers print it."""
    return _SLICE_TITLES.get(name, name)


def family_title(name: str) -> str:
    """Return the heading of a family of methods."""
    return FAMILY_TITLES.get(name, name)


def data_warning(caveat: str, problems: Sequence[str]) -> str:
    """Return the warning above a table whose data has a caveat.

    Parameters
    ----------
    caveat : str
        One of `mer_bench.caveats.DATA_CAVEATS`.
    problems : sequence of str
        How the counts of the data differ from the protocol's; used for partial data.
    """
    differences = f": {'; '.join(problems)}" if problems and caveat == Caveat.PARTIAL else ""
    return f"{caveat_sentence(caveat)}{differences}"


def cited_warning(n_synthetic: int, n_comparisons: int) -> str:
    """Return a warning for published scores next to results on synthetic data; empty if there are none."""
    if not n_synthetic:
        return ""
    which = "All rows" if n_synthetic == n_comparisons else "Some rows"
    return f"{which} measured under this protocol use SYNTHETIC data; do not compare them with these scores."


def joined(words: Sequence[str]) -> str:
    """Return ``a``, ``a and b``, or ``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
