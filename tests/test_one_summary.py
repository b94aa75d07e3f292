"""One summary, many renderings: table, JSON, frame and report agree to the digit and read each cell once."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from io import StringIO
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console
from support.bench import Bench
from support.store_factory import always, make_row, new_store, right, samples_of, scattered, write_seed, wrong_for
from support.store_files import edit_record

from mer_bench import load_results
from mer_bench.cli.tables import print_results
from mer_bench.result_texts import result_object
from mer_bench.results import METRICS, RowResults, read_results, read_row
from mer_bench.row_names import RowNames
from mer_bench.store import Store
from mer_bench.store import cell as cell_module
from mer_bench.store.files import read_sealed
from mer_bench_reports import build_report, write_report

UNEVEN = ("smic/s1/surprise", "smic/s2/positive_0", "samm/006/negative_0", "casme2/sub01/positive_1")
SAMPLES = {key: label for key, label in samples_of(per_class=4).items() if not key.startswith(UNEVEN)}
"""Without which accuracy and UAR would be the same."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A row of three seeds, all different, of which the second lacks two folds, and a complete row."""
    made = new_store(tmp_path)
    row = make_row("svm-flow", title="SVM", family="handcrafted", samples=SAMPLES)
    write_seed(made, row, scattered("a", 2), seed=0)
    write_seed(made, row, right, seed=1, missing=["smic-s2"], failed={"samm-007": "no convergence"})
    write_seed(made, row, scattered("b", 2), seed=2)
    write_seed(made, make_row("majority", samples=SAMPLES), always(0))
    return made


def svm(store: Store) -> RowResults:
    return next(row for row in read_results(store) if row.record["method"]["name"] == "svm-flow")


def table_of(rows: Iterable[RowResults]) -> str:
    console = Console(file=StringIO(), width=160)
    print_results([row.seeds for row in rows], console, RowNames({}))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_table_shows_the_mean_of_the_complete_seeds_and_names_the_other(store: Store) -> None:
    row = svm(store)
    shown = table_of([row])
    _, _, after = shown.partition("svm-flow  mean")
    complete = [seed.slices["full"] for seed in row.seeds if seed.seed != 1]
    means = [
        f"{statistics.fmean(values):.4f}±{statistics.stdev(values):.4f}"
        for values in ([scores.uf1 for scores in complete], [scores.uar for scores in complete])
    ]

    assert [re.findall(r"\S+±\S+", line)[0] for line in after.splitlines()[:2]] == means
    assert re.search(r"svm-flow-\w+: mean of 2 of 3 seeds; seed 1: folds 4/6, 1 failed", shown)
    assert re.search(r"svm-flow  1     4/6, 1 failed +– –", shown)


def test_json_and_frame_hold_the_complete_seeds_alone(store: Store) -> None:
    frame = load_results(store.path)
    row = svm(store)
    for seed in row.seeds:
        lines = frame[(frame["method"] == "svm-flow") & (frame["seed"] == seed.seed)].set_index("slice")
        progress = (4, 1, 6) if seed.seed == 1 else (6, 0, 6)
        scores = {name: {m: getattr(seed.slices[name], m) for m in METRICS} for name in seed.slices}
        json_object = result_object(row, seed, "svm-flow-1a2b")

        assert (json_object["folds_done"], json_object["folds_failed"], json_object["n_folds"]) == progress
        in_json = cast(Mapping[str, Mapping[str, object]], json_object["slices"])
        assert {name: {m: in_json[name][m] for m in METRICS} for name in in_json} == scores
        in_frame = lines[list(METRICS)].dropna()
        assert {name: dict(line) for name, line in in_frame.iterrows()} == scores
        assert bool(scores) == (seed.seed != 1)


def count_reads(monkeypatch: pytest.MonkeyPatch) -> Counter[Path]:
    reads: Counter[Path] = Counter()

    def counted(path: str) -> bytes:
        content = read_sealed(path)
        reads[Path(path)] += 1
        return content

    monkeypatch.setattr(cell_module, "read_sealed", counted)
    return reads


RENDERINGS: dict[str, Callable[[Bench], object]] = {
    "report": lambda bench: bench("report", "--results", bench.results),
    "load_results": lambda bench: load_results(bench.results),
    "status": lambda bench: bench("status", "--results", bench.results),
    "table": lambda bench: table_of(read_results(Store.open(bench.results))),
}


@pytest.mark.parametrize("rendering", RENDERINGS)
def test_each_stored_cell_is_read_once(
    store: Store, bench: Bench, monkeypatch: pytest.MonkeyPatch, rendering: str
) -> None:
    write_seed(store, make_row("net", epochs=True), wrong_for("smic"), oracle=right)
    bench.results = store.path
    reads = count_reads(monkeypatch)
    RENDERINGS[rendering](bench)

    assert reads == dict.fromkeys(bench.cell_files(), 1)
    assert len(reads) == 6 + 5 + 6 + 6 + 6


def test_cells_and_rows_that_are_known_are_not_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    record = svm(store).record
    known = {(0, fold): store.read_cell(record, 0, fold) for fold in record["folds"]}
    reads = count_reads(monkeypatch)
    row = read_row(store, record, {**known, (0, "smic-s1"): None})
    rows = read_results(store, {record["row_key"]: row})
    write_report(store, store.path / "out", rows)

    assert [(seed.seed, seed.done) for seed in row.seeds] == [(0, 5), (1, 4), (2, 6)]
    assert row in rows
    assert Counter(path.parent.name for path in reads if "svm-flow" in path.parts) == {"seed-1": 5, "seed-2": 6}
    assert set(reads.values()) == {1}


def test_the_scores_of_every_epoch_are_read_once_and_only_for_the_oracle(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_seed(store, make_row("net", epochs=True), wrong_for("smic"), oracle=right)
    reads: Counter[str] = Counter()
    read = Store.read_epoch_scores

    def counted(self: Store, key: str, *arguments: object) -> object:
        reads[key] += 1
        return read(self, key, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "read_epoch_scores", counted)
    rows = read_results(store)
    table_of(rows)
    before = dict(reads)
    build_report(store, rows)
    write_report(store, store.path / "out", rows)

    assert before == {}
    assert sorted(reads.values()) == [1] * 6


@pytest.mark.slow
def test_a_run_reports_every_stored_seed_and_shows_those_asked_for(bench: Bench) -> None:
    bench.run("--method", "random", "--seeds", "3")
    ended = bench.run("--method", "random", "--json")

    assert [o["seed"] for o in ended.objects] == [0]
    report = (bench.results / "report.md").read_text(encoding="utf-8")
    assert "; defaults; scale=per-map-8bit | 3 | 6 | 24 |" in report


def test_load_results_warns_of_each_damaged_file_once(store: Store, recwarn: pytest.WarningsRecorder) -> None:
    first, second = sorted(store.path.glob("cells/*/svm-flow/*/seed-0/*.json"))[:2]
    first.write_text("{")
    edit_record(second, lambda cell: cell["predictions"][0].update(y_pred=7))
    frame = load_results(store.path)

    warnings = [str(warning.message) for warning in recwarn]
    assert len(warnings) == 2
    assert warnings[0].startswith(str(first))
    assert warnings[1].startswith(f"{second} counts as absent: it predicts the label 7")
    assert all(warning.filename == __file__ for warning in recwarn)
    assert set(frame[(frame["method"] == "svm-flow") & (frame["seed"] == 0)]["folds_done"]) == {4}
