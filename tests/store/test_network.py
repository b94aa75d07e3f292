"""The size of a row's network: read back as written, and missing where the file cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.store_factory import STORED_ROW, make_row, new_store, right, write_seed
from support.store_files import edit_record

from mer_bench.results import read_row
from mer_bench.store import Store
from mer_bench.store.network import read_network, write_network


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = new_store(tmp_path)
    write_seed(store, STORED_ROW, right)
    write_network(store, STORED_ROW, trainable=1683, flops=679_776, not_counted="")
    return store


def test_a_network_is_read_back_as_written(store: Store) -> None:
    found = read_network(store, STORED_ROW)
    assert found is not None
    assert (found["trainable"], found["flops"], found["not_counted"]) == (1683, 679_776, "")
    assert read_row(store, STORED_ROW).network == found
    other = make_row("other", epochs=True)
    assert read_network(store, other) is None
    assert not read_row(store, {**STORED_ROW, "trains_by_epoch": False}).network


@pytest.mark.parametrize(
    "damage",
    [
        "{",
        {"trainable": "many"},
        {"trainable": -1},
        {"flops": 1.5},
        {"flops": 10**400},
        {"row_key": "another"},
        {"schema": 1},
        {"flops": "12"},
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_missing(store: Store, damage: str | dict[str, object]) -> None:
    file = store.network_file(STORED_ROW)
    if isinstance(damage, str):
        file.write_text(damage, encoding="utf-8")
    else:
        edit_record(file, lambda content: content.update(damage))
    notices: list[str] = []
    assert read_network(Store.open(store.path, notices.append), STORED_ROW) is None
    (notice,) = notices
    assert str(file) in notice
    assert notice.endswith("the size of its network is not known")


def test_a_row_is_removed_with_its_network(store: Store) -> None:
    file = store.network_file(STORED_ROW)
    assert file.exists()
    store.remove_row(STORED_ROW)
    assert not file.parent.exists()
