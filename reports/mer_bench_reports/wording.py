"""The sentences of a report, the same in every format."""

from __future__ import annotations

from collections.abc import Sequence

from mer_bench.caveats import Caveat, caveat_sentence
from mer_bench.certainty import LEVEL_TEXT
from mer_bench.luck import GUESSER_TEXT
from mer_bench.rules import SELECTIONS
from mer_bench.statistics.resampling import RESAMPLES

FAMILY_TITLES = {"baseline": "Baselines", "handcrafted": "Handcrafted", "deep": "Deep learning"}
"""Family to its heading, in the order of the table."""

SHOWN_FAILURES = 5
"""Number of failed or differing folds that are named for each row."""

SELECTION_TEXTS = (
    *(f"{rule}: {sentence}." for rule, sentence in SELECTIONS.items()),
    "Differences from last are on the full set, over the same seeds. That of the oracle is what a score gains when the "
    "epoch is chosen on the test subject.",
    f"guesser: with as many epochs to choose from as the oracle. {GUESSER_TEXT}",
)

CITED_TEXT = (
    "Scores as printed in the source. They come from other code, other preprocessing and often unknown selection "
    "rules; they were not measured here and are not ranked with the measured scores."
)

CHECKS_TEXT = (
    "What mer-bench finds in the rows of this report. An error: a number is not what it says it is. A warning: its "
    "readers must know. `mer-bench check-results` looks at the whole results folder, its files included; with "
    "`--explain MER005` it says what a code means."
)

REMEASURED_TEXT = (
    "Measured is the row's score here, difference is measured less published. Only rows on real and complete data, "
    "with the preset 'paper', and the samples, kind of representation, flow and channels that the source states, are "
    "compared; of the others the reason is named. Alignment, size and scale may be others. "
    "Even so, the published score comes from other code, and often from an unknown selection rule."
)

OVERVIEW_TEXT = (
    "UF1 and UAR on the full set of each protocol, one column pair for each comparison: rows on other data, inputs or "
    "selection rules are in other columns or tables. A row is one method with the same settings and caveats. Scores of "
    "different columns cannot be compared."
)

LEADERBOARD_TEXT = (
    f"In brackets: the {LEVEL_TEXT} interval of the score with other subjects like these. p: how likely so large a "
    "difference from the first row is by chance, adjusted for all pairs of rows; above 0.05, the order of the two rows "
    "is not shown to be more than chance."
)

STANDINGS_TEXT = (
    "One line for each comparison in which a row of the method stands. Scores of different comparisons cannot be "
    "compared."
)

COST_TEXT = (
    "Minutes: the computing time of one seed, summed over its folds, on the devices that Provenance names; times on "
    "other machines cannot be compared. Parameters: those that are trained. MFLOPs: millions of operations of one "
    "sample's forward pass, 2 per multiply-add, in convolutions, matrix products and attention."
)

HOW_TO_READ = (
    "UF1 is the unweighted mean of the F1 scores of all classes, UAR the unweighted mean of their recalls. Both are "
    "computed from the predictions of all folds together; each fold holds out one subject. The columns of one "
    "database count only its samples, from the same predictions. With several seeds, a score is the mean over the "
    "complete seeds; a seed with a missing fold is left out. Scores of different comparisons cannot be compared."
)

DEVIATION_TEXT = (
    "± is the sample standard deviation over seeds. Of a row with one score, be its method deterministic or not, no "
    "deviation is known."
)

BOLD_TEXT = (
    "Bold: the highest mean of its family, if its lead over each other row is larger than their two standard "
    "deviations over seeds together. Whether the subjects bear that out, says the verdict. A family with a row of one "
    "score has nothing in bold."
)

INTERVAL_TEXT = (
    f"In brackets: the {LEVEL_TEXT} interval of the score, from {RESAMPLES:,} resamples of the subjects: how "
    "far it would be off with other subjects like these. Where each resample has the same score, such as the UAR of a "
    "row that predicts one class or everything right, the interval has no width, which proves nothing."
)

DIFFERENCE_TEXT = (
    "The row with the highest UF1 less each other row, on the full set; rows with an incomplete seed are left out. "
    f"Intervals come from the same resampled subjects for both rows. p is the share of at least {RESAMPLES:,} random "
    "ways to swap the two rows' predictions subject by subject (of all ways, if there are fewer) that give such a "
    "difference, adjusted for all pairs of these rows (Holm), since the first row is chosen by the same scores. First "
    "better: the share of the resamples in which the first row has the higher UF1. Subjects: of how many the first row "
    "predicts more samples correctly, the other row does, or neither."
)

SEVERAL_DEVICES = "its cells were computed on several devices, which round differently; Provenance names them"

SEVERAL_PROCESSORS = (
    "its cells were computed on several processors with arithmetic 'native', which round differently; Provenance names "
    "them"
)

PARTLY_PREPROCESSED = (
    "Methods that read only some of the settings of preprocessing appear in each comparison that agrees with them."
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


def verification_warning(name: str, differing: Sequence[str]) -> str:
    """Return the warning above a table with a row of which cells came out otherwise when they were computed again.

    Parameters
    ----------
    name : str
        The row.
    differing : sequence of str
        The cells, at least one.
    """
    shown = joined([*differing[:SHOWN_FAILURES], *(["others"] if len(differing) > SHOWN_FAILURES else [])])
    how_many = f"{len(differing)} stored cell{'s' if len(differing) > 1 else ''}"
    return f"{name}: computed again, {how_many} gave other predictions: {shown}; do not rely on this row"


def cited_warning(n_synthetic: int, n_comparisons: int) -> str:
    """Return a warning for published scores next to results on synthetic data; empty if there are none."""
    if not n_synthetic:
        return ""
    which = "All rows" if n_synthetic == n_comparisons else "Some rows"
    return f"{which} measured under this protocol use SYNTHETIC data; do not compare them with these scores."


def joined(words: Sequence[str]) -> str:
    """Return ``a``, ``a and b``, or ``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
