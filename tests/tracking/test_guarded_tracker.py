"""A tracker's code is a plugin's: whichever of its methods fails, the run hears of it once and goes on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mer_bench.errors import MerBenchError
from mer_bench.specs import TrackerSpec
from mer_bench.tracking.base import TrackedRun, TrackedTraining
from mer_bench.tracking.guarded import GuardedTracker

SOURCE = """
import os
from mer_bench import Tracker

heard = []

class Fails(Tracker):
    def _hear(self, what):
        heard.append(what)
        os.environ["TRACKER_WAS_HERE"] = "1"
        os.chdir("/")
        if os.environ["TRACKER_FAILS"] == what:
            raise SystemExit("no paper")

    def start(self, run): self._hear("start")
    def log(self, training, epoch, values): self._hear("log")
    def finish(self, training, status): self._hear("finish")
    def end(self): self._hear("end")
"""
TRAINING = TrackedTraining(
    row="net-1234abcd", method="net", params={}, preset="quick", protocol="cde", seed=0, fold="smic-s1", epochs=4
)
CALLS = ("start", "log", "finish", "end")


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrackerSpec:
    (tmp_path / "failing_tracker.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "failing_tracker", raising=False)
    return TrackerSpec("fails", "fails", "failing_tracker:Fails")


def call_all(tracker: GuardedTracker, folder: Path) -> None:
    tracker.start(TrackedRun("20260101T000000-abcdef", "cde", folder))
    tracker.log(TRAINING, 1, {"loss": 0.5})
    tracker.finish(TRAINING, "finished")
    tracker.end()


@pytest.mark.parametrize("fails", [*CALLS, "never"])
def test_the_first_failure_is_told_once_and_the_tracker_called_no_more(
    spec: TrackerSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    monkeypatch.setenv("TRACKER_FAILS", fails)
    said: list[str] = []
    here = Path.cwd()
    call_all(GuardedTracker(spec, said.append), tmp_path)

    heard = sys.modules["failing_tracker"].heard
    assert heard == list(CALLS[: CALLS.index(fails) + 1] if fails in CALLS else CALLS)
    assert [sentence.startswith(f"tracker fails: {fails} failed (SystemExit: no paper)") for sentence in said] == (
        [True] if fails in CALLS else []
    )
    assert all("the run goes on without it, and its numbers are stored" in sentence for sentence in said)
    # What the processes of folds take over from the command's is as it was.
    assert "TRACKER_WAS_HERE" not in os.environ
    assert Path.cwd() == here


def test_what_is_no_tracker_is_refused_with_its_plugin(spec: TrackerSpec) -> None:
    for target, reason in (
        ("failing_tracker:os", "is of type module; it must name a class"),
        ("pathlib:Path", "is not a mer_bench.Tracker; correct its plugin"),
        ("failing_tracker:Nobody", "Nobody"),
        ("no_such_tracker:Fails", "no_such_tracker"),
    ):
        with pytest.raises(MerBenchError, match=reason):
            GuardedTracker(TrackerSpec("fails", "fails", target), lambda sentence: None)
