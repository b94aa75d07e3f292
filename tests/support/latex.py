"""A strict reader of the LaTeX that reports write: it refuses what a compiler would, and what it does not know."""

from __future__ import annotations

import re

from support.rendered import Line, Table

_COMMANDS = {
    *("documentclass", "usepackage", "setlength", "tabcolsep", "arraybackslash", "raggedleft", "shortstack", "tiny"),
    *("begin", "end", "centering", "caption", "toprule", "midrule"),
    *("begingroup", "endgroup", "endfirsthead", "endhead", "endfoot"),
    *(
        "bottomrule",
        "multicolumn",
        "textbf",
        "scriptsize",
        "textsuperscript",
        "quad",
        "par",
        "raggedright",
        "linewidth",
    ),
    *("textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar", "textquotedbl"),
    *("textasciigrave", "textendash", "ldots", "dag", "ddag", "S", "P", "pm", "times", "mu"),
}
_TOKEN = re.compile(r"\\([A-Za-z]+|.)|([{}&$#_%^~<>|\"]|\n|[^\\])", re.DOTALL)
_WRAPPED = re.compile(r">{\\ragged(?:left|right)\\arraybackslash}p{\d\dmm}")
_TABLE = (
    r"\\begin{table}\[p\]\n\\scriptsize\\centering\n\\caption{([^\n]*)}\n\\begin{tabular}{([^\n]*)}\n"
    r"(.*?)\\end{tabular}\n(.*?)\\end{table}"
)
_LONG = (
    r"\\begingroup\\scriptsize\n\\begin{longtable}{([^\n]*)}\n(\\caption{[^\n]*}) \\\\\n"
    r"(\\toprule\n[^\n]*\n\\midrule\n)\\endfirsthead\n\3\\endhead\n\\bottomrule\n\\endfoot\n"
    r"(.*?)\\end{longtable}\n(.*?)\\par\\endgroup"
)
"""A table over several pages, each of which repeats the same head."""
_SHORT = r"\\begin{table}[p]\n\\scriptsize\\centering\n\2\n\\begin{tabular}{\1}\n\3\4\\end{tabular}\n\5\\end{table}"
_SIGNS = {r"\pm": "±", r"\dag": "†", r"\ddag": "‡", r"\S": "§", r"\P": "¶", r"\textendash": "–"}
_SWITCHES = re.compile(r"\\(quad|par|raggedright|scriptsize|tiny)\b")


def latex_tables(document: str) -> list[Table]:
    """Return the tables of a document: caption and lines; the text below each table is under the heading ``below``.

    A line without a first cell holds the intervals of the scores above it.
    """
    body = "\n".join(line for line in document.splitlines() if not line.startswith("%"))
    _check(_WRAPPED.sub("", body))
    tables = []
    body = re.sub(_LONG, _SHORT, body, flags=re.DOTALL)
    assert r"\begin{longtable}" not in body
    assert not re.search(r"(\\\\|rule)\s*[\[*]", body), "a cell is an argument of the line before it"
    for caption, columns, rows, below in re.findall(_TABLE, body, re.DOTALL):
        columns = _WRAPPED.sub("l", columns)
        assert set(columns) <= {"l", "r"}, columns
        table = Table(("below", plain(below)), plain(caption))
        tables.append(table)
        head: list[str] = []
        family: Line = {}
        lines = re.sub(r"\\(top|mid|bottom)rule", "", rows).split(r"\\" + "\n")
        for row in filter(None, map(str.strip, lines)):
            if spanning := re.fullmatch(r"\\multicolumn{(\d+)}{(?:l|p{0\.9\\linewidth})}{(.*)}", row):
                assert int(spanning[1]) == len(columns)
                if spanning[2].startswith(r"\textbf"):
                    family = {"family": plain(spanning[2]).lstrip("*")}
                else:
                    table.lines[-1]["Settings"] = plain(spanning[2])
                continue
            cells = [plain(cell) for cell in re.split(r"(?<!\\)&", row)]
            assert len(cells) == len(columns), row
            if head and not cells[0]:
                intervals = {name: cell for name, cell in zip(head, cells, strict=True) if cell}
                table.lines[-1].update({name: f"{table.lines[-1][name]} {cell}" for name, cell in intervals.items()})
            elif head:
                table.lines.append({**family, **dict(zip(head, cells, strict=True))})
            else:
                head = cells
    return tables


def score_tables(document: str) -> list[Table]:
    """Return the tables of scores, without those of differences and of published scores."""
    return [table for table in latex_tables(document) if {"Method", "Seeds"} <= set(table.lines[0])]


def plain(text: str) -> str:
    """Return what a reader sees, with an asterisk before what is bold."""
    text = re.sub(r"\\textbf{(.*)}", r"*\1", text)
    text = re.sub(r"\\shortstack\[r\]{(.*)\\\\(.*)}", r"\1 \2", text)
    text = re.sub(r"\\textsuperscript{(.*)}", r" \1", text)
    for command, sign in _SIGNS.items():
        text = re.sub(rf"\$?\{command}(?![A-Za-z])({{}})?\$?", sign, text)
    text = _SWITCHES.sub(" ", text).replace("$-$", "-")
    return " ".join(re.sub(r"\\([{}$&#_%])", r"\1", text).replace("{}", "").split())


def _check(body: str) -> None:
    """Refuse unknown commands, unbalanced braces, environments or formulas, and special signs outside their place."""
    depth, in_formula = 0, False
    open_environments = re.findall(r"\\(begin|end){(\w+)}", body)
    stack: list[str] = []
    for verb, name in open_environments:
        if verb == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert not stack
    for match in _TOKEN.finditer(body):
        command, sign = match.groups()
        if command is not None:
            assert command in _COMMANDS or command in r"{}$&#_%\\", f"unknown command: \\{command}"
            continue
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
        in_formula ^= sign == "$"
        assert sign not in '#_%~<>|"' + "^" * (not in_formula), (
            f"{sign!r} at {body[match.start() - 30 : match.end()]!r}"
        )
        assert ord(sign) < 0x250, f"a compiler has no font for {sign!r}"
    assert depth == 0
    assert not in_formula
