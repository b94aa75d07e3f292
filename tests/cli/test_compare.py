"""``mer-bench compare``: two stored rows, side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bench import Bench
from support.store_factory import make_row, new_store, right, samples_of, scattered, write_seed

from mer_bench.certainty import compare_rows, p_text, share_text
from mer_bench.results import read_row
from mer_bench.store import Store

MANY = samples_of([f"{database}/{number}" for database in ("smic", "samm", "casme2") for number in range(6)])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = new_store(tmp_path)
    write_seed(store, make_row("ours", samples=MANY), scattered("a", 12))
    write_seed(store, make_row("theirs", samples=MANY), scattered("b", 1))
    return store


def test_every_score_of_every_slice_is_compared(bench: Bench, store: Store) -> None:
    ended = bench("compare", "ours", "theirs", "--results", bench.results)
    ours, theirs = (read_row(store, record).seeds for record in store.rows())
    pairs = compare_rows(ours, theirs)
    lines = [re.split(r" {2,}", line.strip()) for line in ended.out.splitlines()]
    heading = lines[0]
    rows = {
        (cells[0], cells[1].lower()): dict(zip(heading, cells, strict=True)) for cells in lines[2:] if len(cells) == 7
    }

    assert ended.code == 0
    assert any(re.match("(ours|No|Nothing).* UF1 .*p [=<]", line) for line in ended.out.splitlines())
    for part in ("full", "smic", "samm", "casme2"):
        for metric in ("uf1", "uar"):
            found, cells = pairs[part].differences[metric], rows[part, metric]
            limits = found.interval
            assert (
                cells["difference (95 % interval)"] == f"{limits.value:+.4f} ({limits.low:+.4f} to {limits.high:+.4f})"
            )
            assert cells["A better"] == share_text(found.probability)
            assert cells["p"] == p_text(found.p)
            assert cells["smallest p"] == f"{pairs[part].smallest_p:.2g}"
            assert cells["subjects: A, B, neither"] == f"{pairs[part].better}, {pairs[part].worse}, {pairs[part].equal}"
    assert len({tuple(cells.values()) for cells in rows.values()}) == 8
    assert any(cells["smallest p"] != cells["p"] for cells in rows.values())
    assert "p is of this pair alone; tables of the report adjust it for all pairs of rows." in ended.out


def test_json_has_what_the_table_has(bench: Bench, store: Store) -> None:
    [there] = bench("compare", "ours", "theirs", "--results", bench.results, "--json").objects
    [back] = bench("compare", "theirs", "ours", "--results", bench.results, "--json").objects
    assert there["a"] == back["b"]
    assert there["a"].startswith("ours-")
    for part, pair in there["slices"].items():
        other = back["slices"][part]
        assert (pair["better"], pair["worse"], pair["equal"]) == (other["worse"], other["better"], other["equal"])
        value = pair["differences"]["uf1"]["value"]
        assert value == pytest.approx(-other["differences"]["uf1"]["value"])
        assert value != 0
    assert there["verdict"].startswith("ours-")


def test_the_sentence_names_incomplete_seeds(bench: Bench, store: Store) -> None:
    lucky = make_row("lucky", samples=MANY)
    for seed in range(3):
        write_seed(store, lucky, right, seed=seed, missing=["smic-0"] if seed else [])
    ended = bench("compare", "theirs", "lucky", "--results", bench.results)
    sentence = r"lucky-\w+ \(1 of 3 seeds\) is better than theirs-\w+: lucky-\w+ \(1 of 3 seeds\) is 0\.\d+ UF1"
    assert any(re.match(sentence, line) for line in ended.out.splitlines())


def test_rows_that_no_table_shows_together_are_refused_with_the_reason(bench: Bench, store: Store) -> None:
    write_seed(store, make_row("other", samples=MANY, data="other", input_name="Other maps"), right)
    write_seed(store, make_row("unfinished", samples=MANY), right, missing=["smic-0"])
    for second, reason in (
        ("other", "the rows cannot be compared: other input: "),
        ("unfinished", "has no complete seed, so it has no scores"),
        ("ours", "'ours' and 'ours' mean the same row, ours-"),
        ("nobody", "no stored row is called 'nobody'"),
    ):
        ended = bench("compare", "ours", second, "--results", bench.results)
        assert ended.code == 2
        assert reason in ended.errors[0]


def test_a_refusal_names_the_rows_in_the_order_of_the_command_line(bench: Bench, store: Store) -> None:
    for name, training in (("late", "full"), ("chosen", "inner")):
        write_seed(store, make_row(name, samples=MANY, epochs=True, training=training), right)
    names = {name: next(store_name(store, name)) for name in ("late", "chosen")}
    for first, second, rules in (("chosen", "late", ("inner", "last")), ("late", "chosen", ("last", "inner"))):
        ended = bench("compare", first, second, "--results", bench.results)
        expected = f"other selection rule: {rules[0]!r} of {names[first]}, {rules[1]!r} of {names[second]}; choose"
        assert ended.code == 2
        assert expected in ended.errors[0]


def store_name(store: Store, method: str) -> Iterator[str]:
    return (f"{method}-{row['row_key'][:4]}" for row in store.rows() if row["method"]["name"] == method)


def test_what_limits_the_scores_is_said_in_the_lines_and_in_json(bench: Bench, store: Store) -> None:
    caveats = {"data": "made", "caveats": ["synthetic"]}
    short = make_row(
        *("short",),
        samples=MANY,
        preset="quick",
        reference="paper",
        differs={"epochs": 5},
        **caveats,  # type: ignore[arg-type]
    )
    for seed, missing in ((0, ()), (1, ("smic-0",))):
        write_seed(store, short, scattered("c", 3), seed=seed, missing=missing)
    other = make_row("whole", samples=MANY, data="made", caveats=["synthetic", "approximation"])
    write_seed(store, other, right)
    ended = bench("compare", "short", "whole", "--results", bench.results)
    [answer] = bench("compare", "short", "whole", "--results", bench.results, "--json").objects
    below = ended.out.partition("p is of this pair alone")[2]
    [name, whole] = [row["row"] for row in answer["rows"]]
    assert f"{name}: quick, not the paper's training" in below
    assert "\nSYNTHETIC data: generated, not recorded" in below
    assert f"\n{whole}: the method got another input than its own" in below
    assert f"{name}: mean of 1 of 2 seeds; seed 1: folds 17/18" in below
    assert [row["caveats"] for row in answer["rows"]] == [["synthetic"], ["approximation", "synthetic"]]
    assert [row["badge"] for row in answer["rows"]] == ["quick, not the paper's training", ""]
    assert [row["incomplete"] for row in answer["rows"]] == ["seed 1: folds 17/18", ""]
