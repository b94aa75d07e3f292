"""Runs: how a fold is computed changes nothing, a failure stays in its cell, and keys identify what was computed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.bench import Bench, predictions
from support.naughty import STRUCK

from mer_bench import MerBenchError
from mer_bench.cache import STACKS, cache_folder
from mer_bench.databases.open import open_source
from mer_bench.engine import environment
from mer_bench.engine.resources import Resources
from mer_bench.engine.session import Session
from mer_bench.evaluation import rows as rows_module
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


def computed(plan: Plan, folder: Path, jobs: int = 1) -> dict[tuple[str, int, str], object]:
    session = Session(plan, Store.create(folder), load_catalogue(), Resources(device="cpu", jobs=jobs))
    session.run()
    assert not session.failures
    return predictions(folder)


@pytest.mark.slow
def test_a_fold_gives_the_same_predictions_in_any_order_and_in_several_processes(tmp_path: Path) -> None:
    overrides = {"ststnet.epochs": "2", "svm-flow.tuning": "fixed"}
    whole = plan_of("ststnet", "svm-flow", overrides=overrides, protocol="loso-smic", seeds=2)
    reference = computed(whole, tmp_path / "reference")
    shuffled = replace(whole, cells=tuple(whole.cells[i] for i in (4, 2, 0, 5, 1, 3)))

    assert len(reference) == 6
    assert computed(shuffled, tmp_path / "workers", jobs=2) == reference


@pytest.mark.slow
@pytest.mark.usefixtures("naughty")
def test_a_failed_fold_leaves_its_row_without_scores_and_is_computed_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = ("--method", "raises", "--method", "good", "--json")
    first = bench.run(*failing)
    (file,) = [path for path in bench.cell_files() if path.stem == STRUCK and "raises" in path.parts]
    error = json.loads(file.read_text())["error"]
    status = bench("status", "--results", bench.results)
    again = bench.run(*failing)
    monkeypatch.setenv("HEALED", "1")
    healed = bench.run(*failing)

    assert (first.code, again.code, healed.code) == (1, 1, 0)
    assert [(o["folds_done"], o["folds_failed"]) for o in first.objects] == [(5, 1), (6, 0)]
    assert first.objects[0]["slices"] == {}
    assert f"failed: raises, seed 0, fold {STRUCK}: ValueError: no [good] reason at all" in first.err
    assert "Traceback" not in first.err
    assert "1 of 12 cells failed" in first.err
    assert re.search(r"raises +0 +5/6, 1 failed +– +–", first.err)
    assert error["type"] == "ValueError"
    assert "in misbehave" in error["traceback"]
    assert "5/6, 1 failed" in status.out
    assert "11 stored, 1 to compute" in again.err
    assert "11 stored, 1 to compute" in healed.err
    assert healed.objects[0]["folds_failed"] == 0
    assert healed.objects[0]["slices"]["full"]["accuracy"] == pytest.approx(10 / 24)


@pytest.mark.slow
@pytest.mark.usefixtures("naughty")
def test_a_time_out_and_a_dying_process_fail_one_cell_each_with_one_job_too(bench: Bench) -> None:
    methods = ("dies", "sleeps")
    arguments = [part for method in methods for part in ("--method", method)]
    ended = bench.run(*arguments, "--timeout", "4", "--json")

    assert ended.code == 1
    assert [(o["method"], o["folds_done"], o["folds_failed"]) for o in ended.objects] == [(m, 5, 1) for m in methods]
    assert (
        f"failed: dies, seed 0, fold {STRUCK}: MethodError: its process ended with exit code 3 before it returned"
        in ended.err
    )
    assert f"failed: sleeps, seed 0, fold {STRUCK}: MethodError: it ran past the time-out of 4 s" in ended.err
    assert "Traceback" not in ended.err


SCRIPT = """
import mer_bench
options = {"size": "tiny"}
frame = mer_bench.run("majority", data="synthetic-maps", data_options=options, jobs=2, baselines=False, progress=False)
print(frame["n_samples"].tolist())
"""


@pytest.mark.slow
def test_a_script_needs_no_main_guard_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    for command in (["script.py"], ["-c", SCRIPT.replace("majority", "random")]):
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=60, check=True)
        assert (done.stdout, done.stderr) == ("[24, 8, 8, 8]\n", "")


def test_a_manifest_states_what_is_installed_and_nothing_that_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_PACKAGES", ("numpy", "a-package-that-is-not-installed"))
    monkeypatch.setenv("PATH", "")  # no git
    facts = environment.environment()

    assert facts["packages"] == {"numpy": np.__version__}
    assert facts["processor"]
    assert facts["git"] is None


def test_data_that_changes_while_it_is_read_is_not_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of("majority")
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(type(plan.data.source), "digest", lambda self, sample_id: "edited")
    session = Session(plan, Store.create(tmp_path / "results"), load_catalogue(), Resources())

    with pytest.raises(MerBenchError, match="the data changed while it was read"):
        session.run()
    assert not list((cache_folder() / STACKS).glob("*.npy"))


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The installed plugins, and a protocol that differs from cde in one rule."""
    installed = load_catalogue()
    text = installed.protocols["cde"].path.read_text(encoding="utf-8")
    rule = re.search(r'absent-class = "(\w+)"', text)
    assert rule
    other = "zero" if rule[1] == "exclude" else "exclude"
    text = text.replace(rule[0], f'absent-class = "{other}"').replace('name = "cde"', 'name = "cde-changed"')
    file = tmp_path_factory.mktemp("protocols") / "cde-changed.toml"
    file.write_text(text, encoding="utf-8")
    changed = replace(installed.protocols["cde"], name="cde-changed", path=file)
    return replace(installed, protocols={**installed.protocols, "cde-changed": changed})


def keys_of(plan: Plan) -> dict[str, str]:
    return {row.record["method"]["name"]: row.record["row_key"] for row in plan.rows}


def ahmsa_key(catalogue: Catalogue, *, version: str = "1", target: str = "", **options: object) -> str:
    known = catalogue.methods["ahmsa"]
    spec = replace(known, version=version, target=target or known.target)
    changed = replace(catalogue, methods={**catalogue.methods, "ahmsa": spec})
    return keys_of(plan_of("ahmsa", catalogue=changed, **options))["ahmsa"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed",
    [
        {"version": "2"},
        {"target": "fork.method:AHMSA"},
        {"overrides": {"lr": "0.002"}},
        {"overrides": {"layout": "htnet"}},
        {"protocol": "cde-changed"},
        {"data_seed": 1},
        {"selection": "inner"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_row_s_key_depends_on_everything_that_may_change_a_prediction(
    catalogue: Catalogue, changed: dict[str, object]
) -> None:
    assert ahmsa_key(catalogue, **changed) != ahmsa_key(catalogue)  # type: ignore[arg-type]


def test_a_row_s_key_depends_on_the_versions_of_the_harness_s_own_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys_of(plan_of("ahmsa"))
    monkeypatch.setattr(rows_module, "EVALUATION_VERSION", rows_module.EVALUATION_VERSION + 1)
    with_another_trainer = keys_of(plan_of("ahmsa"))
    monkeypatch.undo()
    for step, version in preprocessing.VERSIONS.items():
        monkeypatch.setitem(preprocessing.VERSIONS, step, version + 1)

    assert before != with_another_trainer
    assert before != keys_of(plan_of("ahmsa"))


@pytest.mark.slow
def test_a_row_s_key_depends_on_nothing_else() -> None:
    overrides = {"ahmsa.lr": "1e-4", "ahmsa.width": "12", "C": "3", "svm-flow.kernel": "linear"}
    again = dict(reversed([*overrides.items(), ("svm-flow.C", "+3.0e0")]))
    plan = plan_of("ahmsa", "majority", "svm-flow", overrides=overrides)
    reordered = plan_of("svm-flow", "SVM_flow", "majority", "ahmsa", overrides=again, seeds=3, selection="oracle")

    assert keys_of(reordered) == keys_of(plan)
    assert len(reordered.rows) == 3
    assert keys_of(plan_of("svm-flow", overrides={"C": "1"})) == keys_of(plan_of("svm-flow"))
    assert keys_of(plan_of("majority", selection="inner")) == keys_of(plan_of("majority", selection="oracle"))


def test_a_cell_s_key_depends_on_row_seed_and_fold() -> None:
    keys = {cell_key(r * 64, s, f) for r in "ab" for s in (1, 11) for f in ("smic-s1", "smic-s11", "1-smic-s1")}

    assert len(keys) == 12


def test_a_setting_for_one_method_takes_precedence_over_one_for_all() -> None:
    plan = plan_of("ahmsa", overrides={"ahmsa.lr": "0.5", "lr": "0.25"})

    assert plan.rows[0].setting.params["lr"] == 0.5
