"""The rules that a protocol or a run may choose: which epoch counts, and what an absent class adds to a mean."""

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
"""Each rule with its sentence, in the order of tables."""

ORACLE: Selection = "oracle"
"""The diagnostic: a rule that looks at the held-out subject."""

NO_EPOCHS = "none"
"""In the place of a selection rule: the method has no epochs, so there is nothing to select."""

ABSENT_CLASS_RULES: Mapping[AbsentClass, str] = {
    "exclude": "an absent class is left out of both means",
    "zero": "an absent class counts as 0 in both means",
}
"""What becomes of a class without a true sample in a slice: each rule with its sentence."""


def selection_sentence(selection: str) -> str:
    """Return what a selection rule does, or why there is none."""
    if selection == NO_EPOCHS:
        return "these methods have no epochs, so there is nothing to select"
    return SELECTIONS[cast(Selection, selection)]


def absent_class_sentence(rule: str) -> str:
    """Return what a rule for absent classes does."""
    return ABSENT_CLASS_RULES[cast(AbsentClass, rule)]
