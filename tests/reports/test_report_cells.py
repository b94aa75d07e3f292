"""Every cell of every table of a report, under its headings, in every format, against scores computed by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import unescape
from itertools import product
from math import comb

import pytest
from support.latex import latex_tables, score_tables
from support.rendered import Line, html_facts, html_tables, markdown_facts, markdown_tables
from support.report_case import NETWORKS, ROWS, Report, Row, Scores, Seed, mean_and_deviation, scores_of
from support.store_factory import CLASSES, Predictor

from mer_bench.statistics.paired import Pair, compare, holm
from mer_bench.statistics.resampling import Interval, intervals
from mer_bench_reports.wording import BOLD_TEXT, COST_TEXT, DEVIATION_TEXT, INTERVAL_TEXT

TITLES = {"full": "Full", "smic": "SMIC", "samm": "SAMM", "casme2": "CASME II"}
PAIRS = [(name, metric) for name in TITLES for metric in ("uf1", "uar")]
NAMES = {
    1: ("floor", "svm", "alpha", "alpha 2", "beta", "lab"),
    2: ("floor", "svm", "inner", "lab"),
    3: ("guess", "other"),
}
"""The rows of each comparison in the order of its table."""

COMPOSITE_SIZES = {"full": 83, "smic": 27, "samm": 26, "casme2": 30}
SIZES = {1: COMPOSITE_SIZES, 2: COMPOSITE_SIZES, 3: {"full": 64}}


@dataclass(frozen=True)
class Label:
    """The other cells of a row."""

    family: str
    title: str
    seeds: str
    folds: str
    samples: str
    settings: str = "defaults"
    signs: str = ""
    badge: str = ""
    verification: str = "not verified"


def named(number: int, name: str, *others: str) -> str:
    """Return short name, badge and settings of a row on the page."""
    label = LABELS[number, name]
    return " ".join(filter(None, (short_name(name), label.badge, "; ".join(filter(None, (label.settings, *others))))))


def named_in_text(number: int, name: str, *others: str) -> str:
    """Return the same in Markdown and LaTeX."""
    label = LABELS[number, name]
    return "; ".join(filter(None, (short_name(name), label.badge, label.settings, *others)))


def short_name(name: str) -> str:
    record = ROWS[name].record
    return f"{record['method']['name']}-{record['row_key'][:4]}"


FLOOR = Label("Baselines", "Floor", "deterministic", "7", "83")
SVM = Label(
    *("Handcrafted", "SVM", "2 of 3", "seed 0: folds 5/7, 1 failed", "seed 0: 60/83"),
    settings="preset fixed; differs from the defaults in C=10.5",
)
LABELS = {
    (1, "floor"): FLOOR,
    (1, "svm"): SVM,
    (1, "alpha"): Label(
        *("Deep learning", "alpha net", "2", "7", "83", "differs from preset paper in lr=0.1, width=12", "†‡"),
        badge="quick, not the paper's training",
        verification="verified 2 of 14 cells, 1 differs",
    ),
    (1, "alpha 2"): Label(
        *("Deep learning", "alpha net", "2", "7", "83", "", "§"),
        badge="paper, lr=0.2, not the paper's training",
        verification="verified 1 of 14 cells, 1 of them within the spread of seeds",
    ),
    (1, "beta"): Label("Deep learning", "Beta net", "0 of 1", "folds 6/7, 1 failed", "67/83", "preset paper", "¶(5)"),
    (1, "lab"): Label("aardvark", "Lab trick", "1", "7", "83", signs="(6)"),
    (2, "floor"): FLOOR,
    (2, "svm"): SVM,
    (2, "inner"): Label(
        *("Deep learning", "alpha net", "1", "7", "83", "differs from preset paper in weights=w.pt, lr=0.3"),
        badge="quick, weights=w.pt, not the paper's training",
    ),
    (2, "lab"): Label("aardvark", "Lab trick", "1", "7", "83", signs="†"),
    (3, "guess"): Label("Baselines", "Guess", "2", "3", "64"),
    (3, "other"): Label("Baselines", "Other", "2", "3", "64"),
}


COSTS = {
    # minutes of a complete seed, trainable parameters, millions of FLOPs
    "svm": ("0.0729", "–", "–"),
    "alpha": ("7.04", "12,345,678", "2,346"),
    "alpha 2": ("0.0583", "4,711", "–"),
    "beta": ("–", "–", "–"),
    "inner": ("0.0583", "98,765", "0.346"),
    "guess": ("0.0250", "–", "–"),
    "other": ("0.0250", "–", "–"),
}
COST_LINES = {
    "svm": "0.0729 minutes",
    "alpha": "7.04 minutes, 12,345,678 parameters, 2,346 MFLOPs",
    "alpha 2": "0.0583 minutes, 4,711 parameters",
    "beta": "",
    "inner": "0.0583 minutes, 98,765 parameters, 0.346 MFLOPs",
    "guess": "0.0250 minutes",
    "other": "0.0250 minutes",
}


def cost_cells(name: str) -> Line:
    return dict(zip(("Minutes", "Parameters", "MFLOPs"), COSTS.get(name, ("0.0583", "–", "–")), strict=True))


def csv_cost(name: str) -> Line:
    """Return time, parameters and FLOPs as numbers, the time from the seconds of the case."""
    row, network = ROWS[name], NETWORKS.get(name, {})
    complete = [seed for seed in row.seeds.values() if seed.is_complete]
    time = sum(seed.seconds for seed in complete) * len(row.record["folds"]) / 60 / max(len(complete), 1)
    return {
        "minutes": shortened(time or None),
        "trainable_parameters": str(network.get("trainable", "")),
        "flops": str(network.get("flops") or ""),
    }


def seed_scores(row: Row) -> list[Scores]:
    return [row.scores(seed) for seed in row.seeds]


def printed(mean: tuple[float, float | None] | None) -> str:
    if mean is None:
        return "–"
    return f"{mean[0]:.4f}" if mean[1] is None else f"{mean[0]:.4f} ± {mean[1]:.4f}"


def heading(column: tuple[str, str]) -> str:
    return f"{TITLES[column[0]]} {column[1].capitalize() if column[1] == 'accuracy' else column[1].upper()}"


def columns(number: int) -> list[tuple[str, str]]:
    return [(name, metric) for name, metric in PAIRS if name in SIZES[number]] + [("full", "accuracy")]


@cache
def intervals_of(name: str) -> dict[tuple[str, str], Interval]:
    """Return the interval of each slice and score of a row; nothing without a complete seed."""
    found = {}
    for part in ROWS[name].record["protocol"]["slices"]:
        counts = ROWS[name].counts(part)
        pair = intervals(counts) if counts else None
        found.update(zip(((part, "uf1"), (part, "uar")), pair or (), strict=False))
    return found


def score_cells(number: int, name: str) -> Line:
    """Return a row's scores by heading, with an asterisk before those that are ahead of all others of the family."""
    cells = {}
    for column in columns(number):
        text = printed(mean_and_deviation(seed_scores(ROWS[name]), column))
        interval = intervals_of(name).get(column)
        limits = f" ({interval.low:.4f} to {interval.high:.4f})" if interval else ""
        cells[heading(column)] = "*" * is_ahead(number, name, column) + text + limits
    return cells


def leader_of(number: int) -> str:
    """Return the row with the highest UF1 on the full set, of those with every seed complete."""
    complete = [name for name in NAMES[number] if ROWS[name].is_complete]
    values = {name: mean_and_deviation(seed_scores(ROWS[name]), ("full", "uf1")) for name in complete}
    means = {name: value[0] for name, value in values.items() if value}
    return max(means, key=means.__getitem__)


@cache
def pairs_of(number: int) -> dict[str, tuple[Pair, float]]:
    """Return for each other complete row: the leader beside it, and p of UF1 adjusted for all pairs of these rows."""
    leader = ROWS[leader_of(number)].counts("full")
    assert leader
    counts = {
        name: ROWS[name].counts("full")
        for name in NAMES[number]
        if name != leader_of(number) and ROWS[name].is_complete
    }
    pairs = {name: compare(leader, other) for name, other in counts.items() if other}
    adjusted = holm([pair.differences["uf1"].p for pair in pairs.values()], among=comb(len(pairs) + 1, 2))
    return {name: (pair, p) for (name, pair), p in zip(pairs.items(), adjusted, strict=True)}


def signed(number: float) -> str:
    """Return a difference with its sign; what is printed as zero has none."""
    text = f"{number:+.4f}"
    return text if float(text) else "0.0000"


def difference_cells(pair: Pair, p: float) -> Line:
    cells = {}
    for metric in ("uf1", "uar"):
        found = pair.differences[metric]
        limits = f" ({signed(found.interval.low)} to {signed(found.interval.high)})" if found.interval else ""
        cells[metric.upper()] = signed(found.value) + limits
    cells["p, UF1"] = f"{p:.4f}" if p < 0.1 else f"{p:.3f}"
    share = pair.differences["uf1"].probability
    cells["First better"] = "> 99 %" if 0.995 < share < 1 else f"{100 * share:.0f} %"
    cells["Subjects: first, other, neither"] = f"{pair.better}, {pair.worse}, {pair.equal}"
    return cells


def is_ahead(number: int, name: str, column: tuple[str, str]) -> bool:
    """Return whether the intervals of mean ± deviation of all complete rows of the family are below the row's own.

    A row with one score has no interval, and nothing beside it is ahead.
    """
    family = [other for other in NAMES[number] if LABELS[number, other].family == LABELS[number, name].family]
    complete = [other for other in family if ROWS[other].is_complete]
    intervals = {}
    for other in complete:
        mean, deviation = mean_and_deviation(seed_scores(ROWS[other]), column) or (0.0, None)
        if deviation is None:
            return False
        intervals[other] = (float(f"{mean:.4f}"), deviation)
    if name not in complete or len(complete) == 1:
        return False
    mean, deviation = intervals.pop(name)
    return all(mean - deviation > below + other for below, other in intervals.values())


def test_the_case_can_tell_cells_apart() -> None:
    for number in (1, 2):
        cells = [score_cells(number, name) for name in NAMES[number]]
        values = [text.lstrip("*") for row in cells for text in row.values() if text != "–"]
        assert len(set(values)) == len(values)
    bold = {name: {head for head, text in score_cells(1, name).items() if text[0] == "*"} for name in NAMES[1]}
    assert {name for name in bold if bold[name]} == {"alpha", "alpha 2"}
    assert len(bold["alpha"] | bold["alpha 2"]) < len(columns(1))
    assert ("Full UF1" in bold["alpha"]) != ("Full UAR" in bold["alpha"])
    guess, other = (mean_and_deviation(seed_scores(ROWS[name]), ("full", "uf1")) for name in NAMES[3])
    assert guess is not None
    assert other is not None
    assert 0 < abs(guess[0] - other[0]) < 5e-5


def test_the_case_can_tell_differences_apart() -> None:
    assert [leader_of(number) for number in NAMES] == ["alpha", "inner", "other"]
    signs = set()
    for number in NAMES:
        cells = [difference_cells(*pair) for pair in pairs_of(number).values()]
        differences = [line[metric] for line in cells for metric in ("UF1", "UAR")]
        assert len(set(differences)) == len(differences)
        signs |= {text[0] for text in differences}
    assert signs == {"+", "-", "0"}
    found = [pair for number in NAMES for pair in pairs_of(number).values()]
    assert any(p != pair.differences["uf1"].p for pair, p in found)
    assert [any(pair.differences["uf1"].interval for pair, _ in pairs_of(n).values()) for n in NAMES] == [
        True,
        True,
        False,
    ]
    assert any(pair.better != pair.worse != pair.equal for pair, _ in found)


def test_comparison_tables_of_the_page(report: Report) -> None:
    tables = [table for table in html_tables(report.html) if len(table.under) == 1 and "Comparison" in table.under[0]]
    assert [(table.under[0], table.caption) for table in tables] == [
        ("Comparison 1: Protocol cde", "Measured under cde@1, selection rule last, input Named maps"),
        ("Comparison 2: Protocol cde", "Measured under cde@1, selection rule inner, input Named maps"),
        (
            "Comparison 3: Protocol loso-casme3",
            "Measured under loso-casme3@1, selection rule none, input Named maps; synthetic, partial data",
        ),
    ]
    for number, table in enumerate(tables, start=1):
        expected = []
        for name in NAMES[number]:
            label, cells = LABELS[number, name], score_cells(number, name)
            line = {"Method": " ".join(filter(None, (label.title, label.signs))), **cells}
            line["Folds"] = label.folds
            if set(cells.values()) == {"–"}:
                line |= dict.fromkeys([*cells, "Folds"], f"{label.folds}: incomplete, no mean")
            line |= {"Samples": label.samples, "Seeds": label.seeds, **cost_cells(name)}
            line["Settings"] = named(number, name, label.verification)
            expected.append({"family": label.family, **line})
        assert table.lines == expected


def test_comparison_tables_of_the_markdown(report: Report) -> None:
    tables = [t for t in markdown_tables(report.markdown) if len(t.under) == 1 and "Comparison" in t.under[0]]
    assert len(tables) == len(NAMES)
    for number, table in enumerate(tables, start=1):
        labels = {name: LABELS[number, name] for name in NAMES[number]}
        assert table.lines == [
            {
                "family": label.family,
                "Method": label.title + label.signs,
                "Settings": named_in_text(number, name),
                "Seeds": label.seeds,
                "Folds": label.folds,
                "Samples": label.samples,
                **score_cells(number, name),
                **cost_cells(name),
                "Verification": label.verification,
            }
            for name, label in labels.items()
        ]


def test_comparison_tables_of_the_latex(report: Report) -> None:
    tables = score_tables(report.latex)
    for (number, names), table in zip(NAMES.items(), tables, strict=True):
        expected = []
        for name in names:
            label, row = LABELS[number, name], score_cells(number, name)
            missing = label.folds if not label.folds.isdecimal() else ""
            below = named_in_text(number, name, label.verification, COST_LINES.get(name, "0.0583 minutes"), missing)
            method = " ".join(filter(None, (label.title, label.signs)))
            expected.append({"family": label.family, "Method": method, **row, "Seeds": label.seeds, "Settings": below})
        assert table.lines == expected
        assert table.caption.startswith(f"Comparison {number}: Protocol ")
        assert table.caption.endswith("input Named maps.")
        assert all(note in table.under[1] for note in NOTES[number - 1])


def leader_label(number: int) -> str:
    """Return how sentences name the leader: with its short name, if other rows share its title."""
    title = LABELS[number, leader_of(number)].title
    shared = [name for name in NAMES[number] if LABELS[number, name].title == title]
    return title if len(shared) == 1 else f"{title} ({short_name(leader_of(number))})"


def test_differences_from_the_leader_on_the_page(report: Report) -> None:
    tables = [table for table in html_tables(report.html) if table.under[-1] == "Differences from the highest UF1"]
    assert [table.under[0][:13] for table in tables] == ["Comparison 1:", "Comparison 2:", "Comparison 3:"]
    for number, table in enumerate(tables, start=1):
        assert table.caption == f"{leader_label(number)} less each other row, full set"
        assert table.lines == [
            {"Other row": f"{LABELS[number, name].title} {named(number, name)}", **difference_cells(*found)}
            for name, found in pairs_of(number).items()
        ]


def test_differences_from_the_leader_in_markdown(report: Report) -> None:
    tables = [t for t in markdown_tables(report.markdown) if t.under[-1].endswith("differences from the highest UF1")]
    for number, table in zip(NAMES, tables, strict=True):
        assert table.under[1] == f"Comparison {number}: differences from the highest UF1"
        head = f"{leader_label(number)} less"
        assert table.lines == [
            {head: LABELS[number, name].title, "Settings": named_in_text(number, name), **difference_cells(*found)}
            for name, found in pairs_of(number).items()
        ]


def test_differences_from_the_leader_in_latex(report: Report) -> None:
    tables = [table for table in latex_tables(report.latex) if "Other row" in table.lines[0]]
    for number, table in zip(NAMES, tables, strict=True):
        assert table.caption == f"Comparison {number}: {leader_label(number)} less each other row, full set."
        labels = {name: LABELS[number, name] for name in pairs_of(number)}
        assert table.lines == [
            {
                "Other row": ", ".join(filter(None, (label.title, short_name(name), label.badge))),
                **difference_cells(*pairs_of(number)[name]),
            }
            for name, label in labels.items()
        ]


def mixed(one: Seed, other: Seed, swapped: Sequence[str]) -> Predictor:
    """Return a row's predictions, but another row's for the subjects that are swapped."""
    return lambda key, truth: (other if key.rpartition("/")[0] in swapped else one).predict(key, truth)


def p_of_all_swaps(a: Row, b: Row) -> float:
    """Return the share of all ways to swap subjects that give such a difference in the mean UF1 of the seeds."""
    subjects = sorted({key.rpartition("/")[0] for fold in a.record["folds"].values() for key in fold["samples"]})
    seeds = list(product(a.seeds.values(), b.seeds.values())) if len(a.seeds) != len(b.seeds) else None
    differences = []
    for ways in product((False, True), repeat=len(subjects)):
        swapped = [subject for subject, way in zip(subjects, ways, strict=True) if way]
        differences.append(
            sum(
                scores_of(a.record, [mixed(one, other, swapped)])["full", "uf1"]
                - scores_of(a.record, [mixed(other, one, swapped)])["full", "uf1"]
                for one, other in seeds or zip(a.seeds.values(), b.seeds.values(), strict=True)
            )
        )
    return sum(abs(found) >= abs(differences[0]) - 1e-9 for found in differences) / len(differences)


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2, 3])
def test_p_is_that_of_all_swaps_counted_by_hand(report: Report, number: int) -> None:
    """The leader is chosen by the scores, so the p of three other rows are the smallest of six: times 6, 5 and 4."""
    leader = leader_of(number)
    others = [name for name in NAMES[number] if name != leader and ROWS[name].is_complete]
    p = {name: p_of_all_swaps(ROWS[leader], ROWS[name]) for name in others}
    adjusted, largest, n_pairs = {}, 0.0, len(others) * (len(others) + 1) // 2
    for rank, name in enumerate(sorted(others, key=p.__getitem__)):
        largest = min(max(largest, (n_pairs - rank) * p[name]), 1)
        adjusted[name] = largest
    leads = {row["row"]: row["lead"] for row in report.json["comparisons"][number - 1]["rows"]}
    found = {short_name(name): leads[short_name(name)] for name in others}
    assert {key: lead["differences"]["uf1"]["p"] for key, lead in found.items()} == pytest.approx(
        {short_name(name): p[name] for name in others}
    )
    assert {key: lead["adjusted_p"] for key, lead in found.items()} == pytest.approx(
        {short_name(name): adjusted[name] for name in others}
    )
    assert {key for key, lead in leads.items() if lead} == set(found)


def seed_lines(number: int, name: str) -> list[Line]:
    lines = []
    for seed, state in ROWS[name].seeds.items():
        folds = (
            f"{3 if number == 3 else 7}" if state.is_complete else LABELS[number, name].folds.removeprefix("seed 0: ")
        )
        means = {heading(c): printed(mean_and_deviation([ROWS[name].scores(seed)], c)) for c in columns(number)[:-1]}
        lines.append({"Seed": str(seed), "Folds": folds, **means})
    return lines


def confusion_lines(row: Row, seed: Seed, slice_name: str, *, is_page: bool) -> list[Line]:
    """Count a seed's predictions: true classes in rows, with the share of the row."""
    databases = row.record["protocol"]["slices"][slice_name]
    samples = {key: t for fold in row.record["folds"].values() for key, t in fold["samples"].items()}
    inside = [(t, seed.predict(key, t)) for key, t in samples.items() if key.split("/")[0] in databases]
    lines = []
    for true, class_name in enumerate(CLASSES):
        counts = [inside.count((true, predicted)) for predicted in range(3)]
        shares = [f"{n / sum(counts):.2f}" if any(counts) else "–" for n in counts]
        cells = [f"{n} {share}" if is_page else f"{n} ({share})" for n, share in zip(counts, shares, strict=True)]
        corner = "true class" if is_page else "true class ↓, prediction →"
        lines.append({corner: class_name, **dict(zip(CLASSES, cells, strict=True))})
    return lines


@pytest.mark.parametrize("is_page", [True, False], ids=["html", "markdown"])
def test_seeds_and_confusion_matrices(report: Report, is_page: bool) -> None:
    expected = {}
    for (number, name), label in LABELS.items():
        told = named(number, name) if is_page else f"({named_in_text(number, name)})"
        row, title = ROWS[name], f"{label.title} {told}"
        complete = [(seed, state) for seed, state in row.seeds.items() if state.is_complete]
        for seed, state in complete[:1]:
            for part in SIZES[number]:
                caption = f"{TITLES[part]}, seed {seed}"
                expected[number, title, caption] = confusion_lines(row, state, part, is_page=is_page)
        if len(row.seeds) > 1:
            caption = "UF1 and UAR of each seed" if is_page else "every seed"
            expected[number, title, caption] = seed_lines(number, name)
    tables = {}
    for table in html_tables(report.html) if is_page else markdown_tables(report.markdown):
        if is_page and "Confusion matrices" in table.under:
            tables[int(table.under[0][11]), table.under[2], table.caption] = table.lines
        elif table.under[0] == "Seeds and confusion matrices":
            parts = re.fullmatch(r"(.*): comparison (\d), (.*)", table.under[1])
            assert parts
            tables[int(parts[2]), parts[1], parts[3]] = table.lines
    assert tables == expected


PROGRESS = {
    # name and seed: n_seeds, n_folds, folds_done, folds_failed, complete, incomplete
    ("svm", 0): ("0", "7", "5", "1", "false", "folds 5/7, 1 failed"),
    ("svm", "mean"): ("2", "7", "5", "1", "false", "seed 0: folds 5/7, 1 failed"),
    ("beta", 0): ("0", "7", "6", "1", "false", "folds 6/7, 1 failed"),
    ("alpha 2 oracle", 1): ("0", "7", "0", "0", "false", "folds 0/7"),
    ("alpha 2 oracle", "mean"): ("1", "7", "0", "0", "false", "seed 1: folds 0/7"),
    ("beta oracle", 0): ("0", "7", "6", "1", "false", "folds 6/7, 1 failed"),
}
"""Of the lines that are not complete."""


def csv_lines(number: int, name: str, *, is_oracle: bool = False) -> list[Line]:
    """Return the lines of a row, without the protocol's and the method's columns; scores as `repr` prints them."""
    row = ROWS[name]
    by_seed = {seed: row.oracle_scores(seed) if is_oracle else row.scores(seed) for seed in row.seeds}
    groups: dict[int | str, list[Scores]] = {seed: [scores] for seed, scores in by_seed.items()}
    if len(by_seed) > 1:
        groups["mean"] = list(by_seed.values())
    lines = []
    for seed, members in groups.items():
        complete = sum(map(bool, members))
        n_folds = str(len(row.record["folds"]))
        progress = PROGRESS.get((f"{name} oracle" if is_oracle else name, seed))
        for part, size in SIZES[number].items():
            line = {"comparison": str(number), "kind": "diagnostic" if is_oracle else "measured", "seed": str(seed)}
            for metric in ("uf1", "uar", "accuracy"):
                mean, deviation = mean_and_deviation(members, (part, metric)) or (None, None)
                line |= {metric: shortened(mean), f"{metric}_std": shortened(deviation)}
            line |= csv_certainty(number, name, part, stands_for_row=seed == list(groups)[-1] and not is_oracle)
            heads = ("n_seeds", "n_folds", "folds_done", "folds_failed", "complete", "incomplete")
            cells = progress or (str(complete), n_folds, n_folds, "0", "true", "")
            line |= {"slice": part, "n_samples": str(size) if complete else "", **dict(zip(heads, cells, strict=True))}
            lines.append(line)
    return lines


def csv_certainty(number: int, name: str, part: str, *, stands_for_row: bool) -> Line:
    """Return limits and lead: empty but in the line that stands for the row."""
    line = dict.fromkeys((f"{score}_{end}" for score in ("uf1", "uar", "lead") for end in ("low", "high")), "")
    line |= {"lead": "", "lead_p": ""}
    if not stands_for_row:
        return line
    for metric in ("uf1", "uar"):
        if interval := intervals_of(name).get((part, metric)):
            line |= {f"{metric}_low": shortened(interval.low), f"{metric}_high": shortened(interval.high)}
    if part == "full" and name in pairs_of(number):
        pair, p = pairs_of(number)[name]
        lead = pair.differences["uf1"]
        line |= {"lead": shortened(lead.value), "lead_p": shortened(p)}
        if lead.interval:
            line |= {"lead_low": shortened(lead.interval.low), "lead_high": shortened(lead.interval.high)}
    return line


def shortened(number: float | str | None) -> str:
    """Return a number to 11 digits: sums of other order differ in the last ones."""
    return "" if number in (None, "") else f"{float(number):.11f}"


def settings_columns(preset: str, badge: str, differs_from: str, differs: str) -> Line:
    return {"preset": preset, "badge": badge, "differs_from": differs_from, "differs": differs}


QUICK, CHANGED = "quick, not the paper's training", "paper, lr=0.2, not the paper's training"
SETTINGS = {
    "svm": settings_columns("fixed", "", "", "C=10.5"),
    "alpha": settings_columns("quick", QUICK, "paper", "lr=0.1, width=12"),
    "alpha 2": settings_columns("paper", CHANGED, "paper", "lr=0.2"),
    "beta": settings_columns("paper", "", "paper", ""),
    "inner": settings_columns("quick", QUICK.replace(",", ", weights=w.pt,"), "paper", "weights=w.pt, lr=0.3"),
}
INPUT = {
    "input": "Named maps",
    "input_citation": "Someone 2020",
    "input_licence": "MIT",
    "input_flow": "tv-l1",
    "input_channels": "u, v, os",
    "input_scale": "per-map-8bit",
    "input_preprocessing": "none, ready-made",
}
MACHINE = {
    "alpha": {"arithmetic": "native", "processor": "An AMD, An Intel", "device": "cpu"},
    "alpha 2": {"arithmetic": "avx2", "processor": "An AMD, An Intel", "device": "cpu"},
    "beta": {"arithmetic": "avx2", "processor": "A Processor", "device": "cuda"},
}
VERIFIED = {
    "alpha": {"verification": LABELS[1, "alpha"].verification, "cells_verified": "2", "cells_differing": "1"},
    "alpha 2": {"verification": LABELS[1, "alpha 2"].verification, "cells_verified": "1", "cells_differing": "0"},
}


def identity(name: str, *, is_oracle: bool = False) -> Line:
    record = ROWS[name].record
    is_synthetic = str(name in NAMES[3]).lower()
    selection = {"full": "last", "inner": "inner"}[record["training"]] if record["trains_by_epoch"] else "none"
    return {
        "selection": "oracle" if is_oracle else selection,
        "caveats": " ".join(record["caveats"]),
        "family": record["method"]["family"],
        "method": record["method"]["name"],
        "row": short_name(name),
        "title": record["method"]["title"],
        "params": ", ".join(f"{key}={value}" for key, value in record["params"].items()),
        **SETTINGS.get(name, {"preset": "defaults", "badge": "", "differs_from": "", "differs": ""}),
        **INPUT,
        "input_digest": record["input"]["digest"][:12],
        **MACHINE.get(name, {"arithmetic": "avx2", "processor": "A Processor", "device": "cpu"}),
        "deterministic": str(name == "floor").lower(),
        **VERIFIED.get(name, {"verification": "not verified", "cells_verified": "0", "cells_differing": "0"}),
        "synthetic": is_synthetic,
        "partial": is_synthetic,
        "protocol": "loso-casme3" if name in NAMES[3] else "cde",
        "input_source": f"example.org/{'made' if name in NAMES[3] else 'real'}",
        "protocol_version": "1",
        "protocol_hash": record["protocol"]["hash"],
        "method_version": "3",
        "representation": "face-flow",
        "row_key": record["row_key"],
        **dict.fromkeys(("representation_params", "year", "doi", "source", "note"), ""),
        **dict.fromkeys(
            (f"{kind}_{metric}" for kind in ("published", "less_published") for metric in ("uf1", "uar")), ""
        ),
        **csv_cost(name),
    }


def test_measured_and_diagnostic_lines_of_the_csv(report: Report) -> None:
    expected = []
    for number, names in NAMES.items():
        expected += [{**identity(name), **line} for name in names for line in csv_lines(number, name)]
        for name in ("alpha", "alpha 2", "beta") if number == 1 else ():
            expected += [{**identity(name, is_oracle=True), **line} for line in csv_lines(1, name, is_oracle=True)]
    numbers = [f"{metric}{std}" for metric in ("uf1", "uar", "accuracy") for std in ("", "_std")]
    numbers += ["minutes", *csv_certainty(1, "beta", "full", stands_for_row=False)]
    lines = [line for line in report.csv if line["kind"] != "published"]
    assert [{**line, **{head: shortened(line[head]) for head in numbers}} for line in lines] == expected


def test_provenance_is_of_its_row_and_run(report: Report) -> None:
    record = ROWS["alpha"].record
    alpha = {
        "method": "z-net, version 3",
        "citation": "none",
        "settings": "quick, not the paper's training; differs from preset paper in lr=0.1, width=12",
        "parameters": "lr=0.1, width=12",
        "input": "Named maps",
        "input citation": "Someone 2020",
        "input source": "example.org/real",
        "input licence": "MIT",
        "input flow": "tv-l1",
        "input channels": "u, v, os",
        "input scale": "per-map-8bit",
        "input digest": record["input"]["digest"][:12],
        "input preprocessing": "none, ready-made",
        "representation": f"face-flow, hash {record['representation']['hash'][:12]}",
        "protocol": f"cde@1, hash {record['protocol']['hash'][:12]}",
        "data fingerprints": ", ".join(f"{n} {record['fingerprints'][n][:12]}" for n in ("casme2", "samm", "smic")),
        "caveats": "template-landmarks",
        "row key": record["row_key"][:12],
        "seeds": "0, 2",
        **MACHINE["alpha"],
        "verification": "verified 2 of 14 cells, 1 differs",
        "computing time": "845.2 s, summed over all cells",
        "trainable parameters": "12,345,678",
        "FLOPs of one sample": "2,345,600,000; not counted: fft_c2r",
        "measured again by": "MER_BENCH_ARITHMETIC=native mer-bench run --method z-net --preset quick --protocol cde "
        "--data maps --seeds 3 --selection last --no-baselines",
    }
    started = {name: str((report.store.manifest(key) or {})["started"]) for name, key in report.run_ids.items()}
    composite = {
        "started": started["composite"],
        "command": "mer-bench run --data maps '--results=~'",
        "mer-bench": "0.7.3",
        "git commit": "abc123-dirty",
        "requested selection rule": "last",
        "device": "cuda",
        "worker processes": "6",
        "GPU": "A GPU",
        "processor": "A Processor",
        "platform": "An OS",
        "Python": "3.11.9",
        "packages": "numpy 1.26.4, torch 2.6.0",
    }
    page, text = html_facts(report.html), markdown_facts(report.markdown)
    label = f"alpha net ({short_name('alpha')})"
    assert page[label] == alpha
    assert text[label] == {**alpha, "runs": report.run_ids["composite"]}
    assert page[report.run_ids["composite"]] == text[report.run_ids["composite"]] == composite
    assert page[report.run_ids["synthetic"]]["requested selection rule"] == "oracle"
    assert page[f"Beta net ({short_name('beta')})"]["computing time"] == "3.5 s, summed over all cells"
    assert len(page) == len(text) == len(ROWS) + len(report.run_ids)
    assert all("alice" not in written for written in (report.html, report.markdown))


FOOTNOTES = (
    "† key regions cut at constant template places, not at detected landmarks",
    "‡ its cells were computed on several processors with arithmetic 'native', which round differently; Provenance "
    "names them",
    "§ blurred",
    "¶ the method got another input than its own, because this data cannot provide it",
    "(5) samples without a detected face are kept: the face is the largest centred square of their frames",
    "(6) cropped",
)
JOINED = "Methods without epochs need no selection rule; they appear in the comparison of every rule."
NO_SURPRISE = "SAMM: no true sample of surprise (rule 'exclude': an absent class is left out of both means)"
NOTES = (
    (DEVIATION_TEXT, BOLD_TEXT, INTERVAL_TEXT, COST_TEXT, NO_SURPRISE, JOINED, *FOOTNOTES),
    (DEVIATION_TEXT, INTERVAL_TEXT, COST_TEXT, NO_SURPRISE, JOINED, "† cropped"),
    (
        DEVIATION_TEXT,
        COST_TEXT,
        "Full: no true sample of surprise (rule 'zero': an absent class counts as 0 in both means)",
    ),
)


def test_notes_are_below_their_table_with_their_signs(report: Report) -> None:
    for text, item in ((report.html, r"<li>(?!<a)(.*)</li>"), (report.markdown, "- (.*)")):
        scores, _, _ = text.partition("Diagnostic: selection rules")
        sections = re.split(r"Comparison \d: Protocol", unescape(scores))[1:]
        notes = [tuple(re.findall(item, section)) for section in sections]
        assert notes == list(NOTES)
