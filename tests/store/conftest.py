from __future__ import annotations

from pathlib import Path

import pytest
from support.store_factory import STORED_ROW, always, new_store, right, write_seed

from mer_bench.store import Store


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, notices: list[str]) -> Store:
    """A store with the cells of `STORED_ROW` at seed 0."""
    made = new_store(tmp_path)
    write_seed(made, STORED_ROW, right, oracle=always(0))
    return Store.open(made.path, notices.append)
