"""Published results, each with its source: shown beside measured ones, never mixed with them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mer_bench.specs import BASELINE_FAMILY, FAMILIES
from mer_bench.strict_toml import TomlTable, read_toml

STATED = ("representation", "flow", "channels")
"""What of an input is compared: its representation, the algorithm of its flow, and its channels."""

VERDICTS = Path(__file__).parent / "published" / "verdicts.json"
"""What the audit has found, by source and title of a row; made by ``python docs/audit_table.py``."""

_DOI = re.compile(r"10\.\d{4,9}/[\w.;()/:-]+")

_PUBLISHED_FAMILIES = tuple(family for family in FAMILIES if family != BASELINE_FAMILY)


@dataclass(frozen=True)
class PublishedRow:
    """One method's row of a published table.

    Parameters
    ----------
    title : str
        The method, as the source prints it.
    year : int
        As the source prints it.
    family : str
        A family of methods other than the baselines.
    protocol : str
        The protocol whose table it is listed with.
    source : str
        The table that prints the scores.
    other_samples : str
        Why no row that was measured under the protocol can be compared with the table; empty if some can.
    citation : str
        The paper of the method.
    doi : str
        Of that paper, ``10.1109/TIP.2020.3018222``; empty where it is not known.
    method : str
        The name of mer-bench's method of that paper; empty where there is none.
    input : str
        What the scores were computed from, where it is known; else empty.
    stated : mapping of str to str
        Of `STATED`: what a measured input must be to be the same; empty where that is not known.
    note : str
        A known problem of the scores; may be empty.
    slices : mapping of str to tuple of float
        Slice name to (UF1, UAR), each in 0..1.
    in_reports : bool
        Whether reports show the row; `mer-bench audit` judges all.
    counts : mapping of str to tuple of int
        Slice name to the samples of each class, in the protocol's order, where they are not the protocol's.
    missing : int
        How many of the protocol's samples the scores may lack, where their classes are not known.
    verdict : str
        What the audit has found; empty if nothing speaks against the scores.
    """

    title: str
    year: int
    family: str
    protocol: str
    source: str
    other_samples: str
    citation: str
    doi: str
    method: str
    input: str
    stated: Mapping[str, str]
    note: str
    slices: Mapping[str, tuple[float, float]]
    in_reports: bool = True
    counts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    missing: int = 0
    verdict: str = ""

    @property
    def remarks(self) -> str:
        """The note and the verdict; empty if there is neither."""
        return " ".join(text for text in (self.note, self.verdict) if text)

    @property
    def link(self) -> str:
        """The address of the paper; empty without a DOI."""
        return f"https://doi.org/{self.doi}" if self.doi else ""


def load_published(*, all_tables: bool = False) -> tuple[PublishedRow, ...]:
    """Return the rows of this package's tables that reports show, or of all of them, in the order of the tables."""
    folder = VERDICTS.parent
    rows = (row for path in sorted(folder.glob("*.toml")) for row in read_published(path))
    verdicts: dict[str, dict[str, str]] = json.loads(VERDICTS.read_text(encoding="utf-8"))
    return tuple(
        replace(row, verdict=verdicts.get(row.source, {}).get(row.title, ""))
        for row in rows
        if row.in_reports or all_tables
    )


def read_published(path: Path) -> tuple[PublishedRow, ...]:
    """Read one table of published results.

    Raises
    ------
    MerBenchError
        The file cannot be read, is not TOML, lacks a key, has an unknown one, or has a score outside 0..1. The message
        names the file and the row.
    """
    top = read_toml("table of published results", path)
    top.expect(("source", "protocol", "other_samples", "rows"), ("in_reports",))
    rows = tuple(_row(table, top) for table in top.array("rows"))
    titles = [row.title for row in rows]
    for title in titles:
        if titles.count(title) > 1:
            raise top.error(f"two rows are titled {title!r}; remove one of them")
    return rows


def _row(table: TomlTable, top: TomlTable) -> PublishedRow:
    table.expect(
        ("title", "year", "family", "citation", "doi", "method", "input", "stated", "note", "slices"),
        ("counts", "missing"),
    )
    slices, stated = table.table("slices"), table.table("stated", may_be_empty=True)
    stated.expect((), STATED)
    counts = table.optional("counts", table.table)
    doi = table.text("doi", may_be_empty=True)
    if doi and not _DOI.fullmatch(doi):
        raise table.wrong("doi", "is not a DOI without its address, such as 10.1109/TIP.2020.3018222")
    return PublishedRow(
        title=table.text("title"),
        year=table.count("year", 1900, 2100),
        family=table.choice("family", _PUBLISHED_FAMILIES),
        protocol=top.text("protocol"),
        source=top.text("source"),
        other_samples=top.text("other_samples", may_be_empty=True),
        citation=table.text("citation"),
        doi=doi,
        method=table.text("method", may_be_empty=True),
        input=table.text("input", may_be_empty=True),
        stated={name: stated.text(name) for name in stated.keys},
        note=table.text("note", may_be_empty=True),
        slices={name: slices.fractions(name) for name in slices.keys},
        in_reports=top.optional("in_reports", top.flag) is not False,
        counts={} if counts is None else {name: counts.whole_numbers(name) for name in counts.keys},
        missing=table.optional("missing", table.count) or 0,
    )
