"""The content of a site: one page a protocol, which is a report, and one a method."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from mer_bench.names import is_name
from mer_bench.results import RowResults, read_results
from mer_bench.store import Store
from mer_bench.store.schema import ProtocolRecord
from mer_bench.version import __version__
from mer_bench_reports.builder import build_report
from mer_bench_reports.published import PublishedRow
from mer_bench_reports.report_data import Comparison, Entry, ReportData


@dataclass(frozen=True)
class ProtocolPage:
    """The report on all rows of one protocol.

    Parameters
    ----------
    stem : str
        The name of the page's file without its suffix.
    report : ReportData
    """

    stem: str
    report: ReportData

    @property
    def protocol(self) -> ProtocolRecord:
        """The protocol."""
        return self.report.comparisons[0].protocol


@dataclass(frozen=True)
class Standing:
    """A row in one comparison of a protocol's page."""

    page: ProtocolPage
    comparison: Comparison
    entry: Entry


@dataclass(frozen=True)
class MethodPage:
    """All rows of one method, under whatever protocol.

    Parameters
    ----------
    stem : str
        The name of the page's file without its suffix.
    name : str
    title : str
    citations : tuple of str
        Each citation that a row of the method states, once.
    standings : tuple of Standing
        By protocol and comparison; a row without epochs may stand in several comparisons.
    published : tuple of PublishedRow
        The cited rows of the method's paper under these protocols.
    """

    stem: str
    name: str
    title: str
    citations: tuple[str, ...]
    standings: tuple[Standing, ...]
    published: tuple[PublishedRow, ...]

    @property
    def protocols(self) -> tuple[ProtocolPage, ...]:
        """The pages of the protocols under which the method was measured."""
        return tuple({standing.page.stem: standing.page for standing in self.standings}.values())

    @property
    def rows(self) -> tuple[tuple[RowResults, ReportData], ...]:
        """Each row once, with the report that names it."""
        found = {standing.entry.row.record["row_key"]: standing for standing in self.standings}
        return tuple((standing.entry.row, standing.page.report) for standing in found.values())


@dataclass(frozen=True)
class Site:
    """Everything that a site shows.

    Parameters
    ----------
    title : str
    generated : datetime
        With a time zone; shown in UTC.
    version : str
        The version of mer-bench that made it.
    protocols : tuple of ProtocolPage
    methods : tuple of MethodPage
        By title.
    sources : mapping of str to tuple of str
        Row key to who measured the row; empty where there is one source only.
    """

    title: str
    generated: datetime
    version: str
    protocols: tuple[ProtocolPage, ...]
    methods: tuple[MethodPage, ...]
    sources: Mapping[str, tuple[str, ...]]

    @property
    def measured_by(self) -> tuple[str, ...]:
        """The names of all sources, each once."""
        return tuple(dict.fromkeys(name for names in self.sources.values() for name in names))


def build_site(
    store: Store, title: str, sources: Mapping[str, tuple[str, ...]], *, generated: datetime | None = None
) -> Site:
    """Return the content of the site on a store.

    Parameters
    ----------
    store : Store
        It must exist until the site is written: scores of every epoch are read late.
    title : str
    sources : mapping of str to tuple of str
        What `row_sources` returns.
    generated : datetime, optional
        When the site is made, with a time zone; now by default.

    Raises
    ------
    MerBenchError
        The store has no result.
    """
    made = (generated or datetime.now(timezone.utc)).astimezone(timezone.utc)
    rows = read_results(store)
    if not rows:
        build_report(store, rows)  # raises, and says what to do
    by_protocol: dict[str, list[RowResults]] = {}
    for row in rows:
        by_protocol.setdefault(row.record["protocol"]["hash"], []).append(row)
    stems = _protocol_stems([members[0].record["protocol"] for members in by_protocol.values()])
    pages = [
        ProtocolPage(stems[digest], build_report(store, members, generated=made))
        for digest, members in by_protocol.items()
    ]
    ordered = tuple(sorted(pages, key=lambda page: page.stem))
    return Site(
        title=title,
        generated=made,
        version=__version__,
        protocols=ordered,
        methods=_method_pages(ordered),
        sources=sources,
    )


def leaderboard(comparison: Comparison) -> tuple[Entry, ...]:
    """Return the rows of a comparison by falling UF1 on the full set; those that are incomplete come last."""
    ranked = [entry for entry in comparison.entries if entry.row.means and entry.row.is_complete]
    others = [entry for entry in comparison.entries if entry not in ranked]
    return (*sorted(ranked, key=lambda entry: -entry.row.means["full", "uf1"].value), *others)


def _method_pages(pages: Sequence[ProtocolPage]) -> tuple[MethodPage, ...]:
    found: dict[str, list[Standing]] = {}
    for page in pages:
        for comparison in page.report.comparisons:
            for entry in leaderboard(comparison):
                name = entry.row.record["method"]["name"]
                found.setdefault(name, []).append(Standing(page, comparison, entry))
    made = [_method_page(name, standings) for name, standings in found.items()]
    return tuple(sorted(made, key=lambda page: (page.title.casefold(), page.name)))


def _method_page(name: str, standings: Sequence[Standing]) -> MethodPage:
    methods = [standing.entry.row.record["method"] for standing in standings]
    pages = {standing.page.stem: standing.page for standing in standings}.values()
    return MethodPage(
        stem=file_stem(name),
        name=name,
        title=methods[0]["title"],
        citations=tuple(dict.fromkeys(method["citation"] for method in methods if method["citation"])),
        standings=tuple(standings),
        published=tuple(row for page in pages for row in _published(page.report, name)),
    )


def _published(report: ReportData, name: str) -> Iterable[PublishedRow]:
    return (row for table in report.cited for _, rows in table.families for row in rows if row.method == name)


def file_stem(name: str) -> str:
    """Return a name as a file name: itself, or digits of its SHA-256 if it is not a name as mer-bench's own are."""
    return name if is_name(name) else hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:12]


def _protocol_stems(protocols: Sequence[ProtocolRecord]) -> dict[str, str]:
    """Return the file name of each protocol's page by its hash, which is part of it where protocols share a name."""
    plain = {protocol["hash"]: f"{protocol['name']}-{protocol['version']}" for protocol in protocols}
    names = list(plain.values())
    return {
        digest: file_stem(name if names.count(name) == 1 else f"{name}-{digest[:8]}") for digest, name in plain.items()
    }
