"""The table of an ablation in the terminal: a line for each setting, and below it what its paper published."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from mer_bench.ablation import Ablation, AblationSetting, Pair
from mer_bench.cli.console import UNBOUNDED, add_row, print_line
from mer_bench.cli.tables import captions
from mer_bench.parameters import ParameterValue
from mer_bench.printable import printable_lines
from mer_bench.result_texts import folds_text, mean_text, seeds_text
from mer_bench.results import SeedResult, means
from mer_bench.row_names import RowNames
from mer_bench.sweep import setting_text

_LABELS = ("setting", "seeds", "folds")
_PUBLISHED = "  published"
_SETTING_WIDTH = 28
"""Columns that a setting may take before it is folded."""

_Row = tuple[AblationSetting, Sequence[SeedResult]]


def print_ablation(
    ablation: Ablation,
    settings: Sequence[AblationSetting],
    rows: Sequence[tuple[SeedResult, ...]],
    console: Console,
    names: RowNames,
) -> None:
    """Print the scores of an ablation, each slice in a column, or in a line of its own where that is too wide.

    Parameters
    ----------
    ablation : Ablation
    settings : sequence of AblationSetting
        The setting of each row.
    rows : sequence of tuple of SeedResult
        The seeds of each row; a row without any is left out.
    console : Console
    names : RowNames
        The short names of the stored rows.
    """
    shown = [(setting, seeds) for setting, seeds in zip(settings, rows, strict=True) if seeds]
    if not shown:
        return
    record = shown[0][1][0].record
    print_line(console, f"\n{record['method']['title']}: {ablation.title}", "bold")
    print_line(console, f"{record['protocol']['title']}; {ablation.source}")
    wide = _wide_table(shown)
    unbounded = console.options.update(max_width=UNBOUNDED)
    fits = Measurement.get(console, unbounded, wide).maximum <= console.width
    console.print(wide if fits else _long_table(shown))
    for line in _remarks(ablation, shown):
        print_line(console, line)
    for caption in captions([tuple(seeds) for _, seeds in shown], names):
        print_line(console, caption)


def ablation_facts(ablation: Ablation, setting: AblationSetting, protocol: str) -> dict[str, object]:
    """Return what a JSON object of ``mer-bench ablate`` says of the ablation and of its row's setting."""
    scores = setting.published.get(protocol, {})
    return {
        "name": ablation.name,
        "place": ablation.place,
        "source": ablation.source,
        "setting": _plain(setting.values),
        "note": setting.note,
        "published": {name: {"uf1": pair[0], "uar": pair[1]} for name, pair in scores.items()},
    }


def _plain(values: Mapping[str, ParameterValue]) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _wide_table(rows: Sequence[_Row]) -> Table:
    slices = _slices(rows)
    table = _blank([*_LABELS, *(f"{name}\nUF1 / UAR" for name in slices)])
    for setting, seeds in rows:
        pairs = [_score_texts(seeds, name) for name in slices]
        add_row(table, *_label(setting, seeds), *(("\n" if "±" in uf1 else " ").join((uf1, uar)) for uf1, uar in pairs))
        published = _published(setting, seeds)
        if published:
            given = [published.get(name) for name in slices]
            add_row(table, _PUBLISHED, "", "", *("" if pair is None else " ".join(_pair_texts(pair)) for pair in given))
    return table


def _long_table(rows: Sequence[_Row]) -> Table:
    table = _blank([*_LABELS, "slice", "UF1", "UAR", "published\nUF1 / UAR"])
    for setting, seeds in rows:
        published = _published(setting, seeds)
        label = _label(setting, seeds)
        for name in _slices(rows):
            pair = published.get(name)
            scores = [text.replace("±", "\n±") for text in _score_texts(seeds, name)]
            add_row(table, *label, name, *scores, "" if pair is None else " ".join(_pair_texts(pair)))
            label = ["", "", ""]
    return table


def _blank(headings: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(headings[0], max_width=_SETTING_WIDTH, overflow="fold")
    for heading in headings[1:]:
        table.add_column(Text(printable_lines(heading)), no_wrap=True)
    return table


def _label(setting: AblationSetting, seeds: Sequence[SeedResult]) -> list[str]:
    folds = dict.fromkeys(folds_text(seed) for seed in seeds)
    return [setting_text(setting.values), seeds_text(seeds), "\n".join(folds)]


def _slices(rows: Sequence[_Row]) -> list[str]:
    return list(rows[0][1][0].record["protocol"]["slices"])


def _published(setting: AblationSetting, seeds: Sequence[SeedResult]) -> Mapping[str, Pair]:
    return setting.published.get(seeds[0].record["protocol"]["name"], {})


def _score_texts(seeds: Sequence[SeedResult], name: str) -> tuple[str, str]:
    known = means(seeds)
    return mean_text(known.get((name, "uf1"))), mean_text(known.get((name, "uar")))


def _pair_texts(pair: Pair) -> tuple[str, str]:
    return f"{pair[0]:.4f}", f"{pair[1]:.4f}"


def _remarks(ablation: Ablation, rows: Sequence[_Row]) -> Iterator[str]:
    """Yield what the source reports, what is said of single settings, and what the source leaves open."""
    if ablation.reported:
        yield f"reported: {ablation.reported}"
    if any(_published(setting, seeds) for setting, seeds in rows):
        yield "published: as the source prints it, of its own training and data; not measured here"
    else:
        yield "the source prints no scores of these settings under this protocol"
    yield from (f"{setting_text(setting.values)}: {setting.note}" for setting, _ in rows if setting.note)
    yield from (f"remark: {remark}" for remark in ablation.remarks)
