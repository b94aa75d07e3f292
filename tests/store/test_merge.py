"""Results of two machines become one store: what is better is copied, and nothing is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.bench import Bench
from support.report_case import verify
from support.store_factory import STORED_ROW as ROW
from support.store_factory import always, make_row, manifest, right, write_seed, wrong_for
from support.store_files import edit_record, plan

from mer_bench.errors import MerBenchError
from mer_bench.results import read_row
from mer_bench.store import Store, cell_key
from mer_bench.store import merge as merge_module
from mer_bench.store.check import check_store
from mer_bench.store.merge import merge
from mer_bench.store.near_duplicates import NearDuplicates, read_near_duplicates, write_near_duplicates
from mer_bench.store.network import read_network, write_network
from mer_bench.store.run_plan import write_plan
from mer_bench.store.upgrade import upgrade
from mer_bench.store.verification import read_verification

OTHER_ROW = make_row("other")
FOLDS = list(ROW["folds"])
ALIKE: NearDuplicates = {
    "threshold": 0.95,
    "highest": 0.975,
    "found": 1,
    "pairs": [{"samples": ["samm/006/negative_0", "smic/s1/negative_1"], "correlation": 0.975}],
}


@pytest.fixture
def here(tmp_path: Path) -> Store:
    """Seed 0 without two folds, of which one failed; seed 1; both computed here."""
    store = Store.create(tmp_path / "here")
    run_id = store.start_run(manifest(jobs=1))
    write_seed(
        store, ROW, right, oracle=always(0), missing=["smic-s1"], failed={"samm-006": "boom"}, run_id=run_id, seconds=1
    )
    write_seed(store, ROW, wrong_for("smic"), seed=1, oracle=right, failed={"samm-007": "boom"}, run_id=run_id)
    verify(store, ROW, {(0, "smic-s2"): "same"})
    return store


@pytest.fixture
def there(tmp_path: Path) -> Store:
    """The whole seed 0, equal where both have it; seed 1, in which one cell is another; seed 4; and another row."""
    store = Store.create(tmp_path / "there")
    run_id = store.start_run(manifest(jobs=9))
    write_seed(store, ROW, right, oracle=always(0), run_id=run_id, seconds=2)
    others = {"seed": 1, "oracle": right, "failed": {"samm-007": "bang", "samm-006": "bang"}, "run_id": run_id}
    write_seed(store, ROW, wrong_for("smic", "casme2/sub02"), **others)
    write_seed(store, ROW, always(2), seed=4, failed={"casme2-sub01": "bang"}, run_id=run_id)
    write_seed(store, OTHER_ROW, always(1))
    verify(store, ROW, {(0, "samm-007"): "differs", (1, "casme2-sub02"): "same", (0, "smic-s2"): "within-spread"})
    write_network(store, ROW, trainable=4321, flops=None, not_counted="why")
    write_near_duplicates(store, ROW, ALIKE)
    write_plan(store, plan(run_id, [(0, "smic-s1")]))
    return store


def contents(store: Store) -> dict[str, bytes]:
    return {str(path.relative_to(store.path)): path.read_bytes() for path in store.path.rglob("*") if path.is_file()}


def seconds(store: Store) -> dict[tuple[int, str], tuple[str, float]]:
    cells = read_row(store, ROW).stored
    return {(cell["seed"], cell["fold"]): (cell["status"], cell["seconds"]) for cell in cells}


def test_what_is_missing_or_failed_is_copied_and_the_rest_is_kept(here: Store, there: Store) -> None:
    theirs, runs = contents(there), {path.name for path in here.path.glob("runs/*")}
    merged = merge(here, there.path)

    # Seed 0: one missing and one failed of six. Seed 1: one of five is another; samm-006 failed there, samm-007 twice.
    # Seed 4 and the other row are all new.
    assert (merged.rows, merged.added, merged.replaced, merged.same, merged.failed) == (1, 1 + 6 + 6, 1, 4 + 3, 2)
    assert [(c.row["row_key"], c.seed, c.fold) for c in merged.conflicts] == [(ROW["row_key"], 1, "casme2-sub02")]
    assert not merged.damaged
    assert not merged.is_whole
    stored = seconds(here)
    assert [stored[0, fold] for fold in FOLDS] == [
        {"smic-s1": ("ok", 2), "samm-006": ("ok", 2)}.get(fold, ("ok", 1)) for fold in FOLDS
    ]
    assert stored[1, "samm-006"] == ("ok", 0.5)
    assert stored[1, "samm-007"] == ("failed", 0.5)
    assert stored[4, "casme2-sub01"][0] == "failed"
    assert not check_store(here.path).problems
    assert contents(there) == theirs
    assert {path.name for path in here.path.glob("runs/*")} == runs | {path.name for path in there.path.glob("runs/*")}
    assert merged.runs == 2


def test_a_plan_stays_where_its_workers_store(here: Store, there: Store) -> None:
    (planned,) = there.path.glob("runs/*/plan.json")
    (planned.parent / "cluster.toml").write_text('dask_address = "tcp://elsewhere:8786"')
    merge(here, there.path)

    assert [file.name for file in here.path.glob(f"runs/{planned.parent.name}/*")] == ["manifest.json"]


def test_the_scores_are_those_of_both_machines(here: Store, there: Store) -> None:
    merge(here, there.path)
    first, second, third = read_row(here, ROW).seeds

    assert (first.complete, first.slices["full"].accuracy) == (True, 1.0)
    # Five of six subjects; those of smic are wrong, and casme2/sub02 is right here.
    assert (second.done, third.done) == (5, 5)
    wrong = {key.split("/")[0] for key, (truth, predicted) in second.predictions.items() if truth != predicted}
    assert wrong == {"smic"}
    assert here.row(OTHER_ROW["row_key"]) == OTHER_ROW


def test_copied_files_are_the_same_to_the_byte(here: Store, there: Store) -> None:
    edit_record(there.cell_file(ROW, 4, "samm-006"), lambda cell: cell.update(field_of_a_later_version=7, seconds=3))
    merge(here, there.path)
    theirs, ours = contents(there), contents(here)
    key = cell_key(ROW["row_key"], 0, "samm-006")

    for place in (f"artifacts/{key}/epoch_scores.safetensors", *(place for place in theirs if "/seed-4/" in place)):
        assert ours[place] == theirs[place]


def test_what_is_known_of_a_row_comes_along(here: Store, there: Store) -> None:
    before = read_verification(here, ROW).entries[0]
    merge(here, there.path)
    known = read_row(here, ROW).verification.entries
    network = read_network(here, ROW)

    # Of the cell that is another one here nothing is said; of two comparisons at the same time, ours is kept.
    assert [(entry["seed"], entry["fold"], entry["outcome"]) for entry in known] == [
        (0, "samm-007", "differs"),
        (0, "smic-s2", "same"),
    ]
    assert known[1] == before
    assert network is not None
    assert (network["trainable"], network["flops"], network["not_counted"]) == (4321, None, "why")
    alike = read_near_duplicates(here, ROW)
    assert alike is not None
    assert alike["pairs"] == ALIKE["pairs"]


def test_a_comparison_counts_where_the_texts_of_the_row_are_others(here: Store, there: Store) -> None:
    (file,) = here.path.glob("cells/*/net/*/row.json")
    edit_record(file, lambda row: row["method"].update(citation="Somebody, 2025"))
    merge(here, there.path)
    (row,) = [row for row in here.rows() if row["row_key"] == ROW["row_key"]]

    assert row["method"]["citation"] == "Somebody, 2025"
    known = read_row(here, row).verification.entries
    assert [(entry["seed"], entry["fold"]) for entry in known] == [(0, "samm-007"), (0, "smic-s2")]


def test_merging_again_changes_nothing(here: Store, there: Store) -> None:
    merge(here, there.path)
    before = contents(here)
    again = merge(here, there.path)

    assert (again.rows, again.added, again.replaced, again.runs, len(again.conflicts)) == (0, 0, 0, 0, 1)
    assert contents(here) == before


def test_a_dry_run_says_the_same_and_writes_nothing(here: Store, there: Store, tmp_path: Path) -> None:
    before = contents(here)
    planned = merge(here, there.path, dry_run=True)
    assert contents(here) == before
    assert planned == merge(here, there.path)
    into_nothing = merge(Store.look(tmp_path / "new"), there.path, dry_run=True)
    assert (into_nothing.rows, into_nothing.added) == (2, 24)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("n_written", [0, 1, 2, 5, 9])
def test_a_merge_that_was_stopped_can_be_repeated(
    here: Store, there: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_written: int
) -> None:
    shutil.copytree(here.path, tmp_path / "undisturbed")
    merge(Store.open(tmp_path / "undisturbed"), there.path)
    left = [n_written]
    write = merge_module.write_bytes

    def stopping(place: Path, content: bytes) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        write(place, content)

    with monkeypatch.context() as patched:
        patched.setattr(merge_module, "write_bytes", stopping)
        with pytest.raises(KeyboardInterrupt):
            merge(here, there.path)
    # What is half copied is no problem but an artifact that has no cell yet.
    assert {p.file.split("/")[0] for p in check_store(here.path).problems} <= {"artifacts"}
    merge(here, there.path)

    assert contents(here) == contents(Store.open(tmp_path / "undisturbed"))


def test_damaged_files_are_named_and_not_copied(bench: Bench, here: Store, there: Store) -> None:
    cell = there.cell_file(ROW, 4, "samm-006")
    cell.write_bytes(cell.read_bytes().replace(b"1.0", b"1.5", 1))
    epochs = there.epoch_scores_file(cell_key(ROW["row_key"], 0, "samm-006"))
    epochs.write_bytes(epochs.read_bytes()[:-1] + b"\x01")
    lost = there.epoch_scores_file(cell_key(ROW["row_key"], 0, "smic-s1"))
    lost.unlink()
    (row,) = there.path.glob("cells/*/other/*/row.json")
    row.write_text("{")
    ended = bench("store", "merge", there.path, "--results", here.path)

    assert ended.code == 1
    for file in (cell, epochs, lost, row):
        assert sum(line.startswith(str(file)) for line in ended.out.splitlines()) == 1
    assert "4 damaged files" in ended.out.splitlines()[-1]
    assert here.read_cell(ROW, 4, "samm-006") is None
    assert here.row(OTHER_ROW["row_key"]) is None
    assert seconds(here)[0, "samm-006"] == ("ok", 2)
    assert not here.epoch_scores_file(epochs.parent.name).exists()


def test_what_is_damaged_here_is_replaced(here: Store, there: Store) -> None:
    file, epochs = here.cell_file(ROW, 0, "smic-s2"), cell_key(ROW["row_key"], 0, "casme2-sub01")
    file.write_text("{")
    here.epoch_scores_file(epochs).write_bytes(b"")
    merged = merge(here, there.path)

    assert (merged.added, merged.same) == (14, 6)
    assert not check_store(here.path).problems


@pytest.mark.parametrize("loser", ["here", "there", "both"])
def test_lost_scores_of_epochs_are_no_conflict_after_an_upgrade(tmp_path: Path, loser: str) -> None:
    stores = {name: tmp_path / name for name in ("here", "there")}
    for folder in stores.values():
        shutil.copytree(Path(__file__).parent / "data" / "store-schema-4", folder)
    (file, _) = sorted(stores["here"].glob("artifacts/*/*"))
    place, content = file.relative_to(stores["here"]), file.read_bytes()
    for name in stores if loser == "both" else [loser]:
        (stores[name] / place).unlink()
    for folder in stores.values():
        upgrade(folder)
    here = Store.open(stores["here"])
    merged = merge(here, stores["there"])

    assert (merged.conflicts, merged.added, merged.replaced) == ([], 0, 0)
    assert merged.is_whole == (loser != "both")
    problems = [problem.file for problem in check_store(here.path).problems]
    if loser == "both":
        assert problems == [str(place)]
    else:
        assert not problems
        assert (here.path / place).read_bytes() == content


def test_other_scores_of_an_earlier_epoch_are_a_conflict(here: Store, there: Store) -> None:
    write_seed(here, ROW, right, seed=7, oracle=always(0))
    write_seed(there, ROW, right, seed=7, oracle=always(2))
    before = contents(here)
    merged = merge(here, there.path, dry_run=True)

    assert [conflict.fold for conflict in merged.conflicts if conflict.seed == 7] == sorted(FOLDS)
    assert contents(here) == before


def test_the_command_says_what_it_did(bench: Bench, here: Store, there: Store) -> None:
    planned = bench("store", "merge", there.path, "--results", here.path, "--dry-run")
    (answer,) = bench("store", "merge", there.path, "--results", here.path, "--json").objects
    again = bench("store", "merge", there.path, "--results", here.path)
    new = bench("store", "merge", here.path, there.path, "--results", bench.results, "--json")

    assert planned.code == again.code == 1
    conflict, said = planned.out.splitlines()
    assert conflict.startswith("conflict: ")
    assert "seed 1, fold casme2-sub02 has other scores there; what was stored is kept" in conflict
    assert said == (
        f"{there.path} to {here.path}: 14 cells would be copied, 1 of them in place of failed ones, "
        "7 the same already, 2 failed there, 1 conflicts"
    )
    counts = {"rows": 1, "added": 13, "replaced": 1, "same": 7, "failed": 2, "runs": 2, "damaged": []}
    assert {name: answer[0][name] for name in counts} == counts
    assert answer[0]["conflicts"] == [{"row_key": ROW["row_key"], "seed": 1, "fold": "casme2-sub02"}]
    assert again.out.splitlines()[1].startswith(f"{there.path} to {here.path}: 0 cells copied, ")
    assert new.code == 1
    assert [each["added"] for each in new.objects[0]] == [24, 0]
    assert not check_store(bench.results).problems


def test_no_folder_is_merged_into_itself_and_none_is_made_for_nothing(here: Store, tmp_path: Path) -> None:
    with pytest.raises(MerBenchError, match="is the results folder itself"):
        merge(here, tmp_path / "here" / ".." / "here")
    with pytest.raises(MerBenchError, match="holds no results"):
        merge(here, tmp_path / "nothing")
