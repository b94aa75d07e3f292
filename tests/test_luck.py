"""Stored rows beside a guesser: whose epochs, whose scores, and on which folds."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.store_factory import N_EPOCHS, make_row, new_store, right, samples_of, scattered, write_seed, wrong_for

from mer_bench.luck import SHOWN_EPOCHS, curve_of, fold_labels, standings
from mer_bench.results import RowResults, means, read_results

SAMPLES = {**samples_of(["smic/s1", "samm/006"]), "casme2/sub01/only": 1}


@pytest.fixture
def rows(tmp_path: Path) -> list[RowResults]:
    """A network with an oracle, one with an incomplete oracle, and a method without epochs."""
    store = new_store(tmp_path)
    write_seed(store, make_row("net", epochs=True, samples=SAMPLES), wrong_for("smic"), oracle=scattered("x", 6))
    unfinished = make_row("unfinished", epochs=True, samples=SAMPLES)
    write_seed(store, unfinished, right, oracle=right, missing=["smic-s1"])
    write_seed(store, make_row("plain", samples=SAMPLES), right)
    return read_results(store)


def test_folds_are_those_of_the_row(rows: list[RowResults]) -> None:
    assert sorted(fold_labels(rows[0].record)) == [(0, 0, 1, 1, 2, 2), (0, 0, 1, 1, 2, 2), (1,)]


def test_the_curve_has_the_shown_epochs_and_those_of_each_oracle(rows: list[RowResults]) -> None:
    curve = curve_of(rows)
    assert {*SHOWN_EPOCHS, N_EPOCHS} <= set(curve.epochs)
    assert curve.epochs[-1] == 1000
    assert len(curve.epochs) > 30


def test_only_rows_with_a_complete_oracle_stand_beside_the_guesser(rows: list[RowResults]) -> None:
    curve = curve_of(rows)
    [own] = standings(rows, curve)
    oracle = means(own.row.oracle)["full", "uf1"].value
    assert own.row.record["method"]["name"] == "net"
    assert own.epochs == N_EPOCHS
    assert own.last["full", "uf1"] == own.row.means["full", "uf1"] != own.oracle["full", "uf1"]
    assert own.oracle["full", "uf1"].value == oracle
    assert own.guesser == curve.at(N_EPOCHS)
    assert own.needed == curve.needed(oracle)


def test_the_guesser_is_scored_by_the_protocol_s_rule(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    two_classes = {key: label for key, label in SAMPLES.items() if label < 2}
    for rule in ("exclude", "zero"):
        write_seed(store, make_row(rule, samples=two_classes, absent_class=rule), right)
    curves = {row.record["method"]["name"]: curve_of([row]).mean for row in read_results(store)}
    assert curves["zero"] == pytest.approx(curves["exclude"] * 2 / 3)
