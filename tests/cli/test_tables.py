"""The table of results in the terminal: every cell stands under its own heading, in the row of its seed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest
from rich.console import Console
from support.store_factory import CLASSES, Predictor, make_row, new_store, samples_of, write_seed, wrong_for

from mer_bench.cli.tables import print_results
from mer_bench.result_texts import distinction_texts, settings_order
from mer_bench.results import METRICS, SeedResult, read_results
from mer_bench.row_names import RowNames
from mer_bench.store.schema import RowRecord

SAMPLES = {name: label for name, label in samples_of(per_class=9).items() if label == 0 or crc32(name.encode()) % 3}
SLICES = ("full", "smic", "samm", "casme2")
HEADINGS = dict(zip(METRICS, ("UF1", "UAR", "accuracy"), strict=True))


QUICK = {
    "preset": "quick",
    "changed": {"epochs": 5},
    "reference": "paper",
    "differs": {"width": 96, "epochs": 5, "dropout_of_the_attention": 0.25, "lr": 0.0005, "batch_size": 64},
}


def often_wrong(salt: str) -> Predictor:
    """Predict the truth for about half of the samples, another half for each salt."""

    def predict(sample_id: str, label: int) -> int:
        return crc32(f"{salt} {sample_id}".encode()) % len(CLASSES) if crc32(sample_id.encode()) % 7 > 2 else label

    return predict


@pytest.fixture
def rows(tmp_path: Path) -> list[tuple[SeedResult, ...]]:
    """Two methods with two and one seeds, of which no two scores are alike."""
    store = new_store(tmp_path)
    net = make_row("net", samples=SAMPLES, **QUICK)
    write_seed(store, net, often_wrong("a"))
    write_seed(store, net, often_wrong("b"), seed=1)
    other = make_row("other", samples=SAMPLES, caveats=["approximation"], deterministic=True)
    write_seed(store, other, often_wrong("c"))
    read = [row.seeds for row in read_results(store)]
    lines = {tuple(getattr(seed.slices[name], key) for key in METRICS) for s in read for seed in s for name in SLICES}
    assert len(lines) == 3 * len(SLICES)
    assert all(len(set(line)) == len(METRICS) for line in lines)
    return read


def shown(rows: list[tuple[SeedResult, ...]], columns: int) -> list[str]:
    console = Console(width=columns, force_terminal=False)
    with console.capture() as captured:
        print_results(rows, console, RowNames({}))
    return captured.get().splitlines()


def test_no_stored_text_is_obeyed_by_the_terminal(tmp_path: Path) -> None:
    hidden = "q\x1b[8m\x1b]0;owned\x07"
    store = new_store(tmp_path)
    write_seed(
        store,
        make_row("net", samples=SAMPLES, preset=hidden, slices={"full": ["smic", "samm", "casme2"], hidden: ["smic"]}),
        often_wrong("a"),
    )
    rows = [row.seeds for row in read_results(store)]
    for columns in (300, 30):
        console = Console(width=columns, force_terminal=True, color_system=None)
        with console.capture() as captured:
            print_results(rows, console, RowNames({}))
        assert "q[8m" in captured.get()
        assert not [sign for sign in captured.get() if not sign.isprintable() and sign != "\n"]


def cells(lines: list[str], headings: list[str]) -> Iterator[list[str]]:
    """Yield the cells of each line below the rule, cut where the headings begin."""
    (rule,) = (number for number, line in enumerate(lines) if line.strip().startswith("─"))
    starts = [match.start() for match in re.finditer(r"\S+( / \S+)?", lines[rule - 1])]
    assert len(starts) == len(headings)
    for line in lines[rule + 1 :]:
        if not line.strip():
            return
        yield [line[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)]


def texts(seeds: tuple[SeedResult, ...], name: str) -> dict[str, str]:
    """What the table has to show of one slice, computed from the scores themselves."""
    texts = {}
    for metric in METRICS:
        values = [float(getattr(seed.slices[name], metric)) for seed in seeds]
        mean = sum(values) / len(values)
        deviation = (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5 if values[1:] else None
        texts[metric] = f"{mean:.4f}" if deviation is None else f"{mean:.4f}±{deviation:.4f}"
    return texts


def expected(rows: list[tuple[SeedResult, ...]]) -> Iterator[tuple[list[str], tuple[SeedResult, ...], list[str]]]:
    """Yield the first cells of each line, the seeds whose mean it shows, and what stands below the method."""
    net, other = rows
    yield ["net", "0", "6/6"], net[:1], []
    yield ["net", "1", "6/6"], net[1:], []
    yield ["net", "mean", ""], net, ["quick,", "epochs=5"]
    yield ["other", "deterministic", "6/6"], other, ["defaults"]


def test_a_narrow_table_has_a_line_for_each_slice_and_the_preset_below_the_method(
    rows: list[tuple[SeedResult, ...]],
) -> None:
    lines = shown(rows, 80)
    headings = ["method", "seed", "folds", "slice", *HEADINGS.values()]
    table = list(cells(lines, headings))
    wanted = []
    for first, seeds, below in expected(rows):
        # Folded at the width of a label, "quick, epochs=5" is one line too long.
        for number, name in enumerate(SLICES):
            label = first if number == 0 else [*below[number - 1 : number], "", "", ""][:3]
            values = texts(seeds, name).values()
            wanted.append([*label, name, *(value.partition("±")[0] for value in values)])
            if len(seeds) > 1:
                wanted.append(["", "", "", "", *(f"±{value.partition('±')[2]}" for value in values)])

    assert headings in [line.split() for line in lines]
    assert table == wanted
    assert max(len(line) for line in lines if "─" in line) <= 80


def test_a_wide_table_has_a_pair_for_each_slice_and_the_accuracy_of_the_first(
    rows: list[tuple[SeedResult, ...]],
) -> None:
    lines = shown(rows, 200)
    below_slices = ["method", "seed", "folds", *["UF1 / UAR"] * len(SLICES), "accuracy"]
    table = list(cells(lines, below_slices))
    wanted = []
    for first, seeds, below in expected(rows):
        pairs = [texts(seeds, name) for name in SLICES]
        if len(seeds) == 1:
            wanted.append([*first, *(f"{pair['uf1']} {pair['uar']}" for pair in pairs), pairs[0]["accuracy"]])
        else:
            wanted.append([*first, *(pair["uf1"] for pair in pairs), pairs[0]["accuracy"]])
            wanted.append([below.pop(0), "", "", *(pair["uar"] for pair in pairs), ""])
        wanted += [[text, *[""] * 7] for text in below]

    assert [*SLICES, SLICES[0]] in [line.split() for line in lines]
    assert table == wanted


@pytest.mark.parametrize("columns", [80, 200])
def test_captions_name_all_that_differs_from_the_paper_the_input_and_what_the_deviation_is(
    rows: list[tuple[SeedResult, ...]], columns: int
) -> None:
    lines = shown(rows, columns)
    net, other = (seeds[0].record for seeds in rows)
    every = "width=96, epochs=5, dropout_of_the_attention=0.25, lr=0.0005, batch_size=64"

    assert (
        f"net-{net['row_key'][:4]}: quick, epochs=5, not the paper's training; differs from paper in {every} "
        f"other-{other['row_key'][:4]}: defaults input: Named maps (tv-l1, per-map-8bit), "
        f"digest {net['input']['digest'][:8]} selection"
    ) in " ".join(" ".join(lines).split())
    assert lines.count("± is the standard deviation over seeds") == 1
    assert "±" not in "".join(shown(rows[1:], columns))


def test_the_lines_of_a_table_are_not_bold(rows: list[tuple[SeedResult, ...]]) -> None:
    """In reports, bold means best."""
    for columns in (80, 200):
        console = Console(width=columns, force_terminal=True, color_system="standard", _environ={})
        with console.capture() as captured:
            print_results(rows, console, RowNames({}))
        scores = [line for line in captured.get().splitlines() if re.search(r"0\.\d{4}", line)]
        assert len(scores) >= 4
        assert not [line for line in scores if "\x1b[1m" in line]


def test_rows_of_two_inputs_say_which_they_have(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for name, data in (("net", "a"), ("other", "b")):
        write_seed(store, make_row(name, data=data, input_name=f"Maps {data.upper()}"), wrong_for("smic"))
    inputs = [line for line in shown([row.seeds for row in read_results(store)], 120) if "input: " in line]

    assert [re.sub(r"-\w{4}: input: | \(.*", " ", line).split() for line in inputs] == [
        ["net", "Maps", "A"],
        ["other", "Maps", "B"],
    ]


def test_captions_are_as_wide_as_the_console_and_name_whom_they_concern(rows: list[tuple[SeedResult, ...]]) -> None:
    lines = shown(rows, 140)
    table_width = max(len(line) for line in lines if line.strip().startswith("─"))

    assert "Protocol cde" in lines
    (caption,) = (line for line in lines if re.match(r"other-\w{4}: the method", line))
    assert caption.endswith("because this data cannot provide it")
    assert "UF1 and UAR pooled over all folds" in lines
    assert table_width < 140


def test_an_oracle_stands_in_a_table_of_its_own(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    write_seed(store, make_row("net", epochs=True), wrong_for("smic"), oracle=wrong_for("samm/006"))
    write_seed(store, make_row("majority"), wrong_for("samm", "casme2"))
    selected = [row.under("oracle") for row in read_results(store)]
    results, oracle = "\n".join(shown(selected, 120)).split("selection: none")

    assert re.search(r"^ *majority +0 +6/6", results, re.MULTILINE)
    assert not re.search(r"^ *net ", results, re.MULTILINE)
    assert re.search(r"^ *net +0 +6/6", oracle, re.MULTILINE)
    assert "majority" not in oracle
    assert "selection: ORACLE (" in oracle


def swept(name: str, preset: str, **params: object) -> RowRecord:
    return make_row(name, samples=SAMPLES, preset=preset, params=params, changed=params)


SWEPT = (
    swept("net", "quick", lr=0.5, width=16, blocks=[2, 8], epochs=5),
    swept("net", "quick", lr=0.5, width=8, blocks=[2, 8], epochs=5),
    swept("net", "quick", lr=0.125, width=16, blocks=[1, 1], epochs=5),
    swept("two", "quick", lr=0.25, width=3),
    swept("two", "paper", lr=0.75, width=4),
    swept("one", "quick", lr=0.25, width=3),
    swept("one", "paper", lr=0.75, width=3),
    swept("only", "quick", lr=0.25, width=3),
)


def test_rows_of_a_method_are_told_apart_by_what_differs_or_by_their_presets() -> None:
    texts = distinction_texts(SWEPT)

    assert [texts[record["row_key"]] for record in SWEPT] == [
        "lr=0.5, width=16, blocks=2,8",
        "lr=0.5, width=8, blocks=2,8",
        "lr=0.125, width=16, blocks=1,1",
        *("", ""),
        *("lr=0.25", "lr=0.75"),
        "",
    ]


def test_rows_of_another_version_are_not_compared_by_their_parameters() -> None:
    old, new = make_row("net", params={"lr": 1, "old": 2}), make_row("net", version="4", params={"lr": 3, "new": 4})

    assert set(distinction_texts([old, new]).values()) == {""}


def test_values_of_a_sweep_are_ordered_as_numbers_and_lists() -> None:
    rows = [swept("net", "quick", blocks=[2, 10], size=n) for n in (128, 16, 8)] + [
        swept("net", "quick", blocks=[2, 9], size=64)
    ]

    ordered = [(record["params"]["blocks"], record["params"]["size"]) for record in sorted(rows, key=settings_order)]
    assert ordered == [([2, 9], 64), ([2, 10], 8), ([2, 10], 16), ([2, 10], 128)]


def test_a_table_shows_what_differs_below_the_method_and_the_whole_settings_in_a_caption(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for number, record in enumerate(SWEPT[1:3]):
        write_seed(store, record, often_wrong(str(number)))
    lines = shown([row.seeds for row in read_results(store)], 120)

    labels = {" ".join(line[:15].split()) for line in lines}
    assert {"lr=0.5,", "width=8,", "blocks=2,8", "lr=0.125,", "width=16,", "blocks=1,1"} <= labels
    assert not {label for label in labels if label.startswith(("quick", "epochs"))}
    assert len([line for line in lines if ": quick, lr=0." in line and "epochs=5" in line]) == 2
