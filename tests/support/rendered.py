"""Reading a report back as its readers do: each cell under its headings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser

from mer_bench.store import Store
from mer_bench_reports import write_report

Line = dict[str, str]
"""Column heading to cell, with an asterisk before what is bold; a score's interval follows it. ``family`` is the
heading above the row, if any, and ``Settings`` the line below it."""


@dataclass
class Table:
    """A table below its headings (of level 2 and deeper); a spanning heading comes before those below it."""

    under: tuple[str, ...]
    caption: str
    lines: list[Line] = field(default_factory=list)


@dataclass
class _Cell:
    span: tuple[int, int]
    pieces: list[str] = field(default_factory=list)
    is_bold: bool = False

    @property
    def text(self) -> str:
        return "*" * self.is_bold + " ".join(" ".join(self.pieces).split())


def html_tables(page: str) -> list[Table]:
    """Return every table of a page, the cells' texts with white space squeezed."""
    reader = _HtmlTables()
    reader.feed(page)
    return reader.tables


class _HtmlTables(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Table] = []
        self._headings: list[str] = []
        self._cell = _Cell((1, 1))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("h2", "h3", "h4", "caption", "th", "td"):
            spans = dict(attrs)
            self._cell = _Cell((int(spans.get("rowspan") or 1), int(spans.get("colspan") or 1)))
        if tag == "table":
            self._rows: list[list[_Cell]] = []
            self._below: set[int] = set()
        elif tag == "tr":
            if dict(attrs).get("class") == "settings":
                self._below.add(len(self._rows))
            self._rows.append([])
        elif tag in ("th", "td"):
            self._rows[-1].append(self._cell)
        elif tag == "strong":
            self._cell.is_bold = True

    def handle_data(self, data: str) -> None:
        self._cell.pieces.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("h2", "h3", "h4"):
            self._headings[int(tag[1]) - 2 :] = [self._cell.text]
        elif tag == "caption":
            self.tables.append(Table(tuple(self._headings), self._cell.text))
        elif tag == "thead":
            head = _grid(self._rows)
            columns = [[row[i] for row in head] for i in range(len(head[0]))]
            # One cell over both lines of the head is one heading.
            self._columns = [
                " ".join(cell.text for cell in dict(zip(map(id, c), c, strict=True)).values()) for c in columns
            ]
            self._rows = []
        elif tag == "tbody":
            family = {}
            for i, row in enumerate(_grid(self._rows)):
                if i in self._below:
                    self.tables[-1].lines[-1]["Settings"] = row[0].text
                elif all(cell is row[0] for cell in row):
                    family = {"family": row[0].text}
                else:
                    texts = (cell.text for cell in row)
                    self.tables[-1].lines.append({**family, **dict(zip(self._columns, texts, strict=True))})
            self._rows, self._below = [], set()


def _grid(rows: list[list[_Cell]]) -> list[list[_Cell]]:
    """Repeat each cell over the lines and columns that it spans."""
    places: dict[tuple[int, int], _Cell] = {}
    for i, row in enumerate(rows):
        for cell in row:
            j = next(j for j in range(100) if (i, j) not in places)
            places |= {(i + di, j + dj): cell for di in range(cell.span[0]) for dj in range(cell.span[1])}
    width = max(j for _, j in places) + 1
    return [[places[i, j] for j in range(width)] for i in range(len(rows))]


def markdown_tables(text: str) -> list[Table]:
    """Return every table of a Markdown report; its caption is empty."""
    tables: list[Table] = []
    headings: list[str] = []
    columns: list[str] = []
    for line in text.splitlines():
        if heading := re.match(r"(##+) (.*)", line):
            headings[len(heading[1]) - 2 :] = [heading[2]]
        if not line.startswith("|"):
            columns = []
            continue
        cells = [_plain(cell) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not columns:
            columns, family = cells, {}
            tables.append(Table(tuple(headings), ""))
        elif not any(cells[1:]):
            family = {"family": cells[0].removeprefix("*")}
        elif set(line) != set("|-"):
            tables[-1].lines.append({**family, **dict(zip(columns, cells, strict=True))})
    return tables


def html_facts(page: str) -> dict[str, Line]:
    """Return the provenance of each row and run: label to text, below its summary."""
    facts = {}
    for summary, pairs in re.findall(r"<summary>(.*?)</summary>\s*<dl>(.*?)</dl>", page, re.DOTALL):
        texts_by_label = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", pairs)
        facts[unescape(summary.partition("<span")[0]).partition(":")[0].strip()] = {
            unescape(label): unescape(text) for label, text in texts_by_label
        }
    return facts


def markdown_facts(text: str) -> dict[str, Line]:
    """Return the provenance of each row and run, as `html_facts` does."""
    facts: dict[str, Line] = {}
    for line in text.partition("## Provenance")[2].splitlines():
        if heading := re.match(r"### (?:Run )?(.*)", line):
            facts[heading[1]] = {}
        elif fact := re.match(r"- ([^:]*): (.*)", line):
            list(facts.values())[-1][fact[1]] = _plain(fact[2])
    return facts


def _plain(cell: str) -> str:
    cell = cell.replace("<!-- -->", "")
    bold = re.fullmatch(r"\*\*(.*?)\*\*(.*)", cell.strip())
    return unescape(re.sub(r"\\(.)", r"\1", f"*{bold[1]}{bold[2]}" if bold else cell.strip()))


def texts(store: Store) -> dict[str, str]:
    """Write a report and return its files by format; the page without its scripts, which hold other files."""
    files = {kind: path.read_text("utf-8") for kind, path in write_report(store, store.path / "out").items()}
    return {**files, "html": re.sub(r"<script.*?</script>", "", files["html"], flags=re.DOTALL)}


def visible(page: str) -> str:
    """Return the page's text as a reader sees it, white space squeezed."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())
