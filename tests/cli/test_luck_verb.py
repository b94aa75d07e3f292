"""``mer-bench luck``: a guesser's scores, of stored rows and of data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from support.bench import TINY, Bench
from support.flow_data import ROWS, write_flow_data
from support.store_factory import make_row, new_store, right, samples_of, scattered, write_seed

from mer_bench.luck import curve_of, guesser, standings
from mer_bench.protocol import load_protocol
from mer_bench.results import read_results
from mer_bench.store import Store, cell_key
from mer_bench.store.schema import RowRecord

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
    heading, cells = (dict(enumerate(line)) for line in lines if len(line) == 6)
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


def test_folds_of_data_are_its_test_sets_and_their_scores_follow_the_protocol(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_flow_data(tmp_path / "data", [row for row in ROWS if not row.startswith("smic,s02,s02_po")])
    monkeypatch.setattr(
        "mer_bench.protocol.load_protocol", lambda *given: replace(load_protocol(*given), absent_class="zero")
    )
    seen = []
    monkeypatch.setattr("mer_bench.luck.guesser", lambda *given: seen.append(given) or guesser(*given))
    ended = bench("luck", "--data", data, "--protocol", "loso-smic", "--allow-partial")
    assert ended.code == 0, ended.err
    [(folds, n_classes, absent_class)] = seen
    assert [sorted(labels) for labels in folds] == [[0, 1, 2], [0, 2], [0, 1, 2]]
    assert (n_classes, absent_class) == (3, "zero")


def test_what_cannot_be_shown_is_refused(bench: Bench, tmp_path: Path) -> None:
    new_store(tmp_path)
    for arguments, reason in (
        ((), "holds no result; measure a network with `mer-bench run`, or name --data"),
        (("--protocol", "cde"), "--protocol, --data-option and --allow-partial need --data"),
        (TINY, "--results is for the folds of stored rows, --data for those of data; leave one of the two out"),
    ):
        ended = bench("luck", *arguments, "--results", bench.results)
        assert ended.code == 2
        assert reason in ended.errors[0]


def test_last_and_oracle_are_over_the_same_seeds(bench: Bench, store: Store) -> None:
    row = make_row("pair", epochs=True, samples=MANY)
    write_seed(store, row, scattered("c", 3), seed=0, oracle=scattered("d", 7))
    write_seed(store, row, scattered("e", 9), seed=1, oracle=scattered("f", 9))
    write_seed(store, row, right, seed=2)
    damage(store, row, seed=1, folds=["smic-0"])
    [answer] = bench("luck", "--results", bench.results, "--json").objects
    shown = bench("luck", "--results", bench.results)
    pair = next(each for each in read_results(store) if each.record["row_key"] == row["row_key"])
    own = next(each for each in answer["rows"] if each["row"].startswith("pair-"))
    assert own["last"]["uf1"] == pair.seeds[0].slices["full"].uf1
    assert own["oracle"]["uf1"] == pair.oracle[0].slices["full"].uf1
    assert "scores of every epoch are missing: seed 1: folds 14/15; seed 2: folds 0/15" in shown.out


def test_a_row_whose_oracle_is_not_complete_is_named(bench: Bench, store: Store) -> None:
    row = make_row("torn", epochs=True, samples=MANY)
    write_seed(store, row, scattered("c", 3), oracle=scattered("d", 7))
    damage(store, row, seed=0, folds=["samm-0", "samm-1"])
    [answer] = bench("luck", "--results", bench.results, "--json").objects
    shown = bench("luck", "--results", bench.results)
    [torn] = answer["without_oracle"]
    assert [own["row"].partition("-")[0] for own in answer["rows"]] == ["net"]
    assert f"\n{torn}: scores of every epoch are missing: folds 13/15\n" in shown.out
    assert torn.startswith("torn-")


def damage(store: Store, row: RowRecord, seed: int, folds: Sequence[str]) -> None:
    """Make the scores of every epoch of some folds unreadable."""
    for fold in folds:
        key = cell_key(row["row_key"], seed, fold)
        (store.path / "artifacts" / key / "epoch_scores.safetensors").write_bytes(b"torn")


def test_each_protocol_and_input_has_a_guesser_of_its_own(bench: Bench, store: Store) -> None:
    few = samples_of(["smic/0", "samm/0", "casme2/0"])
    write_seed(store, make_row("few", epochs=True, samples=few), right, oracle=right)
    answers = bench("luck", "--results", bench.results, "--json").objects
    assert [[own["row"].partition("-")[0] for own in answer["rows"]] for answer in answers] == [["few"], ["net"]]
    assert answers[0]["guesser"][0]["uf1"] != answers[1]["guesser"][0]["uf1"]


def test_rows_with_other_preprocessing_share_a_guesser_whose_title_names_none(bench: Bench, store: Store) -> None:
    dis = make_row("early", epochs=True, samples=MANY, representation={"flow": "dis"})
    write_seed(store, dis, scattered("c", 3), oracle=scattered("d", 5))
    [net] = [row for row in store.rows() if row["method"]["name"] == "net"]
    assert dis["input"] == net["input"]
    [answer] = bench("luck", "--results", bench.results, "--json").objects

    assert [own["row"].partition("-")[0] for own in answer["rows"]] == ["early", "net"]
    assert answer["folds"] == f"cde@1, input: Named maps (tv-l1, per-map-8bit), digest {dis['input']['digest'][:8]}"


def test_what_limits_the_scores_is_said_in_the_lines_and_in_json(bench: Bench, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    row = make_row(
        "net", epochs=True, samples=MANY, caveats=["partial"], preset="quick", reference="paper", differs={"epochs": 5}
    )
    write_seed(store, row, right, oracle=right)
    write_seed(store, row, right, oracle=right, seed=1, missing=["smic-1"])
    shown = bench("luck", "--results", bench.results).out
    [answer] = bench("luck", "--results", bench.results, "--json").objects
    [own] = answer["rows"]
    assert f"{own['row']}: quick, not the paper's training" in shown
    assert "PARTIAL data: the counts are not the protocol's" in shown
    assert f"{own['row']}: mean of 1 of 2 seeds; seed 1: folds 14/15" in shown
    assert (own["caveats"], own["incomplete"]) == (["partial"], "seed 1: folds 14/15")
    assert own["badge"] == "quick, not the paper's training"
