"""The standard output holds mer-bench's answers alone, whatever plugins print, and whatever it is connected to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.bench import Bench
from support.hostile import install

from mer_bench.cli.completion import COMPLETE_VARIABLE

FORGED = '{"method": "forged"}'
FORGER = f"""
    import atexit, os, subprocess, sys
    from mer_bench import Method, MethodSpec, Representation, hookimpl

    def forge():
        print('{FORGED}', flush=True)
        sys.__stdout__.write('{FORGED}\\n')
        os.write(1, b'{FORGED}\\n')
        subprocess.run(["echo", '{FORGED}'])

    forge()
    atexit.register(forge)

    @hookimpl
    def mer_bench_methods():
        forge()
        yield MethodSpec(
            "forger", "1", "Forger", "forger:Forger", Representation("face-flow"), "baseline", validate=refuse
        )

    def refuse(params):
        forge()

    class Forger(Method):
        def fit(self, train, *, seed):
            forge()

        def predict(self, test):
            forge()
            return [[0.25, 0.5, 0.125]] * len(test)
"""


@pytest.fixture
def forger(tmp_path: Path) -> dict[str, str]:
    """An environment with a plugin that prints JSON objects wherever its code runs."""
    install(tmp_path / "site", "forger", {"forger": FORGER})
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])}


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_no_object_is_forged(bench: Bench, forger: dict[str, str], jobs: int) -> None:
    ended = bench.spawn(*bench.run_arguments("--method", "forger", "--json", jobs=jobs), env=forger)

    assert [result["method"] for result in ended.objects] == ["forger"]
    # At import, in the hook, when the spec is resolved, and at exit, each in four ways; workers print too.
    assert ended.err.count(FORGED) >= 16


@pytest.mark.parametrize(
    "arguments", [("list", "methods", "--json"), ("plugins", "--json"), ("describe", "forger", "--json")]
)
def test_no_verb_mixes_what_plugins_print_with_its_answer(
    bench: Bench, forger: dict[str, str], arguments: tuple[str, ...]
) -> None:
    ended = bench.spawn(*arguments, env=forger)

    assert ended.code == 0
    assert "forger" in str(json.loads(ended.out))
    assert FORGED in ended.err
    assert FORGED not in ended.out


def test_a_hint_that_loads_plugins_prints_nothing_there(bench: Bench, forger: dict[str, str]) -> None:
    ended = bench.spawn("run", "--method", "ahmsa", "--epochs", "4", "--json", env=forger)

    assert (ended.code, ended.out) == (2, "")
    assert "use --set epochs=4" in ended.errors[0]


def test_a_file_gets_answers_only_and_a_reader_that_left_is_no_error(
    bench: Bench, forger: dict[str, str], tmp_path: Path
) -> None:
    read, write = os.pipe()
    os.close(read)
    with (tmp_path / "answer.json").open("w") as file, os.fdopen(write, "w") as closed:
        to_file = bench.spawn("list", "methods", "--json", stdout=file, env=forger)
        left = bench.spawn("list", "methods", stdout=closed, env=forger)

    assert (to_file.code, left.code) == (0, 0)
    assert "forger" in {method["name"] for method in json.loads((tmp_path / "answer.json").read_text())}
    assert set(left.err.split("\n")) == {FORGED, ""}


def test_closed_streams_get_nothing_and_stop_nothing(forger: dict[str, str], tmp_path: Path) -> None:
    command = f"{sys.executable} -m mer_bench list methods --json"
    shell = f"{command} >&- 2> errors; echo $? > codes; {command} 2>&- > answer; echo $? >> codes"
    subprocess.run(["bash", "-c", shell], env=forger, cwd=tmp_path, timeout=60, check=True)

    assert (tmp_path / "codes").read_text().split() == ["0", "0"]
    assert set((tmp_path / "errors").read_text().split("\n")) == {FORGED, ""}
    assert len(json.loads((tmp_path / "answer").read_text())) > 10


def test_a_shell_gets_completions_only(bench: Bench, forger: dict[str, str]) -> None:
    line = {COMPLETE_VARIABLE: "bash_complete", "COMP_LINE": "mer-bench run --method forg"}
    ended = bench.spawn(env={**forger, **line})

    assert (ended.code, ended.out, ended.err) == (0, "plain,forger\n", "")
