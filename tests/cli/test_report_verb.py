"""``mer-bench report``: which rows, in which formats."""

from __future__ import annotations

import json
from pathlib import Path

from support.bench import Bench
from support.store_factory import make_row, new_store, right, write_seed, wrong_for

from mer_bench.cli.verbs.report import FORMATS as OFFERED
from mer_bench_reports.rendering import FORMATS


def test_rows_and_formats_can_be_chosen(bench: Bench, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for name in ("one", "two", "three"):
        write_seed(store, make_row(name), right if name == "one" else wrong_for("smic"))
    out = tmp_path / "chosen"

    ended = bench(
        *("report", "--results", bench.results, "--out", out, "--rows", "three", "--rows", "one"),
        *("--format", "json", "--format", "csv"),
    )

    assert ended.code == 0
    assert sorted(ended.out.split()) == sorted(str(out / name) for name in ("report.csv", "report.json"))
    assert sorted(path.name for path in out.iterdir()) == ["report.csv", "report.json"]
    [comparison] = json.loads((out / "report.json").read_text(encoding="utf-8"))["comparisons"]
    assert [row["title"] for row in comparison["rows"]] == ["One", "Three"]


def test_all_formats_are_offered_and_others_refused(bench: Bench, tmp_path: Path) -> None:
    new_store(tmp_path)
    assert tuple(FORMATS) == OFFERED
    for arguments, reason in (
        (("--format", "pdf"), "'pdf' is not one of"),
        (("--rows", "nobody"), "no stored row is called 'nobody'"),
    ):
        ended = bench("report", "--results", bench.results, *arguments)
        assert (ended.code, reason in ended.errors[0]) == (2, True)


def test_a_row_of_which_nothing_is_stored_is_refused(bench: Bench, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    empty = make_row("empty")
    store.write_row(empty)
    out = ("--results", bench.results, "--out", tmp_path / "out")
    alone = bench("report", *out)
    assert (alone.code, "holds no result to report" in alone.errors[0]) == (2, True)
    write_seed(store, make_row("full"), right)
    name = f"empty-{empty['row_key'][:4]}"
    for chosen in (("--rows", "empty"), ("--rows", "full", "--rows", "empty")):
        ended = bench("report", *out, *chosen)
        assert ended.code == 2
        assert ended.errors == [f"error: nothing is stored of {name}; run it, or leave it out of the report"]
    assert bench("report", *out).code == 0
