"""The long CSV table, read by pandas."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from support.bench import Bench
from support.export_case import export_store
from support.store_factory import make_row, new_store, right, write_seed

from mer_bench.certainty import score_intervals
from mer_bench.results import METRICS, read_results


def export(bench: Bench, *arguments: str) -> pd.DataFrame:
    ended = bench("export", "--format", "csv", "--out", "table.csv", "--results", bench.results, *arguments)
    assert ended.code == 0, ended.err
    return pd.read_csv("table.csv", dtype={"seed": str}, float_precision="round_trip")


def test_every_score_of_every_seed_and_every_mean_is_a_line(bench: Bench, tmp_path: Path) -> None:
    rows = {row.record["method"]["name"]: row for row in read_results(export_store(tmp_path))}
    frame = export(bench)
    row = rows["net"]
    net = frame[frame.method == "net"].set_index(["seed", "slice", "metric"])

    assert set(frame.method) == {"net", "majority"}
    assert len(net) == 3 * 4 * len(METRICS)
    for seed in row.seeds:
        for part, scores in seed.slices.items():
            for metric in METRICS:
                assert net.value[str(seed.seed), part, metric] == getattr(scores, metric)
    intervals = score_intervals(row.seeds)
    for (part, metric), mean in row.means.items():
        line = net.loc["mean", part, metric]
        assert (line["value"], line["std"]) == (mean.value, mean.std)
        interval = intervals.get((part, metric))
        assert (
            pd.isna(line["low"]) if interval is None else (line["low"], line["high"]) == (interval.low, interval.high)
        )


def test_a_text_that_begins_as_a_formula_is_guarded(bench: Bench, tmp_path: Path) -> None:
    write_seed(new_store(tmp_path), make_row(input_name="=HYPERLINK(1)"), right)

    assert set(export(bench).input) == {"'=HYPERLINK(1)"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--method", "nobody"), "no stored row fits"),
        (("--row", "partial"), "no complete row to export"),
        (("--samples",), "--samples is an option of --format every-eval-ever, not of csv"),
        (("--selection", "oracle"), "--selection is an option of --format megc, not of csv"),
    ],
)
def test_what_cannot_be_exported_is_refused(
    bench: Bench, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    export_store(tmp_path)
    ended = bench("export", "--format", "csv", "--out", "table.csv", "--results", bench.results, *options)

    assert ended.code == 2
    assert message in ended.errors[0]
    assert not Path("table.csv").exists()


def test_an_incomplete_row_is_named_and_left_out(bench: Bench, tmp_path: Path) -> None:
    export_store(tmp_path)
    ended = bench("export", "--format", "csv", "--out", "table.csv", "--results", bench.results)

    assert "is left out: folds 8/9, 1 failed" in ended.err
    assert "warning: these results have caveats: synthetic" in ended.err
