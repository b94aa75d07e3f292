"""``mer-bench compare``: two stored rows, side by side."""

from __future__ import annotations

import re
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
    assert ended.out.splitlines()[-1].startswith("ours-")
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
    said = ended.out.splitlines()[-1]
    assert re.match(
        r"lucky-\w+ \(1 of 3 seeds\) is better than theirs-\w+: lucky-\w+ \(1 of 3 seeds\) is 0\.\d+ UF1", said
    )


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
