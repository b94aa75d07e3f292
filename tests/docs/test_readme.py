"""The plugin, verbs and options that the README shows work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.bench import Bench
from support.hostile import install

README = Path(__file__).parents[2] / "README.md"


def python_blocks() -> dict[str, str]:
    """Return the Python blocks that begin with a comment naming their file."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    named = ((re.match(r"# (\S+\.py)", block), block) for block in blocks)
    return {match[1]: block for match, block in named if match}


@pytest.mark.slow
def test_the_plugin_of_the_readme_runs_beside_the_built_in_ones(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    install(site, "mynet-mer-bench", {}, plugins={"mynet": "mynet_mer_bench"})
    for name, source in python_blocks().items():
        file = site / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(site)

    ended = bench.run("--method", "mynet", "--method", "majority", "--set", "epochs=3", "--json")

    assert set(python_blocks()) == {"mynet_mer_bench/__init__.py", "mynet_mer_bench/method.py"}
    assert ended.code == 0
    assert [(row["method"], row["folds_done"]) for row in ended.objects] == [("mynet", 6), ("majority", 6)]


def test_every_verb_and_option_of_the_readme_exists(bench: Bench) -> None:
    text = README.read_text(encoding="utf-8")
    verbs = set(re.findall(r"(?:^|[`/])mer-bench ([a-z]+)", text, flags=re.MULTILINE))

    for verb in sorted(verbs):
        assert bench(verb, "--help").code == 0, verb
    commands = (("run",), ("ablate",), ("export",), ("plugin", "new"), ("status",))
    shown = "".join(bench(*command, "--help").out for command in commands)
    for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)):
        assert option in shown, option
