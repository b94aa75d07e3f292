"""``mer-bench store verify``."""

from __future__ import annotations

from dataclasses import asdict

import click

from mer_bench.cli.console import show
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.options import json_option, results_option


@click.command(name="verify")
@results_option
@json_option("Print a JSON object on stdout: rows, cells, files (numbers), and problems (each with file and problem).")
def command(results: str | None, *, as_json: bool) -> ExitCode:
    """Read every file of a results folder, check it, and say what is wrong.

    Checked are the checksum of each file, its fields, and whether it agrees with its row and its cell. Nothing is
    written; the next run computes damaged cells again. While a run writes to the folder, its last files may be named.
    The exit code is 1 if something is wrong. To compute cells again and compare, there is `mer-bench verify`.
    """
    from mer_bench.config import load_config, results_folder
    from mer_bench.store.check import check_store

    checked = check_store(results_folder(results, load_config()))
    outcome = f"{len(checked.problems)} problems" if checked.problems else "nothing is wrong"
    counts = f"{checked.files} files with {checked.rows} rows and {checked.cells} cells: {outcome}"
    show(asdict(checked), [*(problem.problem for problem in checked.problems), counts], as_json=as_json)
    return ExitCode.FAILED if checked.problems else ExitCode.DONE
