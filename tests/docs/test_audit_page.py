"""The audit's table in the docs and the verdicts in reports are those of an audit."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from mer_bench_reports.published import VERDICTS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.slow
def test_the_table_and_the_sentences_are_those_of_an_audit() -> None:
    spec = importlib.util.spec_from_file_location("audit_table", DOCS / "audit_table.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    rows = made.audited()
    page = (DOCS / "audit.md").read_text(encoding="utf-8")
    assert made.BEGIN in page
    assert made.page_with(rows, page) == page
    assert made.sentences(rows) == VERDICTS.read_text(encoding="utf-8")
    verdicts = {row.row.title: [pair.verdict.kind for pair in row.audit.pairs] for row in rows if row.audit is not None}
    assert verdicts["STSTNet, its log"] == ["possible"] * 4
    assert verdicts["BDCNN with CE loss"] == ["possible", "possible", "impossible", "impossible"]
