"""``--track``: what is logged can be read by the trackers' own readers, and no number depends on it."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path

import pytest
from support.bench import SMALL_AHMSA, Bench, predictions
from support.hostile import install

AHMSA = (*SMALL_AHMSA, "--protocol", "loso-smic", "--set", "epochs=4")
SOURCE = """
    import os
    from pathlib import Path
    from mer_bench import Tracker, TrackerSpec, hookimpl


    class Lines(Tracker):
        def start(self, run):
            self.file = run.folder.with_suffix(".txt")
            self.file.parent.mkdir(parents=True, exist_ok=True)
            os.environ["LINES_WAS_HERE"] = "1"

        def log(self, training, epoch, values):
            with self.file.open("a") as file:
                print(training.fold, epoch, *sorted(values), file=file)

        def finish(self, training, status):
            with self.file.open("a") as file:
                print(training.fold, status, file=file)

        def end(self):
            with self.file.open("a") as file:
                print("end", file=file)


    class Broken(Tracker):
        def log(self, training, epoch, values):
            raise SystemExit("the paper is empty")


    @hookimpl
    def mer_bench_trackers():
        yield TrackerSpec("lines", "lines of text", "lines_plugin:Lines")
        yield TrackerSpec("broken", "fails", "lines_plugin:Broken")
        yield TrackerSpec("lacking", "l", "lines_plugin:Lines", ("no_such_package",), "pip install no-such-package")
        yield TrackerSpec("none", "no tracker", "builtins:dict")
"""


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "site", "lines-plugin", {"lines_plugin": SOURCE})
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "lines_plugin", raising=False)


@pytest.mark.slow
@pytest.mark.parametrize("stack", [1, 2])
def test_tensorboard_reads_the_values_of_each_fold_and_no_prediction_differs(
    bench: Bench, tmp_path: Path, stack: int
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tracked = bench.run(*AHMSA, "--stack", str(stack), "--track", "tensorboard")
    with_values = bench.predictions()
    (row,) = (bench.results / "tracking" / "tensorboard").iterdir()
    bench.results = tmp_path / "plain"
    plain = bench.run(*AHMSA, "--stack", str(stack))

    assert (tracked.code, plain.code) == (0, 0), tracked.err
    assert with_values == bench.predictions()
    assert len(with_values) == 2
    assert not (bench.results / "tracking").exists()
    folders = sorted(row.glob("seed-0/*"))
    assert [folder.name for folder in folders] == ["smic-synthetic01", "smic-synthetic02"]
    losses = []
    for folder in folders:
        (file,) = folder.iterdir()
        assert socket.gethostname() not in file.name.split(".")
        read = EventAccumulator(str(folder))
        read.Reload()
        assert read.Tags()["scalars"] == ["loss", "lr", "seconds"]
        assert [event.step for event in read.Scalars("loss")] == [1, 2, 3, 4]
        assert read.Scalars("lr")[0].value == pytest.approx(1e-3)
        losses += [event.value for event in read.Scalars("loss")]
    assert len(set(losses)) == 8


@pytest.mark.slow
def test_mlflow_reads_a_run_for_each_training_below_one_for_the_row(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    ended = bench.run(*AHMSA, "--track", "mlflow", "--track-to", tmp_path / "flow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=(tmp_path / "flow").as_uri())
    experiment = client.get_experiment_by_name("loso-smic")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    (row,) = [name for name in runs if name.startswith("ahmsa-")]
    fold = runs["seed-0/smic-synthetic02"]

    assert ended.code == 0, ended.err
    assert len(runs) == 3
    assert fold.data.tags["mlflow.parentRunId"] == runs[row].info.run_id
    assert {run.data.tags["mlflow.user"] for run in runs.values()} == {"mer-bench"}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert [metric.step for metric in client.get_metric_history(fold.info.run_id, "loss")] == [1, 2, 3, 4]
    assert (fold.data.params["width"], fold.data.params["fold"]) == ("12", "smic-synthetic02")


@pytest.mark.slow
@pytest.mark.usefixtures("lines")
def test_a_third_partys_tracker_hears_each_epoch_and_the_end(bench: Bench) -> None:
    ended = bench.run(*AHMSA, "--track", "lines")
    said = (bench.results / "tracking" / "lines.txt").read_text(encoding="utf-8").splitlines()

    assert ended.code == 0, ended.err
    epochs = [f"smic-synthetic01 {epoch} loss lr seconds" for epoch in range(1, 5)]
    assert [line for line in said if line.startswith("smic-synthetic01")] == [*epochs, "smic-synthetic01 finished"]
    assert said[-1] == "end"
    assert len(said) == 11
    assert "LINES_WAS_HERE" not in os.environ


@pytest.mark.slow
def test_the_tracker_of_the_page_works_as_it_stands(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "tracking.md").read_text(encoding="utf-8")
    source = page.partition("```python\n")[2].partition("```")[0]
    install(tmp_path / "page-site", "lines-mer-bench", {"lines_mer_bench": source})
    monkeypatch.syspath_prepend(str(tmp_path / "page-site"))
    ended = bench.run(*AHMSA, "--track", "lines")
    sys.modules.pop("lines_mer_bench", None)
    said = (bench.results / "tracking" / "lines" / "epochs.txt").read_text(encoding="utf-8").splitlines()

    assert ended.code == 0, ended.err
    assert [line.split()[1:4] for line in said if "synthetic02" in line] == [
        ["0", "smic-synthetic02", str(epoch)] for epoch in range(1, 5)
    ]
    assert all(line.startswith("ahmsa-") for line in said)


@pytest.mark.slow
@pytest.mark.usefixtures("lines")
def test_a_tracker_that_raises_is_reported_once_and_the_run_goes_on(bench: Bench) -> None:
    ended = bench.run(*AHMSA, "--track", "broken")

    assert ended.code == 0
    assert ended.err.count("tracker broken: log failed (SystemExit: the paper is empty)") == 1
    assert "the run goes on without it" in ended.err
    assert len(predictions(bench.results)) == 2


@pytest.mark.usefixtures("lines")
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--track", "tensorbord"), "unknown tracker 'tensorbord' (did you mean 'tensorboard'?)"),
        (("--track", "lacking"), "tracker lacking needs no_such_package, which is not installed: pip install no-such"),
        (("--track", "none"), "tracker none: builtins:dict is not a mer_bench.Tracker; correct its plugin"),
        (("--track-to", "somewhere"), "--track-to somewhere needs --track"),
    ],
)
def test_a_tracker_that_cannot_be_used_is_refused_before_anything_runs(
    bench: Bench, options: tuple[str, ...], reason: str
) -> None:
    ended = bench.run(*AHMSA, *options)

    assert ended.code == 2
    assert reason in ended.err
    assert not bench.cell_files()


def test_a_tracker_is_refused_with_a_cluster(bench: Bench, desk: Path) -> None:
    ended = bench.run(*AHMSA, "--track", "tensorboard", "--cluster", desk)

    assert ended.code == 2
    assert "--track tensorboard logs the trainings of this machine, and with --cluster others train" in ended.err


def test_a_run_without_networks_says_that_nothing_is_logged(bench: Bench) -> None:
    ended = bench.run("--method", "majority", "--protocol", "loso-smic", "--track", "tensorboard")

    assert ended.code == 0
    assert "--track tensorboard: no network is to be trained, so nothing is logged" in ended.err


@pytest.mark.usefixtures("lines")
def test_trackers_are_listed(bench: Bench) -> None:
    listed = json.loads(bench("list", "trackers", "--json").out)

    assert [each["name"] for each in listed] == ["broken", "lacking", "lines", "mlflow", "none", "tensorboard"]
