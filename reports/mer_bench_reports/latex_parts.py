"""The parts of LaTeX tables: texts in which nothing is interpreted, lines, and the table around them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mer_bench.printable import one_line

_LONGEST = 20
"""Lines of source in a table that still fits on a page with the texts below it."""

_SPECIAL = {
    **{sign: f"\\{sign}" for sign in "{}$&#_%"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": r"$-$",
    "³": r"$^3$",
    "μ": r"$\mu$",
    "–": r"\textendash{}",
    "…": r"\ldots{}",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "§": r"\S{}",
    "¶": r"\P{}",
}


def escaped(text: object) -> str:
    """Return a text in which LaTeX interprets nothing, on one line."""
    plain = "".join(_SPECIAL.get(sign, sign) for sign in one_line(text))
    # Two of these would be drawn as one sign.
    apart = re.sub(r"([-',])(?=\1)", r"\1{}", plain)
    # The end of a line and a rule take what follows in brackets, or an asterisk, for their own.
    return f"{{}}{apart}" if apart.startswith(("[", "*")) else apart


def spanning_line(width: int, content: str) -> str:
    """Return a line of one cell over all columns; its content is LaTeX."""
    return rf"\multicolumn{{{width}}}{{p{{0.9\linewidth}}}}{{{content}}} \\"


def cells_line(cells: Iterable[str]) -> str:
    """Return a line of cells, which are texts."""
    return " & ".join(map(escaped, cells)) + r" \\"


def drawn_table(caption: str, columns: str, lines: Iterable[str], below: Iterable[str]) -> Iterator[str]:
    """Yield a table; a long one goes on over pages, each with its head. Texts below it are set as paragraphs.

    Parameters
    ----------
    caption : str
    columns : str
        As ``tabular`` takes them.
    lines : iterable of str
        The first is the head.
    below : iterable of str
        Texts.
    """
    head, *rest = lines
    titled = rf"\caption{{{escaped(caption)}}}"
    heading = [r"\toprule", head, r"\midrule"]
    after = [rf"\par\raggedright {escaped(text)}" for text in below]
    # LaTeX begins each table in its normal size.
    if len(rest) <= _LONGEST:
        yield from (r"\begin{table}[p]", r"\scriptsize\centering", titled, rf"\begin{{tabular}}{{{columns}}}")
        yield from (*heading, *rest, r"\bottomrule", r"\end{tabular}", *after, r"\end{table}")
    else:
        yield from (r"\begingroup\scriptsize", rf"\begin{{longtable}}{{{columns}}}", rf"{titled} \\")
        yield from (*heading, r"\endfirsthead", *heading, r"\endhead", r"\bottomrule", r"\endfoot")
        yield from (*rest, r"\end{longtable}", *after, r"\par\endgroup")
