"""Caveats: what every display of a score must state, each with its sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import Enum


class Caveat(str, Enum):
    """A caveat that mer-bench sets; a plugin's data may have others, which are shown unchanged."""

    SYNTHETIC = "synthetic"
    """The data is generated, not recorded."""

    PARTIAL = "partial"
    """The counts of the data differ from the protocol's."""

    APPROXIMATION = "approximation"
    """The method gets another input than its own."""

    TEMPLATE_LANDMARKS = "template-landmarks"
    """Key regions are cut without detected landmarks."""

    WHOLE_FRAME = "whole-frame"
    """Samples without a detected face are kept."""

    OTHER_SCALE = "other-scale"
    """Ready-made maps are scaled in another way than the method asks for."""

    PRETRAINED = "pretrained"
    """The training starts from weights that were trained on other data."""

    UNKNOWN_PRETRAINING = "unknown-pretraining"
    """The training starts from weights whose training subjects are not known."""

    __str__ = str.__str__

    @property
    def sentence(self) -> str:
        """The caveat in words, the same in the terminal and in every report."""
        return _SENTENCES[self]


_SENTENCES = {
    Caveat.SYNTHETIC: "SYNTHETIC data: generated, not recorded; these scores say nothing about real micro-expressions",
    Caveat.PARTIAL: "PARTIAL data: the counts are not the protocol's",
    Caveat.APPROXIMATION: "the method got another input than its own, because this data cannot provide it",
    Caveat.TEMPLATE_LANDMARKS: "key regions cut at constant template places, not at detected landmarks",
    Caveat.WHOLE_FRAME: (
        "samples without a detected face are kept: the face is the largest centred square of their frames"
    ),
    Caveat.OTHER_SCALE: "the ready-made maps are scaled in another way than the method asks for",
    Caveat.PRETRAINED: "pretrained: the training starts from weights that were trained on other data than the others'",
    Caveat.UNKNOWN_PRETRAINING: (
        "pretrained on unknown subjects: the file of weights does not say whom they were trained on, so test subjects "
        "may be among them"
    ),
}

SYNTHETIC_FILE = "SYNTHETIC.txt"
"""A file of this name marks data as synthetic; every folder that can be used by itself has one."""

DATA_CAVEATS = (Caveat.SYNTHETIC, Caveat.PARTIAL)
"""Caveats of the data, which apply to all rows of a comparison; any other caveat belongs to a row."""


def caveat_sentence(caveat: str) -> str:
    """Return a caveat's sentence; for a plugin's caveat, its name."""
    return Caveat(caveat).sentence if caveat in set(Caveat) else caveat


def sorted_caveats(caveats: Iterable[str]) -> list[str]:
    """Return caveats as plain texts, sorted, each once, as they are stored and as in JSON."""
    return sorted({str(caveat) for caveat in caveats})


def is_synthetic(caveats: Collection[str]) -> bool:
    """Return whether data with these caveats is synthetic."""
    return Caveat.SYNTHETIC in caveats
