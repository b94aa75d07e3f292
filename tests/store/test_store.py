from __future__ import annotations

import copy
import errno
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.store_factory import STORED_ROW as ROW
from support.store_factory import make_row, new_store, right, write_seed
from support.store_files import read_plain

from mer_bench.atomic import open_atomically
from mer_bench.errors import MerBenchError
from mer_bench.locks import temporary_beside
from mer_bench.store import Store, cell_key
from mer_bench.store.files import canonical_json, digest, read_json, write_json
from mer_bench.store.marker import _may_become_store
from mer_bench.store.schema import SCHEMA, CellRecord, RowRecord
from mer_bench.store.upgrade import _upgraded
from mer_bench.store.validation import misfit

OLD = Path(__file__).parent / "data" / "store-schema-4"
FOLD = next(iter(ROW["folds"]))


def test_a_row_and_its_cells_come_back_as_they_were_written(store: Store, notices: list[str]) -> None:
    (row,) = store.rows()
    cell = store.read_cell(row, 0, FOLD)

    assert row == ROW
    assert cell is not None
    assert cell["key"] == cell_key(ROW["row_key"], 0, FOLD)
    assert {p["sample_id"]: p["y_pred"] for p in cell["predictions"]} == ROW["folds"][FOLD]["samples"]
    assert store.seeds(row) == [0]
    assert store.read_cell(row, 1, FOLD) is None
    assert store.read_cell(row, 0, "no-fold") is None
    assert not notices


@pytest.mark.parametrize("fold", [FOLD, 'sub"é\\\t\U0001f600'])
def test_the_key_of_a_cell_is_the_digest_of_its_row_seed_and_fold(fold: str) -> None:
    assert cell_key(ROW["row_key"], 12, fold) == digest({"row": ROW["row_key"], "seed": 12, "fold": fold})


def test_scores_are_read_to_the_last_bit(store: Store) -> None:
    draws = random.Random(3)
    cell = store.read_cell(ROW, 0, FOLD)
    assert cell is not None
    for _ in range(50):
        for prediction in cell["predictions"]:
            scores = [draws.uniform(-1, 1) * 10.0 ** draws.randint(-308, 307) for _ in range(3)]
            prediction["scores"], prediction["y_pred"] = scores, scores.index(max(scores))
        store.write_cell(ROW, cell)
        assert store.read_cell(ROW, 0, FOLD) == cell == read_plain(store.cell_file(ROW, 0, FOLD))


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (OSError(28, "No space left on device"), r"No space left on device\); it is full: free some space"),
        (
            OSError(5, "Input/output error"),
            r"Input/output error\); run the same command again, .*, choose another folder with --results$",
        ),
        (KeyboardInterrupt("stop"), "stop"),
    ],
)
def test_a_write_that_fails_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, error: str
) -> None:
    file = tmp_path / "a" / "b.json"
    write_json(file, {"x": 1})
    write_json(file, {"x": 2})

    def fail(handle: int) -> None:
        raise failure

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises((MerBenchError, KeyboardInterrupt), match=error):
        write_json(file, {"x": 3})

    assert read_json(file) == {"x": 2}
    assert [path.name for path in file.parent.iterdir()] == ["b.json"]
    assert file.stat().st_mode & 0o777 == 0o644


def test_no_number_that_json_lacks_is_ever_written(tmp_path: Path) -> None:
    for write in (digest, lambda value: write_json(tmp_path / "b.json", value)):
        with pytest.raises(ValueError, match="JSON"):
            write({"x": [float("nan")]})

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.EROFS, "it is read-only or not yours: choose another folder with --results"),
        (
            errno.ENOSPC,
            "it is full: free some space (or inodes: `df -i`) and run the same command again; what is stored is",
        ),
        (errno.ESTALE, "run the same command again, as what is stored is kept; if this happens again"),
    ],
)
def test_a_store_that_cannot_be_written_is_an_error_with_its_cure(
    store: Store, monkeypatch: pytest.MonkeyPatch, number: int, cure: str
) -> None:
    before = sorted(store.path.rglob("*"))
    store.get_ready()
    assert sorted(store.path.rglob("*")) == before

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("mer_bench.store.store.TemporaryFile", fail)
    with pytest.raises(MerBenchError) as refused:
        store.get_ready()
    assert str(refused.value).startswith(
        f"cannot write to the results folder {store.path} ({os.strerror(number)}); {cure}"
    )


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(MerBenchError, match="is not empty and is not a mer-bench store"):
        Store.create(tmp_path)


def test_seeds_are_numbers_in_order(store: Store) -> None:
    for seed in (10, 2, 31, 4, 7):
        write_seed(store, ROW, right, seed=seed)
    folder = store.cell_file(ROW, 0, FOLD).parent.parent
    for name in ("seed-x", "seed-00", "seed--1"):
        (folder / name).mkdir()

    assert store.seeds(ROW) == [0, 2, 4, 7, 10, 31]


def test_rows_come_by_protocol_method_and_key(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for name, protocol in (("b", "cde"), ("a", "loso"), ("a", "cde")):
        store.write_row(make_row(name, protocol=protocol))

    names = [(row["protocol"]["name"], row["method"]["name"]) for row in store.rows()]
    assert names == [("cde", "a"), ("cde", "b"), ("loso", "a")]


def test_a_manifest_gets_an_id_and_a_time(store: Store) -> None:
    first, second = store.start_run({"x": 1}), store.start_run({"x": 1})
    manifest = store.manifest(first)

    assert first != second
    assert manifest is not None
    assert manifest["run_id"] == first
    assert str(manifest["started"]).endswith("+00:00")
    assert store.manifest("no-run") is None


def test_canonical_json_has_one_text_for_equal_values() -> None:
    text = '{"a":{"c":"\\u00e9","d":true},"b":[1,2.5,null]}'
    assert canonical_json({"b": [1, 2.5, None], "a": {"d": True, "c": "é"}}) == text


def old_record(pattern: str) -> dict[str, Any]:
    """Return a record of a stored old store."""
    return _upgraded(Store(OLD), next(OLD.glob(pattern)))


OLD_CELL, OLD_ROW = old_record("cells/*/ahmsa/*/seed-0/*.json"), old_record("cells/*/ahmsa/*/row.json")
RECORDS = [(OLD_CELL, CellRecord), (OLD_ROW, RowRecord)]


@pytest.mark.parametrize(("record", "schema"), RECORDS, ids=["cell", "row"])
def test_a_record_fits_the_schema_with_more_fields_but_not_with_fewer(record: dict[str, Any], schema: Any) -> None:
    assert misfit(record, schema) is None
    assert misfit({**record, "a field of tomorrow": 1}, schema) is None
    assert misfit([record], schema) == ""
    for required in schema.__required_keys__:
        assert misfit({name: value for name, value in record.items() if name != required}, schema) == required


@pytest.mark.parametrize(
    ("record", "schema", "place", "value"),
    [
        (OLD_CELL, CellRecord, ("seed",), True),
        (OLD_CELL, CellRecord, ("status",), "fine"),
        (OLD_CELL, CellRecord, ("seconds",), False),
        (OLD_CELL, CellRecord, ("predictions",), {}),
        (OLD_CELL, CellRecord, ("predictions", 1, "y_pred"), 1.0),
        (OLD_CELL, CellRecord, ("predictions", 1, "scores", 2), None),
        (OLD_CELL, CellRecord, ("selected_epoch",), "last"),
        (OLD_CELL, CellRecord, ("error",), "no"),
        (OLD_CELL, CellRecord, ("epoch_scores",), True),
        (OLD_ROW, RowRecord, ("protocol", "note"), 3),
        (OLD_ROW, RowRecord, ("folds", "smic-synthetic02", "samples", "smic/synthetic02/synthetic02_po_01"), "1"),
    ],
)
def test_a_near_miss_is_a_miss(
    record: dict[str, Any], schema: Any, place: tuple[str | int, ...], value: object
) -> None:
    changed = copy.deepcopy(record)
    inner: Any = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value

    named = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place)[1:]
    # A place inside a dict of folds or samples is not named further.
    assert misfit(changed, schema) == ("folds[...].samples[...]" if "folds" in place else named)


def test_a_protocol_s_texts_are_optional_and_whole_numbers_are_numbers_too() -> None:
    protocol = {**OLD_ROW["protocol"], "note": "some text"}

    assert misfit({**OLD_ROW, "protocol": protocol}, RowRecord) is None
    assert misfit({**OLD_CELL, "seconds": 1}, CellRecord) is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        *((f'{{"schema": {schema}}}', "does not state its schema") for schema in ("0", "true", "1.0")),
        ("[]", "does not state its schema"),
        (f'{{"schema": {SCHEMA + 1}}}', rf"newer mer-bench \(store schema {SCHEMA + 1}.* {SCHEMA}\); upgrade"),
        (
            '{"schema": 2}',
            r"an older mer-bench \(store schema 2, this one reads 5\); run `mer-bench store upgrade --results \S+`, or",
        ),
        ("{", r"store.json cannot be read .*; delete it, and it will be written again"),
    ],
)
def test_a_store_of_another_schema_is_refused(store: Store, content: str, problem: str) -> None:
    (store.path / "store.json").write_text(content)
    for refused in (Store.open, Store.look, Store.create):
        with pytest.raises(MerBenchError, match=problem):
            refused(store.path)


def test_looking_writes_nothing(tmp_path: Path, store: Store) -> None:
    assert list(Store.look(store.path).rows()) == [ROW]
    assert list(Store.look(tmp_path / "nothing").rows()) == []
    assert not (tmp_path / "nothing").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(MerBenchError, match=r"cannot create .*file/results: .*file is not a folder; choose another"):
        Store.look(tmp_path / "file" / "results")
    with pytest.raises(MerBenchError, match="nothing holds no results"):
        Store.open(tmp_path / "nothing")


def test_a_store_stays_where_it_is_when_the_current_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.create(Path("mine"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    write_seed(store, ROW, right)

    assert store.path == tmp_path / "mine"
    assert len(list((tmp_path / "mine").glob("cells/*/*/*/seed-0/*.json"))) == len(ROW["folds"])
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_store_that_another_process_makes_meanwhile_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "results"
    folder.mkdir()

    def others_were_first(path: Path) -> bool:
        write_json(path / "store.json", {"schema": SCHEMA})
        (path / "runs").mkdir()
        return _may_become_store(path)

    monkeypatch.setattr("mer_bench.store.marker._may_become_store", others_were_first)

    assert Store.create(folder).path == folder


def test_what_killed_processes_left_is_removed_and_nothing_else(store: Store) -> None:
    cell = store.cell_file(ROW, 0, FOLD)
    row, store_file = cell.parent.parent / "row.json", store.path / "store.json"
    left = [temporary_beside(file) for file in (store_file, cell, row, next(store.path.glob("artifacts/*/*")))]
    kept = [store.path / ".gitignore", store.path / ".mine.tmp", cell.parent / f".x.json.{'f' * 24}.tmp"]
    before = {path for path in store.path.rglob("*") if path.is_file()}
    for path in [*left, *kept]:
        path.write_text("")
    with open_atomically(cell) as written:
        live = set(cell.parent.glob(".*.tmp")) - {*left, *kept}
        written.write(cell.read_bytes())
        store.get_ready()
        assert len(live) == 1
        assert {path for path in store.path.rglob("*") if path.is_file()} == before | live | set(kept)

    assert {path for path in store.path.rglob("*") if path.is_file()} == before | set(kept)


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row["method"].update(citation="Somebody, 2025"),
        lambda row: row["protocol"].update(slices=dict(reversed(row["protocol"]["slices"].items()))),
    ],
    ids=["citation", "order of slices"],
)
def test_only_a_row_that_differs_is_written_again(store: Store, change: Callable[[Any], object]) -> None:
    (file,) = store.path.glob("cells/*/*/*/row.json")
    before = file.stat().st_ino
    store.write_row(ROW)
    assert file.stat().st_ino == before
    changed = copy.deepcopy(ROW)
    change(changed)
    store.write_row(changed)

    assert json.dumps(read_plain(file)) == json.dumps(changed)


def test_a_folder_in_a_cell_s_place_is_reported_with_its_fix(store: Store, notices: list[str]) -> None:
    file = store.cell_file(ROW, 0, FOLD)
    cell = store.read_cell(ROW, 0, FOLD)
    assert cell is not None
    file.unlink()
    file.mkdir()

    assert store.read_cell(ROW, 0, FOLD) is None
    assert str(file) in notices[0]
    with pytest.raises(MerBenchError, match=r"smic-s1\.json: it is a folder; move it away and run again"):
        store.write_cell(ROW, cell)
