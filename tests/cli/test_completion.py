"""Shell completion: what a shell is offered, quickly, and without a word on the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import BashComplete
from support.bench import Bench
from support.hostile import install

from mer_bench.cli import cli
from mer_bench.cli.completion import COMPLETE_VARIABLE

HEAVY = {"torch", "cv2", "pandas", "mediapipe", "dlib", "sklearn", "timm", "numpy"}
NOISY = """
    import os, sys, warnings
    print("noise"), os.write(2, b"noise"), warnings.warn("noise")
    raise OSError("broken")
"""


def completed(line: str) -> list[str]:
    """Return the completions of the last word of a line."""
    *words, incomplete = line.split(" ")[1:]
    shell = BashComplete(cli, {}, "mer-bench", COMPLETE_VARIABLE)
    return [item.value for item in shell.get_completions(words, incomplete) if item.type == "plain"]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("mer-bench re", ["report"]),
        ("mer-bench run --method s", ["ststnet", "svm-flow"]),
        ("mer-bench describe s", ["ststnet", "svm-flow"]),
        ("mer-bench check majority s", ["ststnet", "svm-flow"]),
        ("mer-bench export -m s", ["ststnet", "svm-flow"]),
        ("mer-bench run -p loso-casme2", ["loso-casme2", "loso-casme2-4class", "loso-casme2-5class"]),
        ("mer-bench run --data ", ["synthetic", "synthetic-maps"]),
        ("mer-bench data check syn", ["synthetic", "synthetic-maps"]),
        ("mer-bench run -m rcn-a -m svm_flow --preset ", ["fixed", "linear", "nested", "paper", "quick", "readme"]),
        ("mer-bench describe lbp-top --preset ", ["benchmark", "megc2019"]),
        (
            "mer-bench run --method svm-flow --set ",
            ["kernel=", "tuning=", "C=", "gamma=", "splits=", "class_weight=", "scale="],
        ),
        ("mer-bench run --method majority -m svm-flow --set svm-flow.k", ["svm-flow.kernel="]),
        ("mer-bench run --method svm-flow --set kernel=", ["kernel=rbf", "kernel=linear"]),
        ("mer-bench run --method svm-flow --grid k", ["kernel="]),
        (
            "mer-bench run -m majority -m svm-flow --grid svm-flow.tuning=",
            ["svm-flow.tuning=nested", "svm-flow.tuning=fixed"],
        ),
        ("mer-bench ablate ahm", ["ahmsa"]),
        ("mer-bench ablate ahmsa --figure ", ["4", "5", "4.5.2"]),
        ("mer-bench ablate majority --figure ", []),
        ("mer-bench ablate ahmsa --preset q", ["quick"]),
        ("mer-bench data preprocess --preprocess no", ["no_face="]),
        ("mer-bench data preprocess -r frames --set ", ["length=", "interpolation="]),
        ("mer-bench list ", ["methods", "protocols", "databases", "ablations", "executors", "trackers"]),
        ("mer-bench run --method no-such-method --preset readm", ["readme"]),
    ],
)
def test_what_may_follow_is_offered(line: str, offered: list[str]) -> None:
    assert completed(line) == offered


@pytest.mark.parametrize(
    ("line", "strict", "offered"),
    [
        ("mer-bench run --method ahm", "0", "plain,ahmsa\n"),
        ("mer-bench run --method ahm", "1", ""),
    ],
)
def test_nothing_but_completions_is_printed(bench: Bench, tmp_path: Path, line: str, strict: str, offered: str) -> None:
    install(tmp_path / "site", "broken-noise", {"broken_noise": NOISY})
    ended = bench.spawn(
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]),
            "MER_BENCH_STRICT_PLUGINS": strict,
            COMPLETE_VARIABLE: "bash_complete",
            "COMP_LINE": line,
        }
    )

    assert (ended.code, ended.out, ended.err) == (0, offered, "")


def test_completion_imports_nothing_heavy() -> None:
    code = """
import sys
from click.shell_completion import BashComplete
from mer_bench.cli import cli
shell = BashComplete(cli, {}, "mer-bench", "")
for option in ("--method", "--preset", "--protocol", "--data", "--set", "--preprocess"):
    assert shell.get_completions(["run", option], "")
assert shell.get_completions(["data", "preprocess", "--set"], "")
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)

    assert not {module.partition(".")[0] for module in done.stdout.split()} & HEAVY


BASH = """
eval "$(_MER_BENCH_COMPLETE=bash_source {program})"
compopt() {{ IFS=:; echo "compopt:$*"; }}
COMP_LINE="{line}x" COMP_POINT={point} COMP_WORDBREAKS=" <>{breaks}"
_mer_bench_completion "{program}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize(
    ("line", "breaks", "replies"),
    [
        ("mer-bench run --preprocess tvl1_w", "=:", ["compopt:-o:nospace", "tvl1_warps="]),
        ("mer-bench run -m ahmsa --set layout=fi", "=:", ["five-mosaic"]),
        ("mer-bench run -m ahmsa --set layout=fi", "", ["layout=five-mosaic"]),
        ("mer-bench run -m ahmsa --set=ahmsa.layout=", "=:", ["five-mosaic", "four-corners", "htnet", "whole-face"]),
        ("mer-bench run --method=ah", "=:", ["ahmsa"]),
        ("mer-bench run --method=ah", "", ["--method=ahmsa"]),
    ],
)
def test_bash_gets_what_it_replaces_and_no_space_behind_an_equals_sign(
    tmp_path: Path, line: str, breaks: str, replies: list[str]
) -> None:
    program = tmp_path / "mer-bench"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m mer_bench "$@"\n')
    program.chmod(0o755)
    script = BASH.format(program=program, line=line, point=len(line), breaks=breaks)
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert (done.stdout.splitlines(), done.stderr) == (replies, "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_there_is_a_script_for_other_shells(bench: Bench, shell: str) -> None:
    ended = bench.spawn(env={**os.environ, "_MER_BENCH_COMPLETE": f"{shell}_source"})

    assert (ended.code, ended.err) == (0, "")
    assert "mer-bench" in ended.out


def test_a_misspelt_or_empty_instruction_does_not_hide_errors(bench: Bench) -> None:
    ended = bench.spawn("rnu", env={**os.environ, COMPLETE_VARIABLE: "bash_sorce"})

    assert ended.code == 2
    assert "_MER_BENCH_COMPLETE='bash_sorce' is not one of: bash_source, bash_complete" in ended.err
    assert "did you mean 'run'" in bench.spawn("rnu", env={**os.environ, COMPLETE_VARIABLE: ""}).err
