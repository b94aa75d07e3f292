"""What a table shows about its rows, in sentences made from its numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from mer_bench.certainty import SIGNIFICANT, Ranking, level_text
from mer_bench.result_texts import mean_text
from mer_bench.statistics.paired import holm
from mer_bench_reports.report_data import Entry
from mer_bench_reports.wording import joined

_NAMED = 6
"""Rows that a sentence names; of more, it gives the number."""


def labels(entries: Sequence[Entry]) -> dict[str, str]:
    """Return a label for each row key: the title, and the short name too where rows share a title.

    Parameters
    ----------
    entries : sequence of Entry
        The rows of a table.
    """
    titles = Counter(entry.row.record["method"]["title"] for entry in entries)
    return {
        entry.row.record["row_key"]: title if titles[title] == 1 else f"{title} ({entry.name})"
        for entry in entries
        for title in [entry.row.record["method"]["title"]]
    }


def verdict(ranking: Ranking | None, entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return which row has the highest UF1, and of which others it is shown to be better.

    Parameters
    ----------
    ranking : Ranking or None
    entries : sequence of Entry
        The rows of the table, those of the ranking among them.
    """
    return () if ranking is None else tuple(_sentences(ranking, entries))


def _sentences(ranking: Ranking, entries: Sequence[Entry]) -> Iterator[str]:
    named = labels(entries)
    leader = named[ranking.leader.record["row_key"]]
    first = next(entry for entry in entries if entry.row is ranking.leader)
    interval = first.intervals.get(("full", "uf1"))
    known = f" ({level_text(interval)})" if interval else ""
    yield f"{leader} has the highest UF1: {mean_text(first.row.means['full', 'uf1'], ' ± ')}{known}."
    if min(holm([pair.smallest_p for pair in ranking.pairs.values()])) > SIGNIFICANT:
        yield "The rows differ on so few subjects that no difference can be shown."
        return
    worse = [named[key] for key, p in ranking.p.items() if p <= SIGNIFICANT]
    others = [named[key] for key, p in ranking.p.items() if p > SIGNIFICANT]
    adjusted = f", adjusted for {len(ranking.p)} differences" if len(ranking.p) > 1 else ""
    if worse:
        yield f"It is better than {_listed(worse)} (p at most {SIGNIFICANT}{adjusted})."
    if others:
        yield f"It is not shown to be better than {_listed(others)}."


def _listed(names: Sequence[str]) -> str:
    return joined(names) if len(names) <= _NAMED else f"{len(names)} other rows"
