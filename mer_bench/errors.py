"""The errors that users and reports show: one sentence with cause, value and cure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

from mer_bench.printable import printable_lines

MOST_CHARACTERS = 10_000
"""How much of a message or of a traceback is stored, sent between processes and printed: a plugin's may have no end."""
_LONGEST_REASON = 300
_NOTE = " … {:,} characters left out … "

Notice = Callable[[str], None]
"""A function that shows the user one sentence: something to know that does not stop the command."""


class _SentenceError(Exception):
    def __str__(self) -> str:
        return printable_lines(shortened(super().__str__()))


class MerBenchError(_SentenceError):
    """Bad input, a bad setting or a store that cannot be used.

    The message is one clear sentence for the user: what is wrong, the offending value, and what fixes it.
    The command line prints it without a traceback and exits with code 2.
    """


class MethodError(_SentenceError):
    """A method broke its contract (wrong shape, NaN scores, ...): its cell fails, the other cells continue."""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean X?)"`` for the nearest known name, or an empty string."""
    nearest = difflib.get_close_matches(wrong, list(known), n=1, cutoff=0.5)
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""


def unknown(what: str, name: str, known: Iterable[str]) -> MerBenchError:
    """Return the error for a name that is not among the known ones."""
    names = list(known)
    return MerBenchError(f"unknown {what} {name!r}{did_you_mean(name, names)}; known: {', '.join(names)}")


def shortened(text: str, most: int = MOST_CHARACTERS) -> str:
    """Return a text of at most so many characters: of a longer one the beginning and the end, and what is left out."""
    if len(text) <= most:
        return text
    kept = (most - len(_NOTE.format(len(text)))) // 2
    return text[:kept] + _NOTE.format(len(text) - 2 * kept) + text[-kept:]


def error_text(error: BaseException) -> str:
    """Return an error's message on one line of bounded length, even where a plugin's cannot be converted to text."""
    try:
        # Of a plugin's subclass of str, the characters only.
        return " ".join(shortened(str.__getitem__(str(error), slice(None))).split())
    except KeyboardInterrupt:
        raise
    except BaseException:
        return "its message cannot be printed"


def type_name(error: BaseException) -> str:
    """Return the name of an error's type, of bounded length."""
    # Not what a metaclass may put in its place.
    name: str = type.__dict__["__name__"].__get__(type(error))
    return shortened(name, _LONGEST_REASON)


def reason_of(error: BaseException) -> str:
    """Return an error's type and message on one line of bounded length; of mer-bench's own errors, the message only."""
    text = error_text(error)
    if text and isinstance(error, (MerBenchError, MethodError)):
        return text
    return shortened(f"{type_name(error)}: {text}".removesuffix(": "), _LONGEST_REASON)
