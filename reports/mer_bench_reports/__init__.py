"""Reports of a results folder: an offline HTML page, a Markdown text, a CSV file and LaTeX tables."""

from mer_bench_reports.builder import build_report
from mer_bench_reports.rendering import write_report

__all__ = ["build_report", "write_report"]
