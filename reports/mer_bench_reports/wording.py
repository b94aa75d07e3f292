"""The sentences of a report, the same in every rendering."""

from __future__ import annotations

from collections.abc import Sequence

FAMILY_TITLES = {"sanity": "Sanity checks", "handcrafted": "Handcrafted", "deep": "Deep learning"}
"""In the order of the table."""

DATA_MARKS = ("synthetic", "partial")
"""Marks of the data, which set a comparison apart; any other mark is a footnote to its row."""

SELECTION_TEXTS = {
    "last": "the last epoch of a fixed schedule counts; no choice is made, so none can be made on the test subject",
    "inner": "the epoch with the best UF1 on validation subjects counts; they are held out of the training side",
    "none": "these methods have no epochs, so there is nothing to select",
}

ABSENT_TEXTS = {
    "exclude": "rule 'exclude': an absent class is left out of both means",
    "zero": "rule 'zero': an absent class counts as 0 in both means",
}

ORACLE_TEXT = (
    "Best epoch chosen on the held-out subject: an upper-bound diagnostic, not a result; never ranked. "
    "The difference shows how much a figure gains when the test subject picks the epoch."
)

CITED_TEXT = (
    "Figures as published: they come from other code, other preprocessing and, where the source does not say, unknown "
    "selection rules. They were not measured here and are not ranked with the measured ones."
)

HOW_TO_READ = (
    "UF1 is the unweighted mean of the classes' F1, UAR the unweighted mean of their recall; both are computed from "
    "true and false positives pooled over all folds, in which one subject at a time is held out. Every slice is a part "
    "of the same run. Several seeds give mean ± sample standard deviation. A row with a fold missing has no figures. "
    "Bold is the best of a column among the complete rows of one comparison; figures of two comparisons do not compare."
)

_SLICE_TITLES = {"full": "Full", "smic": "SMIC", "samm": "SAMM", "casme2": "CASME II", "casme3": "CAS(ME)³"}

_ROW_MARK_TEXTS = {
    "template-landmarks": "key regions cut at constant template places, not at detected landmarks",
    "approximation": "a method is handed another representation than its own, which the data cannot give",
    "whole-frame": "samples without a detected face are kept: the face is the largest centred square of their frames",
}


def slice_title(name: str) -> str:
    """Return a slice's name as the field prints it."""
    return _SLICE_TITLES.get(name, name)


def family_title(name: str) -> str:
    """Return the heading of a family of methods."""
    return FAMILY_TITLES.get(name, name)


def row_mark_text(mark: str) -> str:
    """Return the footnote of a mark that belongs to a row."""
    return _ROW_MARK_TEXTS.get(mark, mark)


def banner(mark: str, protocol: str, problems: Sequence[str]) -> str:
    """Return what is to be said loudly of data with a mark.

    Parameters
    ----------
    mark : str
        One of `DATA_MARKS`.
    protocol : str
        The protocol's name.
    problems : sequence of str
        How the data's counts differ from the protocol's.
    """
    if mark == "synthetic":
        return "SYNTHETIC DATA: made up; these figures say nothing about real micro-expressions"
    differences = f": {'; '.join(problems)}" if problems else ""
    return f"PARTIAL: the data does not hold the samples that protocol {protocol} declares{differences}"


def absent_note(title: str, classes: Sequence[str], rule: str) -> str:
    """Say which classes a slice has no true sample of, and what that does to its figures."""
    return f"{title}: no true sample of {', '.join(classes)} ({ABSENT_TEXTS.get(rule, rule)})"


def cited_warning(n_synthetic: int, n_comparisons: int) -> str:
    """Return what to say of cited figures beside comparisons that rest on synthetic data; empty where none does."""
    if not n_synthetic:
        return ""
    which = "All rows" if n_synthetic == n_comparisons else "Some rows"
    return f"{which} measured under this protocol rest on SYNTHETIC data: those cannot be compared with these figures."


def joined(words: Sequence[str]) -> str:
    """Return ``a``, ``a and b``, or ``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
