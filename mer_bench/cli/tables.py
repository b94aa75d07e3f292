"""Tables of results in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mer_bench.caveats import caveat_sentence
from mer_bench.cli.console import UNBOUNDED, print_line
from mer_bench.result_texts import folds_text, incomplete_text, mean_text, seeds_text, slice_notes
from mer_bench.results import METRICS, SeedResult, means
from mer_bench.rules import ORACLE, selection_sentence


def print_results(rows: Sequence[tuple[SeedResult, ...]], console: Console) -> None:
    """Print one table, or two: an oracle's scores never stand beside results.

    A table has a line for each row and seed, and a mean if there are several seeds. If that is too wide for the
    console, it has a line for each slice too. Title and captions are as wide as the console, whatever the table.

    Parameters
    ----------
    rows : sequence of tuple of SeedResult
        The seeds of each row.
    console : Console
    """
    for kind in (False, True):
        chosen = [seeds for seeds in rows if seeds and (seeds[0].selection == ORACLE) == kind]
        if chosen:
            print_line(console, f"\n{chosen[0][0].record['protocol']['title']}", "bold")
            console.print(_table(chosen, console))
            for caption in _captions(chosen):
                print_line(console, caption)


def _table(rows: Sequence[tuple[SeedResult, ...]], console: Console) -> Table:
    slices = list(rows[0][0].record["protocol"]["slices"])
    wide = _wide_table(rows, slices)
    unbounded = console.options.update(max_width=UNBOUNDED)
    fits = Measurement.get(console, unbounded, wide).maximum <= console.width
    return wide if fits else _long_table(rows, slices)


def _captions(rows: Sequence[tuple[SeedResult, ...]]) -> Iterator[str]:
    records = [seeds[0].record for seeds in rows]
    for selection in sorted({seeds[0].selection for seeds in rows}):
        name = selection.upper() if selection == ORACLE else selection
        yield f"selection: {name} ({selection_sentence(selection)})"
    yield "UF1 and UAR pooled over all folds"
    for caveat in sorted({caveat for record in records for caveat in record["caveats"]}):
        concerned = dict.fromkeys(record["method"]["name"] for record in records if caveat in record["caveats"])
        concerns_all = all(caveat in record["caveats"] for record in records)
        yield ("" if concerns_all else f"{', '.join(concerned)}: ") + caveat_sentence(caveat)
    yield from slice_notes(records[0])
    for seeds in rows:
        if len(seeds) > 1 and (incomplete := incomplete_text(seeds)):
            yield f"{seeds[0].record['method']['name']}: mean of {seeds_text(seeds)} seeds; {incomplete}"


def _blank_table(headings: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in headings:
        table.add_column(Text(heading), no_wrap=True)
    return table


def _wide_table(rows: Sequence[tuple[SeedResult, ...]], slices: list[str]) -> Table:
    pairs = [f"{name}\nUF1 / UAR" for name in slices]
    table = _blank_table(["method", "seed", "folds", *pairs, f"{slices[0]}\naccuracy"])
    for line, seeds in _lines(rows):
        is_mean = len(seeds) > 1
        texts = {name: _mean_texts(seeds, name) for name in slices}
        cells = [f"{uf1}\n{uar}" if is_mean else f"{uf1} {uar}" for uf1, uar, _ in texts.values()]
        table.add_row(*line, *cells, texts[slices[0]][2], style="bold" if is_mean else None)
    return table


def _long_table(rows: Sequence[tuple[SeedResult, ...]], slices: list[str]) -> Table:
    table = _blank_table(["method", "seed", "folds", "slice", "UF1", "UAR", "accuracy"])
    for line, seeds in _lines(rows):
        for name in slices:
            table.add_row(*line, name, *_mean_texts(seeds, name), style="bold" if len(seeds) > 1 else None)
            line = ["", "", ""]
    return table


def _lines(rows: Sequence[tuple[SeedResult, ...]]) -> Iterator[tuple[list[str], Sequence[SeedResult]]]:
    """Yield the first cells of each line, and the seeds whose mean it shows: each seed alone, then all of them."""
    for seeds in rows:
        method = seeds[0].record["method"]["name"]
        for seed in seeds:
            yield [method, str(seed.seed), folds_text(seed)], [seed]
        if len(seeds) > 1:
            yield [method, "mean", ""], seeds


def _mean_texts(seeds: Sequence[SeedResult], name: str) -> list[str]:
    known = means(seeds)
    return [mean_text(known.get((name, metric))) for metric in METRICS]
