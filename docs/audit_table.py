"""Audit the published rows again: ``python docs/audit_table.py`` writes what follows from them.

These are the table of verdicts in docs/audit.md, and the sentences that reports show below published tables. A slow
test compares both with the audit.
"""

from __future__ import annotations

import json
from pathlib import Path

from mer_bench.protocol import load_protocol
from mer_bench_protocols import mer_bench_protocols
from mer_bench_reports.audited import HEADINGS, AuditedRow, audit_published, summary, table_cells, verdict_sentence
from mer_bench_reports.published import VERDICTS, load_published

PAGE = Path(__file__).parent / "audit.md"
BEGIN, END = "<!-- verdicts: begin -->\n", "<!-- verdicts: end -->\n"


def audited() -> list[AuditedRow]:
    """Return all published rows with their audits."""
    protocols = {spec.name: load_protocol(spec.path, spec.name) for spec in mer_bench_protocols()}
    return audit_published(load_published(all_tables=True), protocols)


def page_with(rows: list[AuditedRow], page: str) -> str:
    """Return the page with the table of verdicts."""
    lines = [HEADINGS, ["---"] * len(HEADINGS), *(cells for row in rows for cells in table_cells(row))]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{summary(rows)}\n\n{table}\n{END}{after}"


def sentences(rows: list[AuditedRow]) -> str:
    """Return the sentences of all rows of which there is anything to say, as JSON."""
    found: dict[str, dict[str, str]] = {}
    for each in rows:
        sentence = verdict_sentence(each)
        if sentence:
            found.setdefault(each.row.source, {})[each.row.title] = sentence
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    rows = audited()
    PAGE.write_text(page_with(rows, PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    VERDICTS.write_text(sentences(rows), encoding="utf-8")
