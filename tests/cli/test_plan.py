"""The plan that `run` prints: short, unless every setting is asked for; and methods that the data does not suit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.console import Console
from support.bench import TINY, Bench

import mer_bench
from mer_bench.progress import ProgressListener
from mer_bench.vision.choices import FLOW_PARAMETERS

CLIPS = ("run", "--data", "synthetic", "--data-option", "size=tiny", "--dry-run")


def plan(bench: Bench, *arguments: str) -> list[str]:
    ended = bench(*CLIPS, *arguments)

    assert ended.code == 0
    return [line for line in ended.out.splitlines() if line.startswith(("method ", "preprocessing"))]


@pytest.mark.slow
def test_only_settings_that_differ_from_the_defaults_are_shown(bench: Bench) -> None:
    methods = ("--method", "ahmsa", "--method", "lbp-top", "--method", "ststnet", "--no-baselines")

    assert plan(bench, *methods, "--preset", "paper", "--set", "lr=0.25", "--set", "ststnet.batch_norm=false") == [
        "method ahmsa (region-flow): paper, lr=0.25, not the paper's training",
        "method lbp-top (frames): megc2019",
        "method ststnet (face-flow): paper, batch_norm=false, lr=0.25, not the paper's training",
    ]


@pytest.mark.slow
def test_preprocessing_is_shown_once_and_only_where_it_differs(bench: Bench) -> None:
    changed = ("--preprocess", "size=96", "--preprocess", "flow=farneback", "--preprocess", "no_face=refuse")

    assert plan(bench, "--method", "majority", *changed) == [
        "method majority (face-flow): defaults",
        "method random (face-flow): defaults",
        "method svm-flow (face-flow): nested",
        "preprocessing: size=96, flow=farneback",
    ]


@pytest.mark.slow
def test_verbose_shows_every_setting_and_the_preprocessing_once(bench: Bench) -> None:
    lines = plan(bench, "--method", "svm-flow", "--method", "ahmsa", "--no-baselines", "-v")

    assert lines[0] == (
        "method svm-flow (face-flow): nested: kernel=rbf, tuning=nested, C=1.0, gamma=1.0, splits=5, "
        "class_weight=balanced, scale=per-map-8bit"
    )
    assert "; differs from paper in width=96, epochs=30, lr=0.0005, batch_size=64: layout=five-mosaic, " in lines[1]
    assert [name.split("=")[0] for name in lines[2].removeprefix("preprocessing: ").split(", ") if "=" in name] == [
        *("size", "align_by", "regions_by", "no_face", "brightness", "flow"),
        *(parameter.name for parameter in FLOW_PARAMETERS["tv-l1"]),
    ]
    assert len(lines) == 3


def test_ready_made_maps_have_no_preprocessing_and_name_what_they_stand_in_for(bench: Bench) -> None:
    out = bench("run", *TINY, "--method", "bi-woof", "--dry-run", "-v", "--no-baselines").out

    assert re.search(
        r"^method bi-woof \(ready-made face-flow instead of flow\): [^:]+: blocks=5,5, ", out, re.MULTILINE
    )
    assert "preprocessing" not in out


MAPS = "but the data holds ready-made 'face-flow' maps only"


def test_methods_that_the_data_does_not_suit_are_refused_in_one_message(bench: Bench) -> None:
    ended = bench.run("--method", "lbp_top", "--method", "ststnet", "--json")
    none_left = bench.run("--method", "lbp-top", "--skip-unsuitable", "--baselines")

    assert ended.code == 2
    assert ended.errors == [
        f"error: 1 of 2 named methods cannot run on this data: lbp-top takes 'frames', {MAPS}; name data with frames "
        "(an official release, or --data synthetic), or add --skip-unsuitable (skip_unsuitable=True in Python) to run "
        "only ststnet"
    ]
    assert none_left.code == 2
    assert "lbp-top cannot run on this data: it takes 'frames'" in none_left.errors[0]
    assert "--skip-unsuitable" not in none_left.errors[0]
    assert not (bench.results / "store.json").exists()


def test_they_are_skipped_on_request_with_a_notice(bench: Bench) -> None:
    arguments = ("--method", "majority", "--set", "lbp-top.length=12", "--skip-unsuitable", "--dry-run")
    ended = bench.run("--method", "lbp-top", *arguments)

    assert ended.code == 0
    assert [line for line in ended.out.splitlines() if line.startswith("method ")] == [
        "method majority (ready-made face-flow): defaults"
    ]
    assert ended.err == f"note: lbp-top is left out: it takes 'frames', {MAPS}\n"


def test_python_skips_with_a_warning() -> None:
    options = {"data": "synthetic-maps", "data_options": {"size": "tiny"}, "baselines": False}
    with pytest.warns(UserWarning, match="lbp-top is left out"):
        frame = mer_bench.run(["lbp-top", "majority"], skip_unsuitable=True, **options)  # type: ignore[arg-type]

    assert set(frame["method"]) == {"majority"}


def test_notices_and_failures_are_printed_above_the_bar_and_else_as_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    from mer_bench import progress

    terminal = Console(force_terminal=True, width=80, record=True, file=Path("terminal.txt").open("w"))  # noqa: SIM115
    monkeypatch.setattr(progress, "Console", lambda **_: terminal)
    monkeypatch.setattr(progress, "_can_draw", lambda: True)
    listener = ProgressListener()
    listener.notice("[bold]all[/bold]")
    listener.failed("other")
    with listener.steps("cells", 3) as step:
        step(True)
        listener.notice("a [bold]notice[/bold] that is much wider than the terminal " + "and wider " * 4)
        listener.failed("net, seed 0")
    terminal.file.close()
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", Path("terminal.txt").read_text()).splitlines()
    whole = [line for line in lines if line.strip()]

    assert "note: a [bold]notice[/bold] that is much wider than the terminal and wider and " in whole
    assert "failed: net, seed 0" in whole
    assert any(re.fullmatch(r"cells +.*", line) for line in whole)
    assert whole[:2] == ["note: [bold]all[/bold]", "failed: other"]
