"""Reading a report back as its readers do."""

from __future__ import annotations

import csv
from html.parser import HTMLParser

from mer_bench.store import Store
from mer_bench_reports import write_report


def texts(store: Store) -> dict[str, str]:
    return {kind: path.read_text("utf-8") for kind, path in write_report(store, store.path / "out").items()}


def csv_rows(store: Store) -> list[dict[str, str]]:
    return list(csv.DictReader(texts(store)["csv"].splitlines()))


def measured(store: Store) -> list[dict[str, str]]:
    return [row for row in csv_rows(store) if row["kind"] == "measured"]


def visible(html: str) -> str:
    """Return the page's text as a reader sees it, white space squeezed."""
    pieces: list[str] = []

    class Words(HTMLParser):
        def handle_data(self, data: str) -> None:
            pieces.append(data)

    Words().feed(html)
    return " ".join(" ".join(pieces).split())
