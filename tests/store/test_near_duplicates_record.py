"""What is stored of near-duplicates: read back as written, and missing where the file cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.store_factory import STORED_ROW, new_store, right, write_seed
from support.store_files import edit_record

from mer_bench.store import Store
from mer_bench.store.near_duplicates import NearDuplicates, read_near_duplicates, write_near_duplicates

FOUND: NearDuplicates = {
    "threshold": 0.9,
    "highest": 0.975,
    "found": 3,
    "pairs": [{"samples": ["samm/006/a", "smic/s1/b"], "correlation": 0.975}],
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = new_store(tmp_path)
    write_seed(store, STORED_ROW, right)
    write_near_duplicates(store, STORED_ROW, FOUND)
    return store


def test_what_was_found_is_read_back_as_written(store: Store) -> None:
    known = read_near_duplicates(store, STORED_ROW)
    assert known is not None
    assert {name: known[name] for name in FOUND} == FOUND  # type: ignore[literal-required]


@pytest.mark.parametrize(
    "damage",
    [
        {"found": "many"},
        {"pairs": [{"samples": ["samm/006/a"], "correlation": 0.975}]},
        {"pairs": [{"correlation": 0.975}]},
        {"row_key": "another"},
        {"schema": 1},
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_missing(store: Store, damage: dict[str, object]) -> None:
    file = store.near_duplicates_file(STORED_ROW)
    edit_record(file, lambda content: content.update(damage))
    notices: list[str] = []
    assert read_near_duplicates(Store.open(store.path, notices.append), STORED_ROW) is None
    (notice,) = notices
    assert str(file) in notice
    assert notice.endswith("whether its samples have near-duplicates is not known")
