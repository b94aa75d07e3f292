"""The rules that a protocol or a run can choose: which epoch counts, and how a mean treats an absent class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

Selection = Literal["last", "inner", "oracle"]
AbsentClass = Literal["exclude", "zero"]

SELECTIONS: Mapping[Selection, str] = {
    "last": "the last epoch of a fixed schedule counts; no choice is made, so none can be made on the test subject",
    "inner": "the epoch with the best UF1 on validation subjects counts; they are held out of the training set",
    "oracle": "the best epoch on the held-out subject itself: an upper-bound diagnostic, not a result; never ranked",
}
"""Each rule with its sentence, in the order used in tables."""

ORACLE: Selection = "oracle"
"""The diagnostic: a rule that looks at the held-out subject."""

NO_EPOCHS = "none"
"""Instead of a selection rule: the method has no epochs, so there is nothing to select."""

ABSENT_CLASS_RULES: Mapping[AbsentClass, str] = {
    "exclude": "an absent class is left out of both means",
    "zero": "an absent class counts as 0 in both means",
}
"""How a class without a true sample in a slice is treated: each rule with its sentence."""


def selection_sentence(selection: str) -> str:
    """Return a sentence on what a selection rule does, or why there is none."""
    if selection == NO_EPOCHS:
        return "these methods have no epochs, so there is nothing to select"
    return SELECTIONS[cast(Selection, selection)]


def absent_class_sentence(rule: str) -> str:
    """Return a sentence on what a rule for absent classes does."""
    return ABSENT_CLASS_RULES[cast(AbsentClass, rule)]
