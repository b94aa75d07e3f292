"""Tables of results in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from textwrap import wrap

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mer_bench.cli.console import UNBOUNDED, add_row, print_line
from mer_bench.cli.row_texts import DEVIATION, caveat_lines, incomplete_lines, input_lines, seed_text, settings_lines
from mer_bench.printable import printable_lines
from mer_bench.result_texts import (
    distinction_texts,
    folds_text,
    mean_text,
    preset_text,
    slice_notes,
)
from mer_bench.results import METRICS, SeedResult, means
from mer_bench.row_names import RowNames
from mer_bench.rules import ORACLE, selection_sentence

_LABELS = ("method", "seed", "folds")
_N_LABELS = len(_LABELS)
_LABEL_WIDTH = 14
"""Columns that a method's label may take before its preset is folded."""


def print_results(rows: Sequence[tuple[SeedResult, ...]], console: Console, names: RowNames) -> None:
    """Print one table, or two: an oracle's scores never stand beside results.

    A table has a line for each row and seed, and a mean if there are several seeds. If that is too wide for the
    console, it has a line for each slice too. Below its name, a row shows its preset, or in what it differs from other
    rows of its method; a caption has all that differs from the paper's. Title and captions are as wide as the console,
    whatever the table.

    Parameters
    ----------
    rows : sequence of tuple of SeedResult
        The seeds of each row.
    console : Console
    names : RowNames
        The short names of the stored rows.
    """
    for kind in (False, True):
        chosen = [seeds for seeds in rows if seeds and (seeds[0].selection == ORACLE) == kind]
        if chosen:
            print_line(console, f"\n{chosen[0][0].record['protocol']['title']}", "bold")
            console.print(_table(chosen, console))
            for caption in captions(chosen, names):
                print_line(console, caption)


def _table(rows: Sequence[tuple[SeedResult, ...]], console: Console) -> Table:
    slices = list(rows[0][0].record["protocol"]["slices"])
    wide = _wide_table(rows, slices)
    unbounded = console.options.update(max_width=UNBOUNDED)
    fits = Measurement.get(console, unbounded, wide).maximum <= console.width
    return wide if fits else _long_table(rows, slices)


def captions(rows: Sequence[tuple[SeedResult, ...]], names: RowNames) -> Iterator[str]:
    """Yield what readers of a table of these rows must know: settings, input, selection rule, caveats, lost seeds."""
    records = [seeds[0].record for seeds in rows]
    short = {record["row_key"]: names.of(record["method"]["name"], record["row_key"]) for record in records}
    yield from settings_lines(records, short)
    yield from input_lines(records, short)
    for selection in sorted({seeds[0].selection for seeds in rows}):
        name = selection.upper() if selection == ORACLE else selection
        yield f"selection: {name} ({selection_sentence(selection)})"
    yield "UF1 and UAR pooled over all folds"
    if any(mean.std is not None for seeds in rows for mean in means(seeds).values()):
        yield DEVIATION
    yield from caveat_lines(records, short)
    yield from slice_notes(records[0])
    yield from incomplete_lines(rows, short)


def _blank_table(headings: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for number, heading in enumerate(headings):
        # Numbers stay whole; names and folds are folded where a terminal is too narrow even for the long table.
        table.add_column(Text(printable_lines(heading)), no_wrap=number >= _N_LABELS, overflow="fold")
    return table


def _wide_table(rows: Sequence[tuple[SeedResult, ...]], slices: list[str]) -> Table:
    pairs = [f"{name}\nUF1 / UAR" for name in slices]
    table = _blank_table([*_LABELS, *pairs, f"{slices[0]}\naccuracy"])
    for label, line, seeds in _lines(rows):
        is_mean = len(seeds) > 1
        texts = {name: _mean_texts(seeds, name) for name in slices}
        cells = [f"{uf1}\n{uar}" if is_mean else f"{uf1} {uar}" for uf1, uar, _ in texts.values()]
        add_row(table, "\n".join(label), *line, *cells, texts[slices[0]][2])
    return table


def _long_table(rows: Sequence[tuple[SeedResult, ...]], slices: list[str]) -> Table:
    table = _blank_table([*_LABELS, "slice", "UF1", "UAR", "accuracy"])
    for label, line, seeds in _lines(rows):
        # The label's lines stand beside the slices; the last slice gets those that are left.
        labels = [*label[: len(slices) - 1], "\n".join(label[len(slices) - 1 :])]
        for name, text in zip_longest(slices, labels, fillvalue=""):
            cells = [text.replace("±", "\n±") for text in _mean_texts(seeds, name)]
            add_row(table, text, *line, name, *cells)
            line = ["", ""]
    return table


def _lines(
    rows: Sequence[tuple[SeedResult, ...]],
) -> Iterator[tuple[list[str], list[str], Sequence[SeedResult]]]:
    """Yield the label, the other first cells, and the seeds whose mean is shown: each seed alone, then all of them.

    The label of a row's last line has below the method's name the preset, or what tells the row from others.
    """
    distinctions = distinction_texts([seeds[0].record for seeds in rows])
    for seeds in rows:
        record = seeds[0].record
        method = record["method"]["name"]
        width = max(len(method), _LABEL_WIDTH)
        below = distinctions[record["row_key"]] or preset_text(record)
        preset = wrap(below, width, break_long_words=False, break_on_hyphens=False)
        for seed in seeds:
            label = [method, *preset] if len(seeds) == 1 else [method]
            yield label, [seed_text(seed), folds_text(seed)], [seed]
        if len(seeds) > 1:
            yield [method, *preset], ["mean", ""], seeds


def _mean_texts(seeds: Sequence[SeedResult], name: str) -> list[str]:
    known = means(seeds)
    return [mean_text(known.get((name, metric))) for metric in METRICS]
