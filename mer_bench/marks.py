"""Marks: what must be said beside a score, and the sentence that says it everywhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import Enum


class Mark(str, Enum):
    """A mark that mer-bench itself sets; a plugin's data may bring others, which are shown as they are."""

    SYNTHETIC = "synthetic"
    """The data is made up."""

    PARTIAL = "partial"
    """The data's counts are not the protocol's."""

    APPROXIMATION = "approximation"
    """The method is handed another representation than its own."""

    TEMPLATE_LANDMARKS = "template-landmarks"
    """Key regions are cut without landmarks."""

    WHOLE_FRAME = "whole-frame"
    """Samples without a detected face are kept."""

    __str__ = str.__str__

    @property
    def sentence(self) -> str:
        """What it says, the same in the terminal and in every report."""
        return _SENTENCES[self]


_SENTENCES = {
    Mark.SYNTHETIC: "SYNTHETIC data: made up; these figures say nothing about real micro-expressions",
    Mark.PARTIAL: "PARTIAL data: the counts are not the protocol's",
    Mark.APPROXIMATION: "a method is handed another representation than its own, which this data cannot give",
    Mark.TEMPLATE_LANDMARKS: "key regions cut at constant template places, not at detected landmarks",
    Mark.WHOLE_FRAME: (
        "samples without a detected face are kept: the face is the largest centred square of their frames"
    ),
}

SYNTHETIC_FILE = "SYNTHETIC.txt"
"""Readers call data synthetic that has a file of this name; every folder that could be used alone has one."""

DATA_MARKS = (Mark.SYNTHETIC, Mark.PARTIAL)
"""Marks of the data, which set a comparison apart; any other mark belongs to a row."""


def mark_sentence(mark: str) -> str:
    """Return what a mark says; one that a plugin brings says its own name."""
    return Mark(mark).sentence if mark in set(Mark) else mark


def sorted_marks(marks: Iterable[str]) -> list[str]:
    """Return marks as plain texts, sorted, each once: as stored, and as JSON holds them."""
    return sorted({str(mark) for mark in marks})


def is_synthetic(marks: Collection[str]) -> bool:
    """Say whether data with these marks is made up."""
    return Mark.SYNTHETIC in marks
