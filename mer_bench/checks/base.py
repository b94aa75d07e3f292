"""What a check is: a code, what it means, what to do, and the function that looks for it in what was read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mer_bench.checks.material import Material

_NAMED = 4
"""Of more names, a sentence has the first and the number of the others."""


class Severity(str, Enum):
    """How bad it is."""

    ERROR = "error"
    """The number is not what it says it is."""

    WARNING = "warning"
    """A reader of the number must know."""

    __str__ = str.__str__


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Parameters
    ----------
    where : tuple of str
        Short names of rows, comparisons, or files: all places of which the sentence is true.
    sentence : str
        What is there, with the values.
    """

    where: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class NotLookedFor:
    """Where a check could not look, and why.

    Parameters
    ----------
    where : tuple of str
        As of `Finding`.
    why : str
    """

    where: tuple[str, ...]
    why: str


Answer = Iterator[Finding | NotLookedFor]
Look = Callable[["Material"], Answer]


@dataclass(frozen=True)
class Check:
    """A fault that a results folder can have.

    Parameters
    ----------
    code : str
        ``MER001``; it never gets another meaning.
    title : str
        The fault in a few words.
    severity : Severity
    meaning : str
        Why it matters.
    looks_at : str
        What is read, and what this cannot see.
    cure : str
        What to do.
    look : callable
    """

    code: str
    title: str
    severity: Severity
    meaning: str
    looks_at: str
    cure: str
    look: Look


def check(
    code: str, title: str, severity: Severity, *, meaning: str, looks_at: str, cure: str
) -> Callable[[Look], Check]:
    """Make a function the check of a fault."""
    return lambda look: Check(
        code=code, title=title, severity=severity, meaning=meaning, looks_at=looks_at, cure=cure, look=look
    )


def grouped(found: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """Yield one finding for all places with the same sentence, given places and sentences."""
    for sentence, places in _by_text(found).items():
        yield Finding(tuple(places), sentence)


def grouped_unknown(found: Iterable[tuple[str, str]]) -> Iterator[NotLookedFor]:
    """Yield one note for all places where a check could not look for the same reason."""
    for why, places in _by_text(found).items():
        yield NotLookedFor(tuple(places), why)


def listed(names: Iterable[str]) -> str:
    """Return names with commas; of many, the first and how many there are besides."""
    known = list(dict.fromkeys(names))
    more = len(known) - _NAMED
    return ", ".join(known) if more <= 0 else f"{', '.join(known[:_NAMED])} and {more} more"


def _by_text(found: Iterable[tuple[str, str]]) -> Mapping[str, Iterable[str]]:
    by_text: dict[str, dict[str, None]] = {}
    for place, text in found:
        by_text.setdefault(text, {})[place] = None
    return by_text
