"""``mer-bench plugin new --mer-bench SOURCE``: where the plugin's tox and CI get mer-bench from."""

from __future__ import annotations

import shutil
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from support.bench import Bench
from support.plugin_env import PluginEnvironment

from mer_bench import MerBenchError
from mer_bench.plugin_manager import load_catalogue
from mer_bench.scaffold import new_plugin

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CHECKOUT = Path(__file__).parents[2]
GIT = "git+https://example.org/lab/mer-bench@v0.3#subdirectory=harness"


def sources_of(folder: Path) -> tuple[str, list[str], list[str]]:
    """Return the dependency in pyproject.toml, and the deps of the tests and of mypy in tox.ini."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tox = ConfigParser(interpolation=None)
    tox.read(folder / "tox.ini", encoding="utf-8")
    deps = [tox.get(section, "deps", fallback="").split("\n") for section in ("testenv", "testenv:type")]
    return project["dependencies"][0], *([line for line in lines if line] for lines in deps)


@pytest.mark.parametrize(
    ("given", "dependency", "direct"),
    [
        ((), "mer-bench", ""),
        (("--mer-bench", "mer-bench"), "mer-bench", ""),
        (("--mer-bench", " mer_bench >=0.3, <2"), "mer-bench>=0.3, <2", ""),
        (("--mer-bench", GIT), "mer-bench", f"mer-bench @ {GIT}"),
        (
            ("--mer-bench", "mer-bench @ https://example.org/m.whl"),
            "mer-bench",
            "mer-bench @ https://example.org/m.whl",
        ),
        (("--mer-bench", "a checkout"), "mer-bench", "mer-bench @ file://{}/a%20checkout"),
        (("--mer-bench", "m-0.3-py3-none-any.whl"), "mer-bench", "mer-bench @ file://{}/m-0.3-py3-none-any.whl"),
    ],
)
def test_tox_gets_mer_bench_from_the_source_and_the_plugin_needs_it_by_name(
    bench: Bench, tmp_path: Path, given: tuple[str, ...], dependency: str, direct: str
) -> None:
    (tmp_path / "a checkout").mkdir()
    (tmp_path / "a checkout" / "pyproject.toml").touch()
    (tmp_path / "m-0.3-py3-none-any.whl").touch()
    direct = direct.format(tmp_path)
    ended = bench("plugin", "new", "kit-net", *given)
    folder = tmp_path / "kit-net-mer-bench"
    workflow, readme = ((folder / name).read_text("utf-8") for name in (".github/workflows/tests.yml", "README.md"))

    assert ended.code == 0
    # tox reads `\#` as `#`, and a bare one as the start of a comment.
    in_tests = [direct.replace("#", r"\#")] if direct else []
    assert sources_of(folder) == (dependency, in_tests, [*(["{[testenv]deps}"] if direct else []), "mypy"])
    assert Requirement(direct or dependency).name == "mer-bench"
    assert (f"pip install '{direct}'\npip install .\n" in readme) == bool(direct)
    assert ("comes from the package index" in workflow) == (not direct)
    assert (f"Its tox installs {direct}." in ended.out) == bool(direct)
    assert ("put a Git URL into tox.ini before you push" in ended.out) == ("file:" in direct)
    assert ("put a Git URL there" in workflow) == ("file:" in direct)


@pytest.mark.parametrize(
    "source",
    [
        *("", "mer-bench-extra", "numpy", "mer-bench>=", "mer-bench>=new", "https://example.org/m.whl"),
        *("git+https://example.org/{x}", "git+https://example.org/it's", "no/such/folder", "empty", "notes.txt"),
    ],
)
def test_a_source_that_pip_could_not_install_is_refused(tmp_path: Path, source: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").touch()

    with pytest.raises(MerBenchError, match=r"is neither a requirement .* give one of them"):
        new_plugin("kit-net", load_catalogue(), mer_bench=source)
    assert not (tmp_path / "kit-net-mer-bench").exists()


@pytest.mark.plugin_env
def test_a_plugin_is_tested_with_the_mer_bench_that_its_tox_installs_from_a_path(tmp_path: Path) -> None:
    checkout = tmp_path / "another checkout"
    shutil.copytree(CHECKOUT, checkout, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info", "tests"))
    (checkout / "mer_bench" / "version.py").write_text('__version__ = "7.8.9"\n', encoding="utf-8")
    plugin = new_plugin("kit-mean", load_catalogue(), kind="plain", mer_bench=str(checkout)).folder.resolve()
    _, (requirement,), _ = sources_of(plugin)
    environment = PluginEnvironment.create(tmp_path / "environment")

    environment.run(f"pip install '{requirement}'", tmp_path)
    environment.run("pip install .", plugin)

    ours = environment.run("python -c 'import mer_bench as m; print(m.__version__, m.__file__)'", tmp_path)
    assert ours.startswith(f"7.8.9 {environment.folder}")
    assert "passed" in environment.run("pytest -q -p no:cacheprovider", plugin)
