"""What a check is: a code, what it means, what to do, and the function that looks for it in what was read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mer_bench.checks.material import Material

_NAMED = 4
"""Rows that a finding names; of more, it gives the number."""


class Severity(str, Enum):
    """How bad it is."""

    ERROR = "error"
    """The number is not what it says it is."""

    WARNING = "warning"
    """A reader of the number must know."""

    __str__ = str.__str__


@dataclass(frozen=True)
class Finding:
    """One place where a check found what it looks for.

    Parameters
    ----------
    where : str
        A row's short name, a comparison, a run, or a file.
    sentence : str
        What is there, with the values.
    """

    where: str
    sentence: str


@dataclass(frozen=True)
class NotLookedFor:
    """One place where a check could not look.

    Parameters
    ----------
    where : str
    why : str
    """

    where: str
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
    return lambda look: Check(code, title, severity, meaning, looks_at, cure, look)


def grouped(found: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """Yield one finding for all places with the same sentence, given places and sentences."""
    for sentence, places in _by_text(found).items():
        yield Finding(listed(places), sentence)


def grouped_unknown(found: Iterable[tuple[str, str]]) -> Iterator[NotLookedFor]:
    """Yield one note for all places where a check could not look for the same reason."""
    for why, places in _by_text(found).items():
        yield NotLookedFor(listed(places), why)


def listed(names: Iterable[str]) -> str:
    """Return names with commas; of many, the first and how many there are besides."""
    known = list(dict.fromkeys(names))
    more = len(known) - _NAMED
    return ", ".join(known) if more <= 0 else f"{', '.join(known[:_NAMED])} and {more} more"


def _by_text(found: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    by_text: dict[str, list[str]] = {}
    for place, text in found:
        by_text.setdefault(text, []).append(place)
    return by_text
