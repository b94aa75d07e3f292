from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.bench import FOLDS, SMALL_AHMSA, Bench, predictions
from support.naughty import STRUCK

from mer_bench import MerBenchError
from mer_bench.databases.open import open_source
from mer_bench.engine.resources import Resources
from mer_bench.engine.session import Session
from mer_bench.evaluation import rows as rows_module
from mer_bench.evaluation.cells import seed_value
from mer_bench.evaluation.plan import Plan, make_plan
from mer_bench.evaluation.request import Request
from mer_bench.plugin_manager import Catalogue, load_catalogue
from mer_bench.representations import preprocessing
from mer_bench.store import Store, cell_key


def plan_of(
    *methods: str,
    overrides: Mapping[str, str] | None = None,
    protocol: str = "cde",
    selection: str | None = None,
    data_seed: int = 0,
    seeds: int = 1,
    catalogue: Catalogue | None = None,
) -> Plan:
    catalogue = catalogue or load_catalogue()
    source = open_source("synthetic-maps", {"size": "tiny", "seed": str(data_seed)}, catalogue)
    request = Request(methods, protocol, seeds=seeds, overrides=overrides or {}, selection=selection, baselines=False)
    return make_plan(request, source, catalogue)


def carry_out(plan: Plan, folder: Path) -> dict[tuple[str, int, str], object]:
    session = Session(plan, Store.create(folder), load_catalogue(), Resources(device="cpu"))
    session.carry_out()
    assert not session.failures
    return predictions(folder)


AHMSA = {"ahmsa.width": "12", "ahmsa.blocks": "1,1,1", "ahmsa.epochs": "3", "ahmsa.lr": "1e-3"}


@pytest.fixture(scope="module")
def whole_plan() -> Plan:
    return plan_of("ahmsa", "svm-flow", overrides=AHMSA)


@pytest.fixture(scope="module")
def reference(whole_plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int, str], object]:
    """What every other way of carrying the plan out must give, to the last bit."""
    found = carry_out(whole_plan, tmp_path_factory.mktemp("reference") / "results")
    assert len(found) == 12
    return found


def test_a_fold_gives_the_same_in_any_order(
    whole_plan: Plan, reference: dict[tuple[str, int, str], object], tmp_path: Path
) -> None:
    shuffled = tuple(whole_plan.cells[i] for i in (7, 2, 11, 0, 9, 4, 5, 10, 3, 8, 1, 6))

    assert carry_out(replace(whole_plan, cells=shuffled), tmp_path / "results") == reference


@pytest.mark.parametrize("fold", [FOLDS[0], FOLDS[4]])
def test_a_fold_gives_the_same_alone(
    whole_plan: Plan, reference: dict[tuple[str, int, str], object], tmp_path: Path, fold: str
) -> None:
    alone = tuple(cell for cell in whole_plan.cells if cell.fold == fold)

    assert carry_out(replace(whole_plan, cells=alone), tmp_path / "results") == {
        key: value for key, value in reference.items() if key[2] == fold
    }


def test_a_fold_gives_the_same_in_several_processes(
    bench: Bench, reference: dict[tuple[str, int, str], object]
) -> None:
    arguments = [part for name, value in AHMSA.items() for part in ("--set", f"{name}={value}")]
    ended = bench.spawn(*bench.run_arguments("--method", "ahmsa", "--method", "svm-flow", *arguments, jobs=2))

    assert ended.code == 0, ended.err
    assert bench.predictions() == reference


def test_seeds_differ_for_a_network(bench: Bench) -> None:
    bench.run(*SMALL_AHMSA, "--set", "epochs=1", "--seeds", "2")
    found = bench.predictions()

    assert all(found["ahmsa", 0, fold] != found["ahmsa", 1, fold] for fold in FOLDS)


def test_the_caller_s_state_is_left_as_it_was(whole_plan: Plan, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    import numpy as np

    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    before = (torch.get_num_threads(), torch.get_rng_state().tolist(), np.random.get_state()[1].tolist())  # noqa: NPY002
    carry_out(replace(whole_plan, cells=whole_plan.cells[:1]), tmp_path / "results")
    after = (torch.get_num_threads(), torch.get_rng_state().tolist(), np.random.get_state()[1].tolist())  # noqa: NPY002

    assert after == before


def test_a_method_that_changes_its_parameters_changes_no_other_fold(bench: Bench, naughty: None) -> None:
    bench.run("--method", "changes")

    for _, found, _, _ in bench.predictions().values():
        assert {score for prediction in found for score in prediction["scores"]} == {1.0}


SPOILT = {
    "raises": "ValueError: no [good] reason at all",
    "raises-mute": "Mute: its message cannot be printed",
    "raises-stop": "Stop: stop",
    "exits": "SystemExit: 3",
    "nan": "MethodError: scores hold NaN",
    "infinite": "MethodError: scores hold NaN, infinite",
    "wrong-shape": "MethodError: scores have shape (5, 2), not (5, 3)",
    "too-few": "MethodError: scores have shape (4, 3), not (5, 3)",
    "labels": "MethodError: scores have shape (5,), not (5, 3)",
    "nothing": "MethodError: scores have shape (), not (5, 3)",
    "words": "MethodError: scores hold",
    "complex": "MethodError: scores hold",
    "ragged": "ValueError: ",
}


@pytest.mark.parametrize("method", SPOILT)
def test_a_method_that_misbehaves_on_one_fold_fails_that_cell_alone(bench: Bench, naughty: None, method: str) -> None:
    ended = bench.run("--method", method, "--method", "good", "--json")

    assert ended.code == 1
    assert [(o["folds_done"], o["folds_failed"]) for o in ended.objects] == [(5, 1), (6, 0)]
    assert ended.objects[0]["slices"] == {}
    assert f"failed: {method}, seed 0, fold {STRUCK}: {SPOILT[method]}" in ended.err
    assert "Traceback" not in ended.err
    assert "1 of 12 cells failed" in ended.err
    assert re.search(rf"{method} +0 +5/6, 1 failed +– +–", ended.err)


@pytest.mark.usefixtures("naughty")
def test_a_failed_cell_keeps_its_traceback_and_is_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run("--method", "raises")
    (file,) = [path for path in bench.cell_files() if path.stem == STRUCK]
    failed = json.loads(file.read_text())
    status = bench("status", "--results", bench.results)
    again = bench.run("--method", "raises")
    monkeypatch.setenv("HEALED", "1")
    healed = bench.run("--method", "raises", "--json")

    assert failed["error"]["type"] == "ValueError"
    assert "in misbehave" in failed["error"]["traceback"]
    assert "5/6, 1 failed" in status.out
    assert again.code == 1
    assert "5 stored, 1 to compute" in again.out
    assert healed.code == 0
    assert "5 stored, 1 to compute" in healed.err
    assert healed.objects[0]["folds_failed"] == 0
    assert healed.objects[0]["slices"]["full"]["accuracy"] == pytest.approx(10 / 24)


@pytest.mark.usefixtures("naughty")
def test_a_process_that_dies_and_a_cell_that_overruns_fail_alone(bench: Bench) -> None:
    methods = ("dies", "dies-quietly", "sleeps")
    started = time.monotonic()
    arguments = [part for method in methods for part in ("--method", method)]
    ended = bench.spawn(*bench.run_arguments(*arguments, "--timeout", "2", "--json", jobs=2))

    assert time.monotonic() - started < 40
    assert ended.code == 1
    assert [(o["method"], o["folds_done"], o["folds_failed"]) for o in ended.objects] == [(m, 5, 1) for m in methods]
    assert f"failed: dies, seed 0, fold {STRUCK}: MethodError: its process died (exit code 3)" in ended.err
    assert f"failed: dies-quietly, seed 0, fold {STRUCK}: MethodError: its process died (exit code -9)" in ended.err
    assert f"failed: sleeps, seed 0, fold {STRUCK}: MethodError: it ran past the time-out of 2 s" in ended.err
    # On a loaded machine a replaced worker may still be starting as the run ends: multiprocessing's own start-up then
    # complains that its parent is gone.
    assert "Traceback" not in ended.err or "spawn_main" in ended.err


@pytest.mark.usefixtures("naughty")
def test_a_time_out_holds_for_one_job_too(bench: Bench) -> None:
    ended = bench.spawn(*bench.run_arguments("--method", "sleeps", "--timeout", "1", "--json", jobs=1))

    assert (ended.objects[0]["folds_done"], ended.objects[0]["folds_failed"]) == (5, 1)


@pytest.mark.usefixtures("naughty")
def test_a_class_that_is_no_method_fails_its_cells(bench: Bench) -> None:
    ended = bench.run("--method", "no-method", "--json")

    assert ended.code == 1
    assert ended.objects[0]["folds_failed"] == 6
    assert "naughty_plugin:NoMethod is neither a Method nor a TorchMethod" in ended.err


SCRIPT = """
import sys
import mer_bench
try:
    mer_bench.run("majority", data="synthetic-maps", data_options={"size": "tiny"}, jobs=2)
except mer_bench.MerBenchError as error:
    print(f"error: {error}")
"""


def test_a_script_without_main_guard_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.splitlines()[-1].startswith("error: the worker processes end before they take a task")
    assert '__name__ == "__main__"' in done.stdout


def test_more_jobs_than_cells_do_no_harm(bench: Bench) -> None:
    ended = bench.spawn(*bench.run_arguments("--method", "majority", "-p", "loso-smic", "--json", jobs=1000))

    assert ended.objects[0]["folds_done"] == 2


def test_seed_values_differ_by_protocol_fold_and_seed() -> None:
    values = {seed_value(*key) for key in (("cde", "a", 0), ("cde", "a", 1), ("cde", "b", 0), ("loso", "a", 0))}

    assert len(values) == 4
    assert seed_value("cde", "smic-s1", 0) == seed_value("cde", "smic-s1", 0)


# What a row's key is made of, and the values that the tests give it.
VERSIONS = ("1", "2")
RATES = ("0.001", "0.002")
LAYOUTS = ("five-mosaic", "htnet")
SELECTIONS = ("last", "inner")
PROTOCOLS = ("cde", "cde-changed")

IDENTITIES = st.tuples(
    st.sampled_from(VERSIONS),
    st.sampled_from(RATES),
    st.sampled_from(LAYOUTS),
    st.sampled_from(PROTOCOLS),
    st.integers(0, 1),
    st.sampled_from(SELECTIONS),
)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """What is installed, and a protocol that differs from cde in one rule."""
    found = load_catalogue()
    file = tmp_path_factory.mktemp("protocols") / "cde-changed.toml"
    text = found.protocols["cde"].path.read_text(encoding="utf-8")
    rule = re.search(r'absent-class = "(\w+)"', text)
    assert rule
    other = "zero" if rule[1] == "exclude" else "exclude"
    text = text.replace(rule[0], f'absent-class = "{other}"').replace('name = "cde"', 'name = "cde-changed"')
    file.write_text(text, encoding="utf-8")
    changed = replace(found.protocols["cde"], name="cde-changed", path=file)
    return replace(found, protocols={**found.protocols, "cde-changed": changed})


def row_key_of(catalogue: Catalogue, identity: tuple[str, str, str, str, int, str]) -> str:
    version, rate, layout, protocol, data_seed, selection = identity
    spec = replace(catalogue.methods["ahmsa"], version=version)
    plan = plan_of(
        "ahmsa",
        overrides={"lr": rate, "layout": layout},
        protocol=protocol,
        selection=selection,
        data_seed=data_seed,
        catalogue=replace(catalogue, methods={**catalogue.methods, "ahmsa": spec}),
    )
    return plan.rows[0].record["row_key"]


@settings(max_examples=40, deadline=None)
@given(one=IDENTITIES, other=IDENTITIES)
def test_two_rows_share_a_key_exactly_where_nothing_differs(
    catalogue: Catalogue, one: tuple[str, str, str, str, int, str], other: tuple[str, str, str, str, int, str]
) -> None:
    assert (row_key_of(catalogue, one) == row_key_of(catalogue, other)) == (one == other)


BASE = ("1", "0.001", "five-mosaic", "cde", 0, "last")
CHANGED = ("2", "0.002", "htnet", "cde-changed", 1, "inner")


@pytest.mark.parametrize(
    "place", range(len(BASE)), ids=("version", "param", "representation", "protocol", "data", "training")
)
def test_changing_any_field_changes_the_key(catalogue: Catalogue, place: int) -> None:
    changed = (*BASE[:place], CHANGED[place], *BASE[place + 1 :])

    assert row_key_of(catalogue, BASE) != row_key_of(catalogue, changed)  # type: ignore[arg-type]


def test_another_implementation_of_a_name_has_another_key(catalogue: Catalogue) -> None:
    fork = replace(catalogue.methods["ahmsa"], target="fork.method:AHMSA")
    forked = plan_of("ahmsa", catalogue=replace(catalogue, methods={**catalogue.methods, "ahmsa": fork}))

    assert forked.rows[0].record["row_key"] != plan_of("ahmsa").rows[0].record["row_key"]


@pytest.mark.parametrize(
    ("place", "name"), [(rows_module, "EVALUATION_VERSION"), (preprocessing, "VERSIONS")], ids=("harness", "arrays")
)
def test_a_new_version_of_the_harness_s_own_steps_has_another_key(
    monkeypatch: pytest.MonkeyPatch, place: ModuleType, name: str
) -> None:
    before = plan_of("ahmsa").rows[0].record["row_key"]
    version = getattr(place, name)
    if isinstance(version, dict):
        for key, number in version.items():
            monkeypatch.setitem(version, key, number + 1)
    else:
        monkeypatch.setattr(place, name, version + 1)

    assert plan_of("ahmsa").rows[0].record["row_key"] != before


@pytest.mark.parametrize("seeds", [0, -1, 1001, 30_000_000])
def test_a_number_of_seeds_out_of_reason_is_refused(seeds: int) -> None:
    with pytest.raises(MerBenchError, match=f"--seeds {seeds} is not a number from 1 to 1000"):
        plan_of("majority", seeds=seeds)


def test_data_that_changes_while_it_is_read_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of("majority")
    monkeypatch.setattr(type(plan.data.source), "digest", lambda self, sample_id: "edited")
    session = Session(plan, Store.create(tmp_path / "results"), load_catalogue(), Resources())

    with pytest.raises(MerBenchError, match="the data changed while it was read"):
        session.carry_out()
    assert not list((tmp_path / "results").glob("representations/*.npy"))


CELLS = st.tuples(
    st.sampled_from(("a" * 64, "b" * 64)), st.integers(0, 12), st.sampled_from(("smic-s1", "smic-s11", "1-smic-s1"))
)


@given(one=CELLS, other=CELLS)
def test_two_cells_share_a_key_exactly_where_nothing_differs(
    one: tuple[str, int, str], other: tuple[str, int, str]
) -> None:
    assert (cell_key(*one) == cell_key(*other)) == (one == other)


OVERRIDES = {"ahmsa.lr": "1e-4", "ahmsa.width": "12", "C": "3", "svm-flow.kernel": "linear"}


@settings(max_examples=25, deadline=None)
@given(
    methods=st.permutations(["ahmsa", "svm-flow", "majority"]),
    overrides=st.permutations(list(OVERRIDES.items())),
    seeds=st.integers(1, 3),
    selection=st.sampled_from(("last", "oracle")),
)
def test_the_order_of_the_command_line_changes_no_key(
    methods: list[str], overrides: list[tuple[str, str]], seeds: int, selection: str
) -> None:
    ordered = plan_of("ahmsa", "majority", "svm-flow", overrides=OVERRIDES)
    permuted = plan_of(*methods, overrides=dict(overrides), seeds=seeds, selection=selection)

    assert keys_of(permuted) == keys_of(ordered)


@pytest.mark.parametrize("text", ["1", "1.0", "1e0", "+1"])
def test_spellings_of_one_value_share_a_key(text: str) -> None:
    assert keys_of(plan_of("svm-flow", overrides={"C": text})) == keys_of(plan_of("svm-flow", overrides={"C": "1.00"}))


def test_a_default_stated_and_left_out_share_a_key() -> None:
    assert keys_of(plan_of("svm-flow", overrides={"C": "10"})) == keys_of(plan_of("svm-flow"))


def test_a_method_without_epochs_has_one_row_for_all_selections() -> None:
    assert keys_of(plan_of("majority", selection="inner")) == keys_of(plan_of("majority", selection="oracle"))


def test_a_specific_setting_stands_over_a_general_one() -> None:
    plan = plan_of("ahmsa", overrides={"ahmsa.lr": "0.5", "lr": "0.25"})

    assert plan.rows[0].setting.params["lr"] == 0.5


def test_a_method_named_twice_is_measured_once() -> None:
    assert len(plan_of("svm-flow", "SVM_flow").rows) == 1


def keys_of(plan: Plan) -> dict[str, str]:
    return {row.record["method"]["name"]: row.record["row_key"] for row in plan.rows}
