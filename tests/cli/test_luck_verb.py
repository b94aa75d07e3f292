"""``mer-bench luck``: a guesser's scores, of stored rows and of data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.bench import TINY, Bench
from support.store_factory import make_row, new_store, samples_of, scattered, write_seed

from mer_bench.luck import curve_of, standings
from mer_bench.results import read_results
from mer_bench.store import Store

MANY = samples_of([f"{database}/{number}" for database in ("smic", "samm", "casme2") for number in range(5)])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = new_store(tmp_path)
    write_seed(store, make_row("net", epochs=True, samples=MANY), scattered("a", 4), oracle=scattered("b", 7))
    return store


def test_stored_rows_stand_beside_the_guesser(bench: Bench, store: Store) -> None:
    shown = bench("luck", "--results", bench.results)
    rows = read_results(store)
    curve = curve_of(rows)
    [own] = standings(rows, curve)
    lines = [re.split(r" {2,}", line) for line in shown.out.splitlines()]
    uf1, uar = curve.at(20)

    assert shown.code == 0
    assert lines[0][0].startswith("cde@1, input: Named maps")
    [twenty] = [cells for cells in lines if cells[0] == "20"]
    assert twenty[1] == f"{uf1.value:.4f} ({uf1.low:.4f} to {uf1.high:.4f})"
    assert twenty[2] == f"{uar.value:.4f} ({uar.low:.4f} to {uar.high:.4f})"
    heading, cells = (dict(enumerate(line)) for line in lines if line[0] == "row" or line[0].startswith("net-"))
    found = {heading[place]: cells[place] for place in heading}
    assert found["epochs"] == "3"
    assert found["last, UF1"] == f"{own.last['full', 'uf1'].value:.4f}"
    assert found["oracle, UF1"] == f"{own.oracle['full', 'uf1'].value:.4f}"
    assert found["guesser's UF1"] == f"{own.guesser[0].value:.4f}"
    assert found["a guesser needs"] == f"about {own.needed} epochs for the oracle's UF1"


def test_json_has_each_point_and_each_row(bench: Bench, store: Store) -> None:
    [answer] = bench("luck", "--results", bench.results, "--json").objects
    curve = curve_of(read_results(store))
    assert [point["epochs"] for point in answer["guesser"]] == list(curve.epochs)
    assert [point["uf1"]["value"] for point in answer["guesser"]] == pytest.approx(curve.mean[:, 0])
    assert [point["uar"]["high"] for point in answer["guesser"]] == pytest.approx(curve.high[:, 1])
    [row] = answer["rows"]
    assert row["oracle"]["uf1"] > row["last"]["uf1"]
    assert (row["epochs"], row["row"].startswith("net-")) == (3, True)


def test_folds_can_be_those_of_data(bench: Bench) -> None:
    shown = bench("luck", *TINY, "--json")
    [answer] = shown.objects
    assert re.fullmatch(r"cde@1: \d+ samples, 6 folds", answer["folds"])
    assert answer["rows"] == []


def test_what_cannot_be_shown_is_refused(bench: Bench, tmp_path: Path) -> None:
    new_store(tmp_path)
    for arguments, reason in (
        ((), "holds no result; measure a network with `mer-bench run`, or name --data"),
        (("--protocol", "cde"), "--protocol, --data-option and --allow-partial need --data"),
    ):
        ended = bench("luck", *arguments, "--results", bench.results)
        assert ended.code == 2
        assert reason in ended.errors[0]
