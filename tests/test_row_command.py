"""The command that measures a row again: it makes the same row when it is run."""

from __future__ import annotations

import shlex

import pytest
from support.bench import TINY, Bench
from support.store_factory import make_row, manifest

from mer_bench.results import read_results
from mer_bench.row_command import run_command
from mer_bench.rules import NO_EPOCHS
from mer_bench.store import Store


@pytest.mark.parametrize(
    ("options", "selection", "argv", "expected"),
    [
        ({}, NO_EPOCHS, ["--data", "/a/b maps"], "--protocol cde --data '/a/b maps' --seeds 4"),
        ({"deterministic": True}, NO_EPOCHS, ["--data=x=y"], "--protocol cde --data x=y"),
        ({"protocol": "other"}, "inner", [], "--protocol other --data PATH --seeds 4 --selection inner"),
        (
            {"preset": "quick", "changed": {"lr": 0.5, "blocks": (1, 8), "flip": True}, "caveats": ["partial"]},
            "last",
            ["--data-option", "size=tiny", "--data", "maps"],
            "--preset quick --set lr=0.5 --set blocks=1,8 --set flip=true --protocol cde --data-option size=tiny "
            "--data maps --seeds 4 --selection last --allow-partial",
        ),
        (
            {"caveats": ["partial", "synthetic"], "representation": {"align_by": "dlib", "size": 192, "flow": "dis"}},
            NO_EPOCHS,
            None,
            "--protocol cde --data synthetic --preprocess align_by=dlib --preprocess flow=dis --seeds 4",
        ),
    ],
)
def test_everything_that_makes_the_row_is_in_the_command(
    options: dict[str, object], selection: str, argv: list[str] | None, expected: str
) -> None:
    row = make_row("net", **options)  # type: ignore[arg-type]
    older = manifest(argv=["mer-bench", "run", "--data", "older"]) if argv else None
    newer = None if argv is None else manifest(argv=["/x/mer-bench", "run", "--results", "r", *argv])
    command = run_command(row, [0, 3], selection, [older, newer])
    assert shlex.join(command) == f"mer-bench run --method net {expected} --no-baselines"


def test_a_row_of_native_arithmetic_says_so() -> None:
    command = run_command(make_row("net", arithmetic="native"), [0], NO_EPOCHS, [])
    assert command[:2] == ["MER_BENCH_ARITHMETIC=native", "mer-bench"]


@pytest.mark.slow
def test_the_command_of_a_stored_row_makes_the_same_row(bench: Bench) -> None:
    assert bench.run("--method", "svm-flow", "--preset", "fixed", "--set", "C=3").code == 0
    before = bench.predictions()
    [row] = read_results(Store(bench.results))
    manifests = [row.store.manifest(run_id) for run_id in row.run_ids]
    command = run_command(row.record, [seed.seed for seed in row.seeds], row.selection, manifests)
    assert command[command.index("--data") :][:4] == list(TINY)
    for file in bench.cell_files():
        file.unlink()
    assert bench(*command[1:], "--results", bench.results, "--jobs", "1").code == 0
    assert [own.record["row_key"] for own in read_results(Store(bench.results))] == [row.record["row_key"]]
    assert bench.predictions() == before
