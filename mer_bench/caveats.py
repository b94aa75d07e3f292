"""Caveats: what must be said beside a score, and the sentence that says it everywhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import Enum


class Caveat(str, Enum):
    """A caveat that mer-bench itself sets; a plugin's data may bring others, which are shown as they are."""

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
    Caveat.SYNTHETIC: "SYNTHETIC data: made up; these scores say nothing about real micro-expressions",
    Caveat.PARTIAL: "PARTIAL data: the counts are not the protocol's",
    Caveat.APPROXIMATION: "a method is handed another representation than its own, which this data cannot give",
    Caveat.TEMPLATE_LANDMARKS: "key regions cut at constant template places, not at detected landmarks",
    Caveat.WHOLE_FRAME: (
        "samples without a detected face are kept: the face is the largest centred square of their frames"
    ),
}

SYNTHETIC_FILE = "SYNTHETIC.txt"
"""Readers call data synthetic that has a file of this name; every folder that could be used alone has one."""

DATA_CAVEATS = (Caveat.SYNTHETIC, Caveat.PARTIAL)
"""Caveats of the data, which set a comparison apart; any other caveat belongs to a row."""


def caveat_sentence(caveat: str) -> str:
    """Return what a caveat says; one that a plugin brings says its own name."""
    return Caveat(caveat).sentence if caveat in set(Caveat) else caveat


def sorted_caveats(caveats: Iterable[str]) -> list[str]:
    """Return caveats as plain texts, sorted, each once: as stored, and as JSON holds them."""
    return sorted({str(caveat) for caveat in caveats})


def is_synthetic(caveats: Collection[str]) -> bool:
    """Say whether data with these caveats is made up."""
    return Caveat.SYNTHETIC in caveats
