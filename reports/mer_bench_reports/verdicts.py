"""What a table shows about its rows, in sentences made from its numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from mer_bench.certainty import SIGNIFICANT, Ranking, level_text, name_with_seeds, number_text
from mer_bench.result_texts import mean_text
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
    """Return which row has the highest UF1, of which others it is shown to be better, and which rows are left out.

    Parameters
    ----------
    ranking : Ranking or None
    entries : sequence of Entry
        The rows of the table, those of the ranking among them.
    """
    named = labels(entries)
    left_out = [
        name_with_seeds(named[entry.row.record["row_key"]], entry.row.seeds)
        for entry in entries
        if entry.row.means and not entry.row.is_complete
    ]
    said = () if ranking is None else (_first(ranking, entries, named), *_differences(ranking, named))
    if not left_out:
        return said
    return (*said, f"Not ranked, because a mean over fewer seeds may be lucky: {_listed(left_out, 'rows')}.")


def _first(ranking: Ranking, entries: Sequence[Entry], named: Mapping[str, str]) -> str:
    """Return the sentence about the row with the highest UF1, or those that tie."""
    mean = ranking.leader.means["full", "uf1"]
    names = [named[row.record["row_key"]] for row in (ranking.leader, *ranking.tied)]
    if ranking.tied:
        return f"{_listed(names, 'rows')} have the highest UF1: {number_text(mean.value)}."
    interval = next(entry.intervals for entry in entries if entry.row is ranking.leader).get(("full", "uf1"))
    known = f" ({level_text(interval)})" if interval else ""
    return f"{names[0]} has the highest UF1: {mean_text(mean, ' ± ')}{known}."


def _differences(ranking: Ranking, named: Mapping[str, str]) -> Iterator[str]:
    if not any(pair.differing for pair in ranking.pairs.values()):
        yield "They predict the same: their confusion matrices agree for every subject."
        return
    if ranking.smallest_p > SIGNIFICANT:
        yield "The rows differ on so few subjects that no difference can be shown."
        return
    leader = named[ranking.leader.record["row_key"]] if ranking.tied else "It"
    worse = [named[key] for key, p in ranking.p.items() if p <= SIGNIFICANT]
    others = [named[key] for key, p in ranking.p.items() if p > SIGNIFICANT]
    adjusted = f", adjusted for {ranking.n_pairs} pairs of rows" if ranking.n_pairs > 1 else ""
    if worse:
        yield f"{leader} is better than {_listed(worse)} (p at most {SIGNIFICANT}{adjusted})."
    if others:
        yield f"{leader} is not shown to be better than {_listed(others)}."


def _listed(names: Sequence[str], many: str = "other rows") -> str:
    return joined(names) if len(names) <= _NAMED else f"{len(names)} {many}"
