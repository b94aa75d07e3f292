from __future__ import annotations

import copy
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.store_factory import always, make_row, new_store, right, write_seed

from mer_bench.errors import MerBenchError
from mer_bench.store import Store, cell_key
from mer_bench.store.files import canonical_json, digest, read_json, write_bytes, write_json
from mer_bench.store.schema import SCHEMA, CellRecord, RowRecord
from mer_bench.store.store import _may_become_store
from mer_bench.store.validation import misfit

OLD = Path(__file__).parent / "data" / "store-schema-2"


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, notices: list[str]) -> Store:
    """A store with the cells of one row at one seed."""
    made = new_store(tmp_path)
    write_seed(made, ROW, right, oracle=always(0))
    return Store.open(made.path, notices.append)


ROW = make_row("net", params={"lr": 0.1, "blocks": [1, 2]}, epochs=True)
FOLD = next(iter(ROW["folds"]))


def test_a_row_and_its_cells_come_back_as_they_were_written(store: Store, notices: list[str]) -> None:
    (row,) = store.rows()
    cell = store.read_cell(row, 0, FOLD)

    assert row == ROW
    assert cell is not None
    assert cell["key"] == cell_key(ROW["row_key"], 0, FOLD)
    assert [p["y_true"] for p in cell["predictions"]] == list(ROW["folds"][FOLD]["samples"].values())
    assert store.seeds(row) == [0]
    assert store.read_cell(row, 1, FOLD) is None
    assert store.read_cell(row, 0, "no-fold") is None
    assert not notices


def test_the_scores_of_every_epoch_come_back_with_their_samples(store: Store, notices: list[str]) -> None:
    scores = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    store.write_epoch_scores("k", ["b", "a"], scores)
    found = store.read_epoch_scores("k")

    assert found is not None
    assert found[0] == ["b", "a"]
    np.testing.assert_array_equal(found[1], scores)
    assert store.read_epoch_scores("other") is None
    assert not notices


@pytest.mark.parametrize("content", [b"", b"\xff" * 64, b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "])
def test_scores_that_cannot_be_read_are_told(store: Store, notices: list[str], content: bytes) -> None:
    write_bytes(store.path / "artifacts" / "k" / "epoch_scores.safetensors", content)

    assert store.read_epoch_scores("k") is None
    assert len(notices) == 1
    assert "epoch_scores.safetensors" in notices[0]


def test_writing_replaces_a_file_whole(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b.json"
    write_json(file, {"x": 1})
    write_json(file, {"x": 2})

    assert read_json(file) == {"x": 2}
    assert [path.name for path in file.parent.iterdir()] == ["b.json"]
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "b.json"
    write_json(file, {"x": 1})

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MerBenchError, match=r"No space left on device\); it is full: free some space"):
        write_json(file, {"x": 2})

    assert read_json(file) == {"x": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "b.json"
    write_json(file, {"x": 1})

    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_json(file, {"x": 2})

    assert read_json(file) == {"x": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"x": [float("-inf")]}])
def test_no_number_that_json_lacks_is_ever_written(tmp_path: Path, value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", value)
    with pytest.raises(ValueError, match="JSON"):
        digest(value)

    assert not list(tmp_path.iterdir())


def test_a_read_only_folder_is_told_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mer_bench.store.files.open_atomically", read_only)
    with pytest.raises(MerBenchError, match=r"read-only or not yours: choose another folder with --results"):
        Store.create(tmp_path / "results")


def test_a_store_is_tried_for_writing_before_a_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*arguments: object, **options: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("mer_bench.store.files.open_atomically", read_only)
    with pytest.raises(MerBenchError, match="Read-only file system"):
        Store.create(store.path)


def test_trying_leaves_nothing_behind(store: Store) -> None:
    before = sorted(store.path.rglob("*"))
    Store.create(store.path)

    assert sorted(store.path.rglob("*")) == before


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(MerBenchError, match="is not empty and not a mer-bench store"):
        Store.create(tmp_path)


def test_seeds_are_numbers_in_order(store: Store) -> None:
    for seed in (10, 2):
        write_seed(store, ROW, right, seed=seed)
    folder = store.cell_file(ROW, 0, FOLD).parent.parent
    (folder / "seed-x").mkdir()

    assert store.seeds(ROW) == [0, 2, 10]


def test_rows_come_by_protocol_method_and_key(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for name, protocol in (("b", "cde"), ("a", "loso"), ("a", "cde")):
        store.write_row(make_row(name, protocol=protocol))

    assert [(row["protocol"]["name"], row["method"]["name"]) for row in store.rows()] == [
        ("cde", "a"),
        ("cde", "b"),
        ("loso", "a"),
    ]


def test_a_manifest_gets_an_id_and_a_time(store: Store) -> None:
    first, second = store.start_run({"x": 1}), store.start_run({"x": 1})
    manifest = store.manifest(first)

    assert first != second
    assert manifest is not None
    assert manifest["run_id"] == first
    assert str(manifest["started"]).endswith("+00:00")
    assert store.manifest("no-run") is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, min_size=2, max_size=5))
def test_canonical_json_knows_no_order_and_comes_back(value: dict[str, Any]) -> None:
    turned = dict(reversed(list(value.items())))

    assert canonical_json(turned) == canonical_json(value)
    assert json.loads(canonical_json(value)) == value


@given(one=JSON, other=JSON)
def test_digests_differ_where_the_json_does(one: object, other: object) -> None:
    assert (digest(one) == digest(other)) == (canonical_json(one) == canonical_json(other))


def cell_of_the_old_store() -> dict[str, Any]:
    file = next(OLD.glob("cells/*/ahmsa/*/seed-0/*.json"))
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def row_of_the_old_store() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(next(OLD.glob("cells/*/ahmsa/*/row.json")).read_text())
    return content


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place below ``value`` that the schema speaks of: params may hold anything."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        if key != "params":
            yield from places(inner, (*path, key))


CELL_PLACES = sorted(places(cell_of_the_old_store()), key=str)
ROW_PLACES = sorted(places(row_of_the_old_store()), key=str)


class Alien:
    """Fits no type of the schema."""


def spoil(record: dict[str, Any], place: tuple[str | int, ...], value: object) -> dict[str, Any]:
    changed: Any = copy.deepcopy(record)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    if value is None:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return changed  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", ["cell", "row"])
def test_what_was_written_fits_the_schema(kind: str) -> None:
    record, schema = (cell_of_the_old_store(), CellRecord) if kind == "cell" else (row_of_the_old_store(), RowRecord)

    assert misfit(record, schema) is None
    assert misfit({**record, "a field of tomorrow": 1}, schema) is None
    assert misfit([record], schema) == ""


@given(st.sampled_from(CELL_PLACES))
def test_no_place_of_a_cell_takes_another_type(place: tuple[str | int, ...]) -> None:
    found = misfit(spoil(cell_of_the_old_store(), place, Alien()), CellRecord)

    assert found is not None
    assert found.startswith(str(place[0]))
    assert found.endswith((str(place[-1]), f"[{place[-1]}]"))


@given(st.sampled_from([place for place in ROW_PLACES if place[-2:-1] != ("params",)]))
def test_no_place_of_a_row_takes_another_type(place: tuple[str | int, ...]) -> None:
    assert misfit(spoil(row_of_the_old_store(), place, Alien()), RowRecord) is not None


@pytest.mark.parametrize("field", sorted(CellRecord.__required_keys__))
def test_a_cell_lacks_no_field(field: str) -> None:
    assert misfit(spoil(cell_of_the_old_store(), (field,), None), CellRecord) == field


@pytest.mark.parametrize("field", sorted(RowRecord.__required_keys__))
def test_a_row_lacks_no_field(field: str) -> None:
    assert misfit(spoil(row_of_the_old_store(), (field,), None), RowRecord) == field


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("seed",), True),
        (("seed",), 0.0),
        (("status",), "fine"),
        (("seconds",), "1"),
        (("predictions",), {}),
        (("predictions", 0, "scores", 0), None),
        (("error",), "no"),
        (("selected_epoch",), "last"),
        (("epoch_scores",), 1),
    ],
)
def test_a_near_miss_is_a_miss(place: tuple[str | int, ...], value: object) -> None:
    changed = spoil(cell_of_the_old_store(), place, Alien())
    inner: Any = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value

    assert misfit(changed, CellRecord) is not None


def test_whole_numbers_are_numbers_too() -> None:
    assert misfit(spoil(cell_of_the_old_store(), ("seconds",), 1), CellRecord) is None


def test_the_schema_of_the_old_store_is_still_read() -> None:
    assert json.loads((OLD / "store.json").read_text()) == {"schema": 2}
    assert SCHEMA >= 1
    told: list[str] = []
    store = Store.open(OLD, told.append)
    rows = list(store.rows())
    cells = [store.read_cell(row, seed, fold) for row in rows for seed in store.seeds(row) for fold in row["folds"]]

    assert [row["method"]["name"] for row in rows] == ["ahmsa", "majority"]
    assert [cell and cell["status"] for cell in cells] == ["ok"] * 4
    assert all(store.manifest(cell["run_id"]) for cell in cells if cell)
    assert not told


@pytest.mark.parametrize("schema", ["0", "-1", "true", "1.0", "null"])
def test_a_store_that_states_no_schema_is_refused(store: Store, schema: str) -> None:
    (store.path / "store.json").write_text(f'{{"schema": {schema}}}')
    with pytest.raises(MerBenchError, match="does not state its schema"):
        Store.open(store.path)


@pytest.mark.parametrize("make", [Store, Store.create, Store.open])
def test_a_store_stays_where_it_is_when_the_current_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Store]
) -> None:
    Store.create(Path("mine"))
    store = make(Path("mine"))
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
    ]
    kept = [store.path / ".gitignore", folder / f".x.json.{random[::-1]}.tmp", store.path / ".mine.tmp"]
    before = {path for path in store.path.rglob("*") if path.is_file()}
    for path in [*left, *kept]:
        path.write_text("")
    for path in [*left, kept[0], kept[2]]:
        os.utime(path, (time.time() - 7200,) * 2)
    Store.create(store.path)

    assert {path for path in store.path.rglob("*") if path.is_file()} == before | set(kept)


def test_what_a_killed_write_leaves_is_what_is_swept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(store.path.rglob("*"))
    monkeypatch.setattr(Path, "unlink", lambda *arguments, **options: None)
    monkeypatch.setattr(Path, "replace", lambda *arguments: None)
    write_json(store.cell_file(ROW, 0, FOLD), {})
    monkeypatch.undo()
    (left,) = set(store.path.rglob("*")) - set(before)
    os.utime(left, (time.time() - 7200,) * 2)
    Store.create(store.path)

    assert sorted(store.path.rglob("*")) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row["method"].update(title="Another title"),
        lambda row: row["method"].update(citation="Somebody, 2025"),
        lambda row: row.update(caveats=["partial"]),
        lambda row: row["protocol"].update(slices=dict(reversed(row["protocol"]["slices"].items()))),
    ],
    ids=["title", "citation", "caveats", "order of slices"],
)
def test_a_row_that_says_anything_else_is_written_anew(store: Store, change: Callable[[Any], object]) -> None:
    changed = copy.deepcopy(ROW)
    change(changed)
    store.write_row(changed)
    (file,) = store.path.glob("cells/*/*/*/row.json")

    assert json.dumps(json.loads(file.read_text())) == json.dumps(changed)


def test_a_row_that_says_the_same_is_left_alone(store: Store) -> None:
    (file,) = store.path.glob("cells/*/*/*/row.json")
    before = file.stat().st_ino
    store.write_row(ROW)

    assert file.stat().st_ino == before


def test_a_folder_in_a_cell_s_place_is_told_with_its_cure(store: Store, notices: list[str]) -> None:
    file = store.cell_file(ROW, 0, FOLD)
    cell = store.read_cell(ROW, 0, FOLD)
    assert cell is not None
    file.unlink()
    file.mkdir()

    assert store.read_cell(ROW, 0, FOLD) is None
    assert str(file) in notices[0]
    with pytest.raises(MerBenchError, match=r"smic-s1\.json: it is a folder; move it away and run again"):
        store.write_cell(ROW, cell)


def test_a_protocol_s_words_may_be_absent_but_not_of_another_type(store: Store) -> None:
    row: Any = copy.deepcopy(ROW)
    row["protocol"] |= {"reference": "Somebody, 2024", "note": ""}

    assert misfit(row, RowRecord) is None
    row["protocol"]["note"] = 3
    assert misfit(row, RowRecord) == "protocol.note"


def test_a_seed_s_folder_is_counted_once(store: Store) -> None:
    (store.cell_file(ROW, 0, FOLD).parent.parent / "seed-00").mkdir()

    assert store.seeds(ROW) == [0]
