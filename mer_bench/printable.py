"""Texts without signs that a terminal or a browser obeys: names, titles and errors come from others."""

from __future__ import annotations

import unicodedata


def printable(text: str) -> str:
    """Return a text without control and format signs, such as ESC and those that turn the direction of writing.

    Line ends and tabs become blanks.
    """
    return "".join(" " if sign in "\t\n\r\v\f" else sign for sign in text if sign in "\t\n\r\v\f" or _is_shown(sign))


def printable_lines(text: str) -> str:
    """Return a text as `printable` does, with its line ends."""
    return "\n".join(map(printable, text.split("\n")))


def one_line(value: object) -> str:
    """Return a value's printable text with each run of white space as one blank."""
    return " ".join(printable(str(value)).split())


def _is_shown(sign: str) -> bool:
    return sign.isprintable() or unicodedata.category(sign) == "Zs"
