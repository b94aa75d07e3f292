"""Stored cells are computed again, and whatever was edited or does not repeat itself is found."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bench import TINY, Bench, Ended
from support.clip_data import Clips
from support.hostile import install
from support.store_files import edit_record

from mer_bench.evaluation.protocol_data import read_protocol_data
from mer_bench.evaluation.remake import Remaker
from mer_bench.evaluation.rows import make_row
from mer_bench.plugin_manager import load_catalogue
from mer_bench.protocol import load_protocol
from mer_bench.representations.preprocessing import resolve_preprocessing
from mer_bench.store import Store
from mer_bench.store.schema import CellRecord, RowRecord

PLUGIN = """
    from mer_bench import Features, MethodSpec, Representation, hookimpl

    @hookimpl
    def mer_bench_methods():
        for name, target in {"steady": "Steady", "fickle": "Fickle"}.items():
            target = f"again_methods:{target}"
            maps = Representation("face-flow")
            yield MethodSpec(name, "1", name, target, maps, "handcrafted", features=Features(()), deterministic=True)
"""
METHODS = """
    import os

    import numpy as np

    from mer_bench import Method


    class Steady(Method):
        def extract(self, sample):
            return sample.mean(axis=(0, 1))

        def fit(self, train, *, seed):
            self.frequencies = np.bincount(train.labels, minlength=self.n_classes) / len(train)

        def predict(self, test):
            return np.tile(self.frequencies, (len(test), 1)) + test.inputs[:, :1]


    class Fickle(Steady):
        def extract(self, sample):
            return super().extract(sample) + int.from_bytes(os.urandom(2), "big")
"""
NET = ("--method", "ststnet", "--set", "epochs=2", "--protocol", "loso-smic")


@pytest.fixture
def again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install two methods with features: of one they are other ones each time."""
    site = tmp_path / "site"
    install(site, "again-plugin", {"again_plugin": PLUGIN, "again_methods": METHODS}, {"again": "again_plugin"})
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    yield
    for module in ("again_plugin", "again_methods"):
        sys.modules.pop(module, None)


def verify(bench: Bench, *arguments: str) -> Ended:
    return bench("verify", *TINY, "--results", bench.results, "--jobs", "1", "--device", "cpu", *arguments)


def verified(bench: Bench, *arguments: str) -> dict[str, Any]:
    (answer,) = verify(bench, *arguments, "--json").objects
    assert isinstance(answer, dict)
    return answer


def outcomes(answer: dict[str, Any]) -> dict[tuple[int, str], tuple[str, str]]:
    return {(cell["seed"], cell["fold"]): (cell["outcome"], cell["reason"]) for cell in answer["cells"]}


def only_row(bench: Bench) -> RowRecord:
    (row,) = Store.open(bench.results).rows()
    return row


def edit(bench: Bench, seed: int, fold: str, change: Callable[[CellRecord], object]) -> CellRecord:
    store, row = Store.open(bench.results), only_row(bench)
    cell = store.read_cell(row, seed, fold)
    assert cell is not None
    change(cell)
    store.write_cell(row, cell)
    return cell


def nudge(cell: CellRecord) -> None:
    cell["predictions"][0]["scores"] = [score + 2**-20 for score in cell["predictions"][0]["scores"]]


def edit_epoch(bench: Bench, cell: CellRecord, epoch: int) -> None:
    store = Store.open(bench.results)
    stored = store.read_epoch_scores(cell["key"])
    assert stored is not None
    scores = np.array(stored[1])
    scores[epoch, 0, 1] += 0.5
    cell["epoch_scores"] = store.write_epoch_scores(cell["key"], stored[0], scores)
    store.write_cell(only_row(bench), cell)


@pytest.mark.slow
def test_cells_are_the_same_and_one_with_an_edited_score_differs(bench: Bench) -> None:
    bench.run("--method", "svm-flow", "--preset", "fixed", "--protocol", "loso-smic")
    first = verify(bench, "--cells", "99")
    edit(bench, 0, "smic-synthetic02", nudge)
    second = verify(bench)

    assert first.code == 0, first.err
    assert first.out.splitlines()[-1] == "2 cells computed again: 2 the same, 0 different"
    assert second.code == 1
    assert second.out.splitlines()[-1] == "2 cells computed again: 1 the same, 1 different"
    assert "note: svm-flow, seed 0, fold smic-synthetic02 differs: other predictions" in second.err
    assert "2/2 cells computed again, " in second.err
    assert "failed" not in second.err
    assert len(verified(bench, "--cells", "1")["cells"]) == 1


@pytest.mark.slow
def test_the_scores_of_every_epoch_are_verified_and_tied_to_the_predictions(bench: Bench) -> None:
    assert bench.run(*NET, "--seeds", "2").code == 0
    before = outcomes(verified(bench))
    edit_epoch(bench, edit(bench, 1, "smic-synthetic01", lambda cell: None), 0)
    forgotten = bench("status", "--results", bench.results, "--json")
    after = verified(bench)
    edit_epoch(bench, edit(bench, 0, "smic-synthetic02", lambda cell: None), 1)
    ended = verify(bench)

    places = {(seed, f"smic-synthetic0{subject}") for seed in (0, 1) for subject in (1, 2)}
    assert before == dict.fromkeys(places, ("same", ""))
    assert forgotten.code == 0
    assert outcomes(after) == {**before, (1, "smic-synthetic01"): ("differs", "other scores of epoch 0")}
    assert ended.code == 1
    assert "its stored scores of every epoch are missing or damaged" in ended.out
    assert "its scores of epoch 1 are not those of its cell's predictions" in ended.err


@pytest.mark.slow
@pytest.mark.usefixtures("again")
def test_features_are_extracted_again(bench: Bench) -> None:
    bench.run("--method", "steady", "--protocol", "loso-smic")
    steady = verified(bench)
    bench.run("--method", "fickle", "--protocol", "loso-smic")
    ended = verify(bench, "fickle", "--json")
    (answer,) = ended.objects

    assert {outcome for outcome, _ in outcomes(steady).values()} == {"same"}
    assert ended.code == 1
    assert {cell["outcome"] for cell in answer["cells"]} == {"differs"}
    assert all(cell["largest_difference"] == 0 for cell in answer["cells"])
    assert all("extract gives other features of smic/synthetic0" in cell["reason"] for cell in answer["cells"])


def relabel(samples: dict[str, int]) -> None:
    samples.update(dict.fromkeys(samples, 2))


@pytest.mark.slow
def test_rows_that_cannot_be_made_again_are_counted_and_fail_the_command_if_named(bench: Bench) -> None:
    bench.run("--method", "majority", "--protocol", "loso-smic")
    bench.run("--method", "svm-flow", "--preset", "fixed", "--protocol", "loso-smic")
    both = verify(bench)
    bench.run("--method", "random", "--protocol", "loso-smic", "--data-option", "seed=8")
    file = next(file for file in bench.cell_files() if "svm-flow" in file.parts)
    file.write_text("{")
    other = verified(bench)
    (row,) = bench.results.glob("cells/*/svm-flow/*/row.json")
    edit_record(row, lambda record: record["method"].update(version="0.1"))
    unnamed, named = verify(bench), verify(bench, "svm-flow", "majority")
    alone = verify(bench, "random")
    (row,) = bench.results.glob("cells/*/majority/*/row.json")
    edit_record(row, lambda record: relabel(record["folds"]["smic-synthetic01"]["samples"]))
    relabelled = verify(bench, "majority")

    assert both.out.splitlines()[-1] == "4 cells computed again: 4 the same, 0 different"
    assert other["damaged"] == 1
    assert len(other["cells"]) == 3
    ((name, reason),) = [(row["row"], row["reason"]) for row in other["not_verified"]]
    assert name.startswith("random")
    assert reason.startswith("the data is not what the row was computed on (SYNTHETIC maps)")
    assert (unnamed.code, named.code, alone.code) == (1, 1, 1)
    assert unnamed.out.splitlines()[-1].endswith(" different, 1 stored cells damaged, 2 rows not verified")
    assert named.out.splitlines()[-1].endswith(", 1 rows not verified")
    assert "svm-flow has version " in named.err
    assert relabelled.code == 1
    assert "majority-" in relabelled.err
    assert "its row.json does not hold what the method and the data give (folds)" in relabelled.err
    assert alone.out == "0 cells computed again: 0 the same, 0 different, 1 rows not verified\n"


def test_on_another_processor_a_cell_may_differ_as_two_seeds_do(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MER_BENCH_ARITHMETIC", "native")
    bench.run("--method", "random", "--protocol", "loso-smic", "--seeds", "2")

    def elsewhere(cell: CellRecord) -> None:
        nudge(cell)
        cell["processor"] = "Another Processor"

    edit(bench, 1, "smic-synthetic01", elsewhere)
    edit(bench, 1, "smic-synthetic02", nudge)
    answer = verified(bench)

    assert {place: outcome for place, (outcome, _) in outcomes(answer).items()} == {
        (0, "smic-synthetic01"): "same",
        (0, "smic-synthetic02"): "same",
        (1, "smic-synthetic01"): "within-spread",
        (1, "smic-synthetic02"): "differs",
    }
    compared = {(cell["seed"], cell["fold"]): cell["compared"] for cell in answer["cells"]}
    assert compared.pop((1, "smic-synthetic01")) == "spread"
    assert set(compared.values()) == {"exact"}


def test_a_row_from_frames_is_made_again_with_its_preprocessing(tmp_path: Path) -> None:
    catalogue, source = load_catalogue(), Clips(tmp_path)
    named = catalogue.protocol("loso-smic")
    data = read_protocol_data(load_protocol(named.path, named.name), source, allow_partial=True)
    spec = catalogue.method("svm-flow")
    preprocessing = resolve_preprocessing({"size": 96, "flow": "farneback"}, source)
    row = make_row(data, spec, spec.resolve(None, {}), preprocessing=preprocessing, selection="last")
    plain = resolve_preprocessing({}, source)
    default = make_row(data, spec, spec.resolve(None, {}), preprocessing=plain, selection="last")

    assert row.record["row_key"] != default.record["row_key"]
    for made in (row, default):
        assert Remaker(catalogue, source).row(made.record)[1].record == made.record
