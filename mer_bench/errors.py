"""The errors that users and reports show: one sentence with cause, value and cure."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Callable, Iterable

_LONGEST_REASON = 300

Notice = Callable[[str], None]
"""A function that shows the user one sentence: something to know that does not stop the command."""


class MerBenchError(Exception):
    """Bad input, a bad setting or a store that cannot be used.

    The message is one clear sentence for the user: what is wrong, the offending value, and what fixes it.
    The command line prints it without a traceback and exits with code 2.
    """


class MethodError(Exception):
    """A method broke its contract (wrong shape, NaN scores, ...): its cell fails, the other cells continue."""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean X?)"`` for the nearest known name, or an empty string."""
    nearest = difflib.get_close_matches(wrong, list(known), n=1, cutoff=0.5)
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""


def unknown(what: str, name: str, known: Iterable[str]) -> MerBenchError:
    """Return the error for a name that is not among the known ones."""
    names = list(known)
    return MerBenchError(f"unknown {what} {name!r}{did_you_mean(name, names)}; known: {', '.join(names)}")


def error_text(error: BaseException) -> str:
    """Return an error's message on one line, even where a plugin's error cannot be converted to text."""
    try:
        return " ".join(str(error).split())
    except KeyboardInterrupt:
        raise
    except BaseException:
        return "its message cannot be printed"


def reason_of(error: BaseException) -> str:
    """Return an error's type and message on one line of bounded length; of mer-bench's own errors, the message only."""
    text = error_text(error)
    if text and isinstance(error, (MerBenchError, MethodError)):
        return text
    return textwrap.shorten(f"{type(error).__name__}: {text}".removesuffix(": "), _LONGEST_REASON, placeholder=" ...")
