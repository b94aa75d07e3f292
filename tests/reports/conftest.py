from __future__ import annotations

from pathlib import Path

import pytest
from support.report_case import Report
from support.store_factory import new_store

from mer_bench.store import Store


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report of the case in which hardly two numbers are alike; nothing may write into its store."""
    return Report.of_case(tmp_path_factory.mktemp("report"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)
