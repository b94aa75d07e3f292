from __future__ import annotations

import pytest
from support.report_case import Report


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report of the case in which hardly two numbers are alike; nothing may write into its store."""
    return Report.of_case(tmp_path_factory.mktemp("report"))
