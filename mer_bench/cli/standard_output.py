"""What a command prints: answers on the standard output, all else on stderr.

The standard output is for mer-bench's answers: what plugins print there goes to stderr. Texts may come from others,
such as the name of a file or the message of a plugin's error: signs that a terminal obeys are taken out here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import click

from mer_bench.printable import printable_lines

_answers: TextIO | None = None
"""Where answers go; None outside `reserved`, where that is ``sys.stdout``."""


class CleanText(str):
    """A text that is printed as it is: mer-bench styled it, and its parts had no sign that a terminal obeys."""

    __slots__ = ()


def say(text: object) -> None:
    """Print a line of an answer on the standard output."""
    click.echo(_clean(text), file=answers())


def tell(text: object) -> None:
    """Print a line for people on stderr."""
    click.echo(_clean(text), err=True)


def _clean(text: object) -> str:
    return text if isinstance(text, CleanText) else printable_lines(str(text))


def answers() -> TextIO:
    """Return the stream that only mer-bench writes to."""
    return sys.stdout if _answers is None else _answers


@contextmanager
def reserved() -> Iterator[None]:
    """Reserve the standard output for answers; it must be entered before any plugin is loaded.

    Descriptor 1 then is stderr, for native code and child processes too, and the answers' own descriptor has another
    number, which child processes do not get. A process stays so until it ends: plugins may print in ``atexit``. Where
    Python's ``sys.stdout`` is no descriptor (a test that captures it), only that is replaced, and put back at the end.
    """
    global _answers
    outer_stdout, outer_answers = sys.stdout, _answers
    if _is_descriptor_1(sys.stdout):
        if _answers is None:
            _answers = _moved()
        yield
        return
    _answers, sys.stdout = sys.stdout, sys.stderr
    try:
        yield
    finally:
        _answers, sys.stdout = outer_answers, outer_stdout


def _is_descriptor_1(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 1
    except (OSError, ValueError):
        return False


def _moved() -> TextIO:
    """Make a stream of what descriptor 1 is now, and descriptor 1 the same as stderr."""
    sys.stdout.flush()
    stream = os.fdopen(os.dup(1), "w", encoding=sys.stdout.encoding, errors="backslashreplace")
    os.dup2(2, 1)
    return stream
