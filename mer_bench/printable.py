"""Texts without signs that a terminal, a browser or a spreadsheet obeys: names, titles and errors come from others."""

from __future__ import annotations

import json
import re
import unicodedata

_FORMULA = re.compile(r"(^|;)(\s*)(?![+-][\d.]+(?:[eE][+-]?\d+)?\s*(?:;|$))(?=[=+\-@＝＋－＠])")
"""Where a spreadsheet would begin a formula: signs by which one begins, but of no number. In many countries a
spreadsheet parts cells at semicolons."""


def printable(text: str) -> str:
    r"""Return a text without control and format signs, such as ESC and those that turn the direction of writing.

    Line ends and tabs become blanks. What is no character, in a file's name that is not UTF-8, is shown as ``\udce9``.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def printable_lines(text: str) -> str:
    """Return a text as `printable` does, with its line ends."""
    return "\n".join(map(printable, text.split("\n")))


def one_line(value: object) -> str:
    """Return a value's printable text with each run of white space as one blank."""
    return " ".join(printable(str(value)).split())


def csv_cell(value: object) -> object:
    """Return a cell of a CSV file that no spreadsheet takes for a formula and no terminal obeys.

    An apostrophe goes before a text that begins as a formula does (``=``, ``+``, ``-``, ``@``). Numbers stay as they
    are.
    """
    return _FORMULA.sub(r"\1\2'", one_line(value)) if isinstance(value, str) else value


def json_text(value: object, indent: int | None = None) -> str:
    """Return a value as JSON of ASCII signs, none of which a terminal obeys."""
    # The one control sign that the standard library leaves as it is.
    return json.dumps(value, indent=indent, allow_nan=False).replace("\x7f", "\\u007f")


def _shown(sign: str) -> str:
    if sign.isprintable() or (kind := unicodedata.category(sign)) == "Zs":
        return sign
    if kind == "Cs":
        return f"\\u{ord(sign):04x}"
    return " " if sign in "\t\n\r\v\f" else ""
