from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.store_factory import STORED_ROW as ROW
from support.store_factory import make_row, new_store, right, write_seed

from mer_bench.errors import MerBenchError
from mer_bench.store import Store, cell_key
from mer_bench.store.files import canonical_json, digest, read_json, write_json
from mer_bench.store.schema import SCHEMA, CellRecord, RowRecord
from mer_bench.store.store import _may_become_store
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


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (OSError(28, "No space left on device"), r"No space left on device\); it is full: free some space"),
        (OSError(5, "Input/output error"), r"Input/output error\); choose another folder with --results$"),
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


def test_creating_a_store_checks_that_it_can_be_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mer_bench.store.files.open_atomically", read_only)
    with pytest.raises(MerBenchError, match=r"read-only or not yours: choose another folder with --results"):
        Store.create(store.path)


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
    content: dict[str, Any] = json.loads(next(OLD.glob(pattern)).read_text())
    return content


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
        (OLD_CELL, CellRecord, ("epoch_scores",), 1),
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

    assert misfit(changed, schema) == "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place)[1:]


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
            r"an older mer-bench \(store schema 2, this one reads 4\); choose another folder",
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

    monkeypatch.setattr("mer_bench.store.store._may_become_store", others_were_first)

    assert Store.create(folder).path == folder


def test_what_killed_processes_left_long_ago_is_removed(store: Store) -> None:
    folder = store.cell_file(ROW, 0, FOLD).parent
    random = "0123456789abcdef"
    left = [
        store.path / ".probe-01234567",
        store.path / f".store.json.{random}.tmp",
        folder / f".{FOLD}.json.{random}.tmp",
        folder.parent / f".row.json.{random}.tmp",
        next(store.path.glob("artifacts/*")) / f".epoch_scores.safetensors.{random}.tmp",
    ]
    kept = [store.path / ".gitignore", folder / f".x.json.{random[::-1]}.tmp", store.path / ".mine.tmp"]
    before = {path for path in store.path.rglob("*") if path.is_file()}
    for path in [*left, *kept]:
        path.write_text("")
    for path in [*left, kept[0], kept[2]]:
        os.utime(path, (time.time() - 7200,) * 2)
    Store.create(store.path)

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

    assert json.dumps(json.loads(file.read_text())) == json.dumps(changed)


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
