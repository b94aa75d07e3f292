"""Each check finds its fault in a folder that has it, names it by its code, and finds nothing in a clean one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.bench import Bench, Ended
from support.clean_results import ALIKE, COUNTS, Clean, all_but, records
from support.report_case import samples_of_subjects
from support.store_factory import always, make_row
from support.store_files import edit_record

from mer_bench.checks import CHECKS
from mer_bench.plugin_manager import load_catalogue
from mer_bench.protocol import load_protocol
from mer_bench.results import read_row
from mer_bench.scoring.metrics import score
from mer_bench.store import Store, cell_key


def strictly(bench: Bench, store: Store) -> tuple[Ended, list[dict[str, Any]]]:
    """Check a store, and return its findings."""
    ended = bench("check-results", store.path, "--strict", "--json")
    assert ended.err == ""
    (answer,) = ended.objects
    findings: list[dict[str, Any]] = answer["findings"]
    return ended, findings


def assert_found(bench: Bench, store: Store, code: str, *sentences: str) -> list[list[str]]:
    """Assert that one check alone finds these sentences, and return where."""
    ended, findings = strictly(bench, store)
    assert {finding["code"] for finding in findings} == {code}
    assert [finding["sentence"] for finding in findings] == list(sentences)
    assert ended.code == 1
    return [finding["where"] for finding in findings]


def row_name(clean: Clean, row: str) -> str:
    record = clean.rows[row]
    return f"{record['method']['name']}-{record['row_key'][:4]}"


def test_a_clean_folder_has_no_finding(bench: Bench, tmp_path: Path) -> None:
    store = Clean().write(tmp_path)
    assert bench("report", "--results", store.path).code == 0
    ended, findings = strictly(bench, store)
    assert findings == []
    assert ended.code == 0


def test_mer001_predictions_of_no_epoch_are_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    store = clean.write(tmp_path)

    def change(cell: dict[str, Any]) -> None:
        cell["predictions"][2].update(scores=[0.5, 0.25, 0.125], y_pred=0)

    edit_record(store.cell_file(clean.rows["two"], 0, "samm-011"), change)
    assert_found(
        bench,
        store,
        "MER001",
        "1 of 16 cells do not count the last epoch: seed 0, fold samm-011 has predictions of none of its 3 epochs",
    )


def test_mer001_a_cell_that_states_another_epoch_is_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    store = clean.write(tmp_path)
    edit_record(store.cell_file(clean.rows["one"], 1, "smic-s1"), lambda cell: cell.update(selected_epoch=1))
    assert_found(
        bench,
        store,
        "MER001",
        "1 of 16 cells do not count the last epoch: seed 1, fold smic-s1 has the predictions of the last epoch, and "
        "states epoch 2",
    )


def test_mer001_is_not_looked_for_without_scores_of_every_epoch(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    store = clean.write(tmp_path)
    store.epoch_scores_file(cell_key(clean.rows["one"]["row_key"], 1, "smic-s1")).write_bytes(b"short")
    ended = bench("check-results", store.path, "--json")
    (unknown,) = (each for each in ended.objects[0]["not_looked_for"] if each["code"] == "MER001")
    assert unknown["why"] == "1 of 16 cells have no usable scores of every epoch"
    assert [each["code"] for each in ended.objects[0]["findings"]] == ["MER016"]


@pytest.mark.parametrize("stated", [{"selected_epoch": 0}, {}], ids=["stated", "hidden"])
def test_mer001_an_epoch_that_is_not_the_last_is_named(bench: Bench, tmp_path: Path, stated: dict[str, int]) -> None:
    clean = Clean()
    store = clean.write(tmp_path)
    row, fold = clean.rows["two"], "casme2-sub02"
    stored = store.read_epoch_scores(cell_key(row["row_key"], 1, fold))
    assert stored is not None
    ids, scores = stored
    best = [
        {"sample_id": key, "y_pred": int(own.argmax()), "scores": own.tolist()}
        for key, own in zip(ids, scores[0], strict=True)
    ]
    edit_record(store.cell_file(row, 1, fold), lambda cell: cell.update(predictions=best, **stated))

    where = assert_found(
        bench,
        store,
        "MER001",
        "1 of 16 cells do not count the last epoch: seed 1, fold casme2-sub02 counts epoch 1 of 3, which has the most "
        "correct samples of the test subject",
    )
    assert where == [[row_name(clean, "two")]]


def test_mer002_a_subject_in_two_folds_is_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean(rows=records())
    for row in clean.rows.values():
        moved = row["folds"]["samm-007"]["samples"]
        row["folds"]["samm-006"]["samples"]["samm/007/clip04"] = moved.pop("samm/007/clip00")
    ended, findings = strictly(bench, clean.write(tmp_path))
    names = sorted(row_name(clean, row) for row in clean.rows)
    assert [(each["code"], sorted(each["where"]), each["sentence"]) for each in findings] == [
        ("MER002", names, "fold samm-006 tests samm/006, and holds samples of samm/007"),
        ("MER002", names, "subject samm/007 is in the folds samm-006, samm-007"),
    ]
    assert ended.code == 1


def test_mer002_a_sample_in_two_folds_is_named_although_its_row_is_refused(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    store = clean.write(tmp_path)
    file = store.cell_file(clean.rows["one"], 0, "any").parents[1] / "row.json"
    edit_record(file, lambda row: row["folds"]["smic-s2"]["samples"].update({"smic/s1/clip12": 1}))
    _, findings = strictly(bench, store)
    found = {finding["sentence"]: finding["where"] for finding in findings if finding["code"] == "MER002"}
    assert found["in two folds: smic/s1/clip12"] == [str(file.relative_to(store.path))]


def mean_over_folds(store: Store, clean: Clean, row: str, seed: int) -> float:
    folds = []
    for fold in clean.rows[row]["folds"].values():
        result = read_row(store, clean.rows[row]).seeds[seed]
        truth, predicted = zip(*(result.predictions[key] for key in fold["samples"]), strict=True)
        folds.append(score(truth, predicted, 3).uf1)
    return sum(folds) / len(folds)


def edit_report(store: Store, change: Callable[[dict[str, Any]], object]) -> None:
    file = store.path / "report.json"
    report = json.loads(file.read_text(encoding="utf-8"))
    rows = [row for comparison in report["comparisons"] for row in comparison["rows"] if row["title"] == "Net-One"]
    change(rows[0])
    file.write_text(json.dumps(report), encoding="utf-8")


def test_mer003_a_mean_over_folds_is_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    store = clean.write(tmp_path)
    assert bench("report", "--results", store.path).code == 0
    pooled = read_row(store, clean.rows["one"]).seeds[1].slices["full"].uf1
    average = mean_over_folds(store, clean, "one", 1)
    assert abs(pooled - average) > 0.001
    edit_report(store, lambda row: row["seeds"][1]["slices"]["full"].update(uf1=round(average, 4)))

    where = assert_found(
        bench,
        store,
        "MER003",
        f"states UF1 of full, seed 1 = {average:.4f}, the mean over folds; all folds together give {pooled:.4f}",
    )
    assert where == [["report.json", row_name(clean, "one")]]


def test_mer015_a_score_that_no_prediction_gives_is_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    store = clean.write(tmp_path)
    assert bench("report", "--results", store.path).code == 0
    pooled = read_row(store, clean.rows["one"]).means["samm", "uar"].value
    edit_report(store, lambda row: row["mean"]["samm"]["uar"].update(value=0.4321))
    assert_found(
        bench,
        store,
        "MER015",
        f"states UAR of samm, the mean of 2 seeds = 0.4321; the stored predictions give {pooled:.4f}",
    )


def test_mer015_a_score_in_the_csv_file_is_compared_too(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    store = clean.write(tmp_path)
    assert bench("report", "--results", store.path, "--format", "csv").code == 0
    file = store.path / "report.csv"
    accuracy = read_row(store, clean.rows["two"]).seeds[1].slices["casme2"].accuracy
    lines = file.read_text(encoding="utf-8").splitlines()
    (place,) = (
        i
        for i, line in enumerate(lines)
        if ",measured," in line and row_name(clean, "two") in line and ",1,casme2," in line
    )
    lines[place] = lines[place].replace(str(accuracy), "0.9")
    file.write_text("\n".join(lines), encoding="utf-8")
    where = assert_found(
        bench,
        store,
        "MER015",
        f"states accuracy of casme2, seed 1 = 0.9000; the stored predictions give {accuracy:.4f}",
    )
    assert where == [["report.csv", row_name(clean, "two")]]


def test_mer015_a_row_that_is_not_stored_is_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    store = clean.write(tmp_path)
    assert bench("report", "--results", store.path, "--format", "csv").code == 0
    store.remove_row(clean.rows["two"])
    key = clean.rows["two"]["row_key"][:12]
    where = assert_found(bench, store, "MER015", f"states scores of a row that is not stored (key {key!r})")
    assert where == [["report.csv"]]


@pytest.mark.parametrize("content", ["{", "[]", '{"comparisons": [{"rows": [7]}]}', '{"comparisons": {}}\0'])
def test_mer015_a_report_that_cannot_be_read_is_named(bench: Bench, tmp_path: Path, content: str) -> None:
    store = Clean().write(tmp_path)
    (store.path / "report.json").write_text(content, encoding="utf-8")
    _, findings = strictly(bench, store)
    assert [(each["code"], each["where"]) for each in findings] == [("MER015", ["report.json"])]
    assert findings[0]["sentence"].startswith("cannot be read: ")


def test_mer004_a_class_that_only_one_subject_has_is_named(bench: Bench, tmp_path: Path) -> None:
    samples = {
        key: label
        for key, label in records()["one"]["folds"].items()
        for key, label in label["samples"].items()
        if label != 2 or key.startswith("samm/011")
    }
    clean = Clean(rows=records(samples=samples))
    where = assert_found(
        bench, clean.write(tmp_path), "MER004", "the training set of 1 of 8 folds has no sample of surprise: samm-011"
    )
    assert sorted(where[0]) == sorted(row_name(clean, row) for row in clean.rows)


def test_mer005_a_row_below_the_best_baseline_is_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    clean.rows["lower"] = make_row("lower", deterministic=True, samples=samples_of_subjects(COUNTS))
    clean.predictors |= {"two": [always(1), always(1)], "lower": [always(2)]}
    clean.verified = {**clean.verified, "lower": "same"}
    where = assert_found(
        bench,
        clean.write(tmp_path),
        "MER005",
        f"its UF1, {means(clean, tmp_path, 'two'):.4f}, is not above that of {row_name(clean, 'floor')}, "
        f"{means(clean, tmp_path, 'floor'):.4f}",
    )
    assert where == [[row_name(clean, "two")]]


def means(clean: Clean, folder: Path, row: str) -> float:
    return read_row(Store.open(folder / "results"), clean.rows[row]).means["full", "uf1"].value


def test_mer005_a_lead_that_may_be_chance_is_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    # Better on one subject only.
    clean.predictors["two"] = [lambda key, truth: truth if key.startswith("smic/s2") else 0] * 2
    _, findings = strictly(bench, clean.write(tmp_path))
    (finding,) = findings
    lead = means(clean, tmp_path, "two") - means(clean, tmp_path, "floor")
    assert (finding["code"], finding["where"]) == ("MER005", [row_name(clean, "two")])
    assert finding["sentence"].startswith(
        f"its UF1 is +{lead:.4f} beside {row_name(clean, 'floor')}, which may be chance"
    )


def test_mer005_a_comparison_without_a_baseline_is_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    del clean.rows["floor"]
    where = assert_found(
        bench, clean.write(tmp_path), "MER005", "no baseline was measured in all folds beside its rows"
    )
    assert where == [["comparison 1 (cde@1)"]]


def test_mer006_a_spread_as_large_as_the_lead_is_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    wrong = [f"smic/s1/clip0{i}" for i in range(5)]
    clean.predictors["one"] = [all_but(), all_but(*wrong)]
    _, findings = strictly(bench, clean.write(tmp_path))
    (finding,) = findings
    rows = [read_row(Store.open(tmp_path / "results"), clean.rows[name]) for name in ("one", "two")]
    first, second = sorted(
        (row.means["full", "uf1"].value, name) for row, name in zip(rows, ("one", "two"), strict=True)
    )[::-1]
    spread = rows[0].means["full", "uf1"].std
    assert spread is not None
    assert 1 < spread / (first[0] - second[0]) < 2
    assert (finding["code"], finding["where"]) == ("MER006", [row_name(clean, first[1])])
    assert finding["sentence"] == (
        f"its lead over {row_name(clean, second[1])} is {first[0] - second[0]:.4f} UF1, and the seeds of "
        f"{row_name(clean, 'one')} spread by {spread:.4f}"
    )


def test_mer006_is_not_looked_for_where_there_is_one_seed(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    clean.predictors["two"] = clean.predictors["two"][:1]
    store = clean.write(tmp_path)
    ended = bench("check-results", store.path, "--strict", "--json")
    assert ended.objects[0]["not_looked_for"][0] == {
        "code": "MER006",
        "where": [row_name(clean, "two")],
        "why": "it has one seed, so its spread is not known; use --seeds 3",
    }
    assert ended.code == 0


def test_mer007_missing_and_failed_folds_are_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean(missing={"one": ["smic-s2"]}, failed={"two": {"samm-007": "no memory", "samm-006": "no memory"}})
    where = assert_found(bench, clean.write(tmp_path), "MER007", "seed 1: folds 7/8", "seed 1: folds 6/8, 2 failed")
    assert sorted(where) == sorted([[row_name(clean, "one")], [row_name(clean, "two")]])


def test_mer007_a_row_of_which_nothing_is_stored_is_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    clean.predictors["two"] = []
    clean.verified = {"floor": "same", "one": "same"}
    store = clean.write(tmp_path)
    store.write_row(clean.rows["two"])
    where = assert_found(bench, store, "MER007", "none of its 8 folds is stored")
    assert where == [[row_name(clean, "two")]]


def test_mer008_rows_of_other_versions_are_named(bench: Bench, tmp_path: Path) -> None:
    packages = {"numpy": "1.26.4", "torch": "2.7.1"}
    clean = Clean(manifests={"two": {"packages": packages, "mer_bench": "0.2.0"}})
    where = assert_found(
        bench,
        clean.write(tmp_path),
        "MER008",
        "its rows were computed with mer-bench 0.1.0 and 0.2.0, torch 2.6.0 and 2.7.1",
    )
    assert where == [["comparison 1 (cde@1)"]]


def test_mer008_a_row_of_two_versions_is_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    store = clean.write(tmp_path)
    run_id = store.start_run({**next(iter(manifests(store))), "python": "3.12.1"})
    edit_record(store.cell_file(clean.rows["one"], 1, "samm-007"), lambda cell: cell.update(run_id=run_id))
    where = assert_found(
        bench,
        store,
        "MER008",
        "its cells were computed with Python 3.11.9 and 3.12.1",
        "its rows were computed with Python 3.11.9 and 3.12.1",
    )
    assert where == [[row_name(clean, "one")], ["comparison 1 (cde@1)"]]


def manifests(store: Store) -> list[dict[str, object]]:
    found = [store.manifest(file.parent.name) for file in store.path.glob("runs/*/manifest.json")]
    return [manifest for manifest in found if manifest is not None]


def test_mer009_counts_that_a_run_found_wrong_are_named(bench: Bench, tmp_path: Path) -> None:
    problems = ["samm: negative 3 of 92 (89 missing)", "smic: 2 of 16 subjects"]
    clean = Clean(manifests={"one": {"count_problems": problems}})
    where = assert_found(bench, clean.write(tmp_path), "MER009", "; ".join(problems))
    assert where == [[row_name(clean, "one")]]


def test_mer009_samples_that_the_installed_protocol_does_not_declare_are_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    for row in clean.rows.values():
        row["protocol"]["hash"] = load_protocol(load_catalogue().protocol("cde").path).hash
    _, findings = strictly(bench, clean.write(tmp_path))
    (finding,) = findings
    assert (finding["code"], len(finding["where"])) == ("MER009", 3)
    assert finding["sentence"].split("; ")[:4] == [
        "smic: negative 7 of 70 (63 missing)",
        "smic: positive 7 of 51 (44 missing)",
        "smic: surprise 9 of 43 (34 missing)",
        "smic: 2 of 16 subjects",
    ]


def test_mer009_partial_data_without_a_reason_is_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean(rows=records(caveats=["partial"]))
    sentence = "its data is stored as partial, and no run says what it lacks"
    assert_found(bench, clean.write(tmp_path), "MER009", sentence)


def test_mer010_near_duplicates_are_named(bench: Bench, tmp_path: Path) -> None:
    pair = ["casme2/sub01/clip00", "smic/s1/clip12"]
    found = {**ALIKE, "found": 23, "pairs": [{"samples": pair, "correlation": 0.98765}]}
    clean = Clean(alike=found)  # type: ignore[arg-type]
    where = assert_found(
        bench,
        clean.write(tmp_path),
        "MER010",
        "casme2/sub01/clip00 and smic/s1/clip12 correlate by 0.988",
        "22 more pairs correlate by 0.95 or more",
    )
    assert sorted(where[1]) == sorted(row_name(clean, row) for row in clean.rows)


def test_mer010_is_not_looked_for_in_an_older_store(bench: Bench, tmp_path: Path) -> None:
    clean = Clean(alike=None)
    ended = bench("check-results", clean.write(tmp_path).path, "--strict", "--json")
    (unknown,) = (each for each in ended.objects[0]["not_looked_for"] if each["code"] == "MER010")
    assert sorted(unknown["where"]) == sorted(row_name(clean, row) for row in clean.rows)
    assert unknown["why"].startswith("its run stored no comparison of samples")
    assert ended.code == 0


def test_mer011_settings_that_are_not_the_paper_s_are_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    changed = {"preset": "quick", "reference": "paper", "differs": {"epochs": 40, "lr": 0.002}}
    clean.rows["two"] = records(**changed)["two"]
    where = assert_found(
        bench,
        clean.write(tmp_path),
        "MER011",
        "quick, not the paper's training; it differs in epochs=40, lr=0.002",
    )
    assert where == [[row_name(clean, "two")]]


def test_mer012_a_row_without_a_verified_cell_is_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean(verified={"floor": "same", "two": "same"})
    where = assert_found(bench, clean.write(tmp_path), "MER012", "none of its cells was computed again")
    assert where == [[row_name(clean, "one")]]


def test_mer013_a_checkout_with_changes_is_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    store = clean.write(tmp_path)
    (file,) = store.path.glob("runs/*/manifest.json")
    edit_record(file, lambda content: content.update(git="v0.3-2-gabc123-dirty"))
    where = assert_found(
        bench,
        store,
        "MER013",
        f"run {file.parent.name} was started in a checkout with uncommitted changes (v0.3-2-gabc123-dirty)",
    )
    assert sorted(where[0]) == sorted(row_name(clean, row) for row in clean.rows)


def test_mer014_maps_without_name_source_and_flow_are_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean(rows=records(input_name="unnamed maps"))
    for row in clean.rows.values():
        row["input"].update(source="", flow="")
    assert_found(bench, clean.write(tmp_path), "MER014", "not stated of its input 'unnamed maps': name, source, flow")


def test_mer016_a_damaged_file_is_named_without_its_folder(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    store = clean.write(tmp_path)
    file = store.cell_file(clean.rows["one"], 1, "smic-s2")
    file.write_bytes(file.read_bytes()[:-9])
    ended, findings = strictly(bench, store)
    (damaged,) = (each for each in findings if each["code"] == "MER016")
    assert damaged["where"] == [str(file.relative_to(store.path))]
    assert "its checksum does not fit" in damaged["sentence"]
    assert {each["code"] for each in findings} == {"MER007", "MER016"}
    assert str(tmp_path) not in ended.out


def test_mer016_a_lost_manifest_is_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean(manifests={"floor": {}})
    store = clean.write(tmp_path)
    cell = store.read_cell(clean.rows["floor"], 0, "smic-s1")
    assert cell is not None
    (store.run_folder(cell["run_id"]) / "manifest.json").unlink()
    where = assert_found(bench, store, "MER016", "is missing: how 8 cells were computed is not known")
    assert where == [[f"runs/{cell['run_id']}/manifest.json"]]


def test_mer017_weights_of_unknown_subjects_are_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean()
    clean.rows["two"] = records(caveats=["unknown-pretraining"])["two"]
    where = assert_found(
        bench, clean.write(tmp_path), "MER017", "it starts from weights that do not say whom they were trained on"
    )
    assert where == [[row_name(clean, "two")]]


def test_mer018_a_cell_that_came_out_otherwise_is_named(bench: Bench, tmp_path: Path) -> None:
    clean = Clean(verified={"floor": "same", "one": "differs", "two": "same"})
    where = assert_found(
        bench,
        clean.write(tmp_path),
        "MER018",
        "1 of 1 cells that were computed again differ: seed 0, fold smic-s1",
    )
    assert where == [[row_name(clean, "one")]]


def test_every_check_has_a_planted_fault() -> None:
    tested = {name[5:11].upper() for name in globals() if name.startswith("test_mer")}
    assert tested == {check.code for check in CHECKS}
    assert [check.code for check in CHECKS] == [f"MER{number:03}" for number in range(1, len(CHECKS) + 1)]
