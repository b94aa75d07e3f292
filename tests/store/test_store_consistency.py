"""Stored files that contradict each other: reported by name, absent, and no obstacle to others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.store_factory import STORED_ROW as ROW
from support.store_factory import make_row
from support.store_files import edit_record

from mer_bench.errors import MerBenchError
from mer_bench.store import Store
from mer_bench.store.files import write_bytes
from mer_bench.store.schema import SCHEMA

FOLD = next(iter(ROW["folds"]))


FIRST, SECOND = list(ROW["folds"][FOLD]["samples"])[:2]
ODD_CELLS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a prediction outside the classes": (lambda c: c["predictions"][0].update(y_pred=3), "predicts the label 3"),
    "a prediction below the classes": (lambda c: c["predictions"][0].update(y_pred=-1), "predicts the label -1"),
    "a label without the largest score": (
        lambda c: c["predictions"][0].update(y_pred=2),
        f"predicts the label 2 for {FIRST}, which does not have the largest score",
    ),
    "a missing sample": (lambda c: c["predictions"].pop(0), f"no prediction for {FIRST}"),
    "a sample twice": (lambda c: c["predictions"].append(c["predictions"][0]), f"two predictions for {FIRST}"),
    "an unknown sample": (
        lambda c: c["predictions"].append({**c["predictions"][0], "sample_id": "smic/s9/x"}),
        "smic/s9/x, which is not in its fold",
    ),
    "too few scores": (lambda c: c["predictions"][1]["scores"].pop(), f"scores of {SECOND} are not 3 finite"),
    "NaN": (lambda c: c["predictions"][1].update(scores=[0, float("nan"), 0]), "NaN is no number"),
    "a number that no float holds": (
        lambda c: c["predictions"][1].update(scores=[0, 10**400, 0]),
        "'predictions[1].scores[1]' is",
    ),
    "a negative time": (lambda c: c.update(seconds=-1), "is not a duration"),
    "no time": (lambda c: c.update(seconds=float("nan")), "NaN is no number"),
    "a time that no float holds": (lambda c: c.update(seconds=10**400), "'seconds' is missing or of the wrong type"),
    "another schema": (lambda c: c.update(schema=SCHEMA + 1), "has a schema that this mer-bench cannot read; it "),
    "a seed of text": (lambda c: c.update(seed="0"), "'seed' is missing or of the wrong type; the file "),
    "another key": (lambda c: c.update(key="x"), "it has the key of another cell"),
    "another fold": (lambda c: c.update(fold="smic-s9"), "record of another cell"),
    "another seed": (lambda c: c.update(seed=3), "record of another cell"),
    "another row": (lambda c: c.update(row_key="0"), "record of another cell"),
}


@pytest.mark.parametrize("case", ODD_CELLS)
def test_a_cell_that_contradicts_its_row_is_reported_and_absent(store: Store, notices: list[str], case: str) -> None:
    change, reason = ODD_CELLS[case]
    file = store.cell_file(ROW, 0, FOLD)
    edit_record(file, change)

    assert store.read_cell(ROW, 0, FOLD) is None
    (notice,) = notices
    assert notice.startswith(str(file))
    assert "counts as absent" in notice
    assert reason in notice


ODD_ROWS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another schema": (lambda r: r.update(schema=SCHEMA + 1), "has a schema that this mer-bench cannot read"),
    "an unknown rule": (lambda r: r["protocol"].update(absent_class="x"), "absent_class 'x' is not one of: exclude"),
    "one class": (lambda r: r["protocol"].update(classes=["a"]), "different classes, and has ['a']"),
    "a class twice": (lambda r: r["protocol"].update(classes=["a", "a", "b"]), "and has ['a', 'a', 'b']"),
    "no slices": (lambda r: r["protocol"].update(slices={}), "first slice of its protocol is not 'full'"),
    "no folds": (lambda r: r.update(folds={}), "no fold"),
    "an empty fold": (lambda r: r["folds"][FOLD]["samples"].clear(), "a fold without samples"),
    "a label outside the classes": (lambda r: r["folds"][FOLD]["samples"].update({FIRST: 3}), "has the label 3"),
    "a sample in two folds": (lambda r: r["folds"]["samm-006"]["samples"].update({FIRST: 0}), "is in two folds"),
    "a fold elsewhere": (lambda r: r["folds"].update({"../x": r["folds"].pop(FOLD)}), "'../x' is not usable"),
    "another key": (lambda r: r.update(row_key="0" * 64), "record of another row"),
    "another protocol": (lambda r: r["protocol"].update(name="../../x"), "record of another row"),
}


@pytest.mark.parametrize("case", ODD_ROWS)
def test_an_odd_row_is_reported_and_hides_no_other(store: Store, notices: list[str], case: str) -> None:
    change, reason = ODD_ROWS[case]
    store.write_row(make_row("another"))
    file = store.cell_file(ROW, 0, FOLD).parent.parent / "row.json"
    edit_record(file, change)

    assert [row["method"]["name"] for row in store.rows()] == ["another"]
    (notice,) = notices
    assert notice.startswith(str(file))
    assert reason in notice


IDS = list(ROW["folds"][FOLD]["samples"])
GOOD = np.zeros((2, len(IDS), 3), dtype=np.float32)


def cell_of(ids: list[str], scores: Any, epoch: int | None = 1) -> Any:
    """Return what ties a cell to its scores of every epoch: its predictions are those after ``epoch``."""
    predictions = [{"sample_id": key, "scores": own} for key, own in zip(ids, scores.tolist(), strict=True)]
    return {"fold": FOLD, "selected_epoch": epoch, "predictions": predictions}


CELL = cell_of(IDS, GOOD[1])


@pytest.mark.parametrize(
    ("ids", "scores", "reason"),
    [
        ([[]] * len(IDS), GOOD, "sample_ids are not a list"),
        (IDS[1:], GOOD[:, 1:], "no prediction for"),
        ([*IDS, IDS[0]], np.zeros((2, 7, 3)), "two predictions for"),
        (IDS, GOOD[:, 1:], r"shape (2, 5, 3), not (epochs, 6, 3)"),
        (IDS, GOOD[:, :, :2], r"shape (2, 6, 2)"),
        (IDS, GOOD[0], r"shape (6, 3)"),
        (IDS, GOOD[:0], r"shape (0, 6, 3)"),
        (IDS, GOOD * np.float32("nan"), "not all finite"),
    ],
)
def test_scores_of_epochs_that_contradict_their_row_are_reported(
    store: Store, notices: list[str], ids: Any, scores: Any, reason: str
) -> None:
    checksum = store.write_epoch_scores("k", ids, scores)

    assert store.read_epoch_scores("k", ROW, {**CELL, "epoch_scores": checksum}) is None
    (notice,) = notices
    assert str(store.path / "artifacts" / "k" / "epoch_scores.safetensors") in notice
    assert reason in notice


@pytest.mark.parametrize(
    ("epoch", "reason"),
    [
        (0, "scores of epoch 0 are not those of its cell's predictions"),
        (2, "holds 2 epochs, and its cell's selected_epoch is 2"),
        (-1, "selected_epoch is -1"),
        (None, "selected_epoch is None"),
    ],
)
def test_scores_of_epochs_that_contradict_their_cell_are_reported(
    store: Store, notices: list[str], epoch: int | None, reason: str
) -> None:
    scores = np.arange(GOOD.size, dtype=np.float32).reshape(GOOD.shape)
    cell = cell_of(IDS, scores[1], epoch)
    cell["epoch_scores"] = store.write_epoch_scores("k", IDS, scores)

    assert store.read_epoch_scores("k", ROW, cell) is None
    assert reason in notices[0]


def test_scores_of_epochs_that_fit_their_row_are_read(store: Store, notices: list[str]) -> None:
    scores = np.arange(GOOD.size, dtype=np.float32).reshape(GOOD.shape)
    cell = cell_of(IDS[::-1], scores[1])
    cell["epoch_scores"] = store.write_epoch_scores("k", IDS[::-1], scores)
    stored = store.read_epoch_scores("k", ROW, cell)

    assert stored is not None
    assert stored[0] == IDS[::-1]
    np.testing.assert_array_equal(stored[1], scores)
    assert store.read_epoch_scores("other") is None
    assert not notices


def one_score(kind: str, size: int, ids: str) -> bytes:
    """Return a safetensors file of one score."""
    tensor = {"dtype": kind, "shape": [1, 1, 1], "data_offsets": [0, size]}
    header = json.dumps({"scores": tensor, "__metadata__": {"sample_ids": ids}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes(size)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x08\0\0\0\0\0\0\0{}      ", one_score("F32", 4, "[" * 100_000), one_score("BF16", 2, "[]")],
    ids=["empty", "no ids", "nested too deeply", "a type that numpy lacks"],
)
def test_scores_that_cannot_be_read_are_reported(store: Store, notices: list[str], content: bytes) -> None:
    write_bytes(store.path / "artifacts" / "k" / "epoch_scores.safetensors", content)

    cell = {**CELL, "epoch_scores": hashlib.sha256(content).hexdigest()}
    assert store.read_epoch_scores("k", ROW, cell) is None
    (notice,) = notices
    assert "epoch_scores.safetensors cannot be read" in notice


def test_json_nested_too_deeply_is_reported(store: Store, notices: list[str]) -> None:
    store.cell_file(ROW, 0, FOLD).write_text("[" * 100_000)
    assert store.read_cell(ROW, 0, FOLD) is None
    assert "cannot be read" in notices[0]
    assert "it counts as absent" in notices[0]

    (store.path / "store.json").write_text("[" * 100_000)
    with pytest.raises(MerBenchError, match=r"store\.json cannot be read"):
        Store.open(store.path)
