"""What ``mer-bench plugin new`` writes is a plugin that works, and what it cannot write it refuses."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.bench import Bench
from support.plugin_env import KINDS, PluginEnvironment, author

from mer_bench import MerBenchError, MethodSpec
from mer_bench.plugin_manager import Catalogue, load_catalogue
from mer_bench.scaffold import PluginNames, new_plugin, rendering
from mer_bench.specs import REPRESENTATIONS
from mer_bench.testing import CheckStatus, check_method

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CATALOGUE = load_catalogue()
EVERY_WAY = list(product(KINDS, REPRESENTATIONS))
FILES = {
    ".github/workflows/tests.yml",
    ".gitignore",
    "README.md",
    "pyproject.toml",
    "src/kit_net_mer_bench/__init__.py",
    "src/kit_net_mer_bench/method.py",
    "src/kit_net_mer_bench/network.py",
    "src/kit_net_mer_bench/py.typed",
    "tests/test_kit_net.py",
    "tox.ini",
}


def written(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def spec_of(folder: Path, package: str) -> MethodSpec:
    """Execute a rendered spec, without installing or importing it."""
    names: dict[str, Any] = {}
    exec((folder / "src" / package / "__init__.py").read_text(encoding="utf-8"), names)
    (spec,) = names["mer_bench_methods"]()
    assert isinstance(spec, MethodSpec)
    return spec


@pytest.mark.parametrize("kind", KINDS)
def test_a_plugin_of_each_kind_is_built_installed_tested_checked_and_run(tmp_path: Path, kind: str) -> None:
    result = author(PluginEnvironment.create(tmp_path / "environment"), kind, tmp_path)

    assert (result["method"], result["folds_done"], result["n_folds"]) == (KINDS[kind], 6, 6)
    always_one_class = 0.2
    assert result["slices"]["full"]["uf1"] > always_one_class


@pytest.mark.parametrize(("kind", "representation"), EVERY_WAY)
def test_it_works_on_what_it_says_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, representation: str
) -> None:
    name = f"scaffold-{kind}-{representation}"
    new = new_plugin(name, CATALOGUE, kind=kind, representation=representation)
    monkeypatch.syspath_prepend(str(new.folder.resolve() / "src"))
    (spec,) = import_module(new.names.package).mer_bench_methods()

    results = check_method(spec, only=("spec-complete", "params-json", "representation", "finite-scores"))

    assert spec.representation.name == representation
    assert {(result.status, result.message) for result in results} == {(CheckStatus.PASSED, "")}


@pytest.mark.skipif(shutil.which("ruff") is None or shutil.which("mypy") is None, reason="tox env `plugin` has both")
@pytest.mark.parametrize(("kind", "representation"), EVERY_WAY)
def test_it_is_clean_for_ruff_and_mypy_as_they_are(tmp_path: Path, kind: str, representation: str) -> None:
    longest = "a" * 19 + "-" + "b" * 20
    folder = new_plugin(longest, CATALOGUE, kind=kind, representation=representation, title='The "quoted" one').folder
    commands = (
        ["ruff", "check", "--isolated", "--no-cache", "."],
        ["ruff", "format", "--isolated", "--no-cache", "--check", "."],
        ["mypy", "--python-executable", sys.executable, "--cache-dir", str(tmp_path.parent / "mypy-cache")],
    )

    for command in commands:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_verb_says_what_it_wrote_and_what_comes_next(bench: Bench, tmp_path: Path) -> None:
    ended = bench("plugin", "new", "kit_net", "--out", "my plugins/net")

    assert (ended.code, ended.err) == (0, "")
    assert written(tmp_path / "my plugins" / "net") == FILES
    lines = [line.strip() for line in ended.out.splitlines()]
    assert set(lines) >= FILES
    assert lines[-3:] == [
        "pip install -e './my plugins/net'",
        "mer-bench check kit-net",
        "mer-bench run --method kit-net --protocol cde",
    ]


def test_the_folder_is_called_like_the_distribution_where_no_other_is_named(tmp_path: Path) -> None:
    new = new_plugin("kit-mean", CATALOGUE, kind="plain", ci="none")

    assert new.folder.resolve() == tmp_path / "kit-mean-mer-bench"
    without_network = {name.replace("kit_net", "kit_mean") for name in FILES if "network" not in name}
    assert written(new.folder) == set(new.files) == without_network - {".github/workflows/tests.yml"}


def test_a_method_without_a_paper_says_so_and_does_not_pretend(bench: Bench, tmp_path: Path) -> None:
    ended = bench("plugin", "new", "kit-net", "--title", "KitNet")

    assert spec_of(tmp_path / "kit-net-mer-bench", "kit_net_mer_bench").citation == "KitNet: unpublished"
    assert "It is cited as 'KitNet: unpublished'; once there is a paper, name it in the spec." in ended.out


PRINTABLE = st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1)


@given(title=PRINTABLE.filter(str.strip), citation=PRINTABLE.filter(str.strip))
@example(title='"', citation="'")
@example(title="{{ 7 * 7 }}", citation='Doe, "It\'s" \\N{DIGIT ONE} {% raw %} #')
@settings(max_examples=30, deadline=None)
def test_any_title_and_citation_reach_the_spec_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, title: str, citation: str
) -> None:
    folder = tmp_path_factory.mktemp("plugin")
    new_plugin("kit-net", CATALOGUE, title=title, citation=citation, out=folder)

    spec = spec_of(folder, "kit_net_mer_bench")
    assert (spec.title, spec.citation) == (title.strip(), citation.strip())
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["description"].startswith(title.strip())


@given(st.from_regex(r"[a-z][a-z0-9]{0,12}(-[a-z0-9]{1,12}){0,2}", fullmatch=True))
@settings(max_examples=50, deadline=None)
def test_any_name_that_is_taken_gives_files_that_python_and_toml_read(name: str) -> None:
    try:
        names = PluginNames.of(name, CATALOGUE)
    except MerBenchError:
        return
    for kind in KINDS:
        files = rendering.render_files(
            names, kind=kind, representation="flow", title="Net", citation="Doe 2024", ci="github"
        )
        for path, text in files.items():
            if path.endswith(".py"):
                compile(text, path, "exec")
        entry_points = tomllib.loads(files["pyproject.toml"])["project"]["entry-points"]["mer_bench.plugins"]
        assert entry_points == {name: names.package}
        assert names.package.isidentifier()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "is not lower case words joined by hyphens"),
        ("my net", "is not lower case words joined by hyphens"),
        ("3d-net", "is not lower case words joined by hyphens"),
        ("net-", "is not lower case words joined by hyphens"),
        ("net--two", "is not lower case words joined by hyphens"),
        ("nét", "is not lower case words joined by hyphens"),
        ("../net", "is not lower case words joined by hyphens"),
        ("a" * 41, "is longer than 40 characters"),
        ("class", "is a name of Python's grammar already"),
        ("none", "is a name of Python's grammar already"),
        ("json", "is a name of Python's standard library already"),
        ("value-error", "is a name of Python's builtins already"),
        ("torch-method", "is a name of mer-bench's public interface already"),
        ("network", "is a name of mer-bench's public interface already"),
        ("mer_bench", "is a name of mer-bench's public interface already"),
        ("svm_flow", "a method 'svm-flow' is installed already, by mer-bench"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_in_one_sentence(
    bench: Bench, tmp_path: Path, name: str, reason: str
) -> None:
    ended = bench("plugin", "new", name)

    assert (ended.code, ended.out, len(ended.err.splitlines())) == (2, "", 1)
    assert reason in ended.errors[0]
    assert not written(tmp_path)


def test_a_name_is_free_where_the_method_is_not_installed() -> None:
    assert PluginNames.of("svm-flow", Catalogue({}, {}, {}, (), {})).class_name == "SvmFlow"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--kind", "tensorflow"), "--kind 'tensorflow' is not one of: torch, sklearn, plain"),
        (("--representation", "faceflow"), "(did you mean 'face-flow'?)"),
        (("--ci", "gitlab"), "--ci 'gitlab' is not one of: github, none"),
        (("--title", " "), "--title ' ' is empty or not one line of printable text"),
        (("--citation", "Doe\n2024"), "--citation 'Doe\\n2024' is empty or not one line of printable text"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(
    bench: Bench, tmp_path: Path, options: tuple[str, ...], reason: str
) -> None:
    ended = bench("plugin", "new", "kit-net", *options)

    assert (ended.code, len(ended.errors)) == (2, 1)
    assert reason in ended.errors[0]
    assert not written(tmp_path)


def test_a_folder_in_use_is_refused_and_stays_as_it_was(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "kit-net-mer-bench"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine", encoding="utf-8")

    ended = bench("plugin", "new", "kit-net")

    assert ended.errors == ["error: kit-net-mer-bench is not empty; name another folder with --out, or empty this one"]
    assert written(tmp_path) == {"kit-net-mer-bench/mine.txt"}


def test_the_folder_where_one_stands_is_filled_and_not_replaced(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir(mode=0o700)
    monkeypatch.chdir(here)
    before = here.stat()
    ended = bench("plugin", "new", "kit-net", "--out", ".")

    assert ended.code == 0
    assert written(Path()) == FILES
    assert (here.stat().st_ino, here.stat().st_mode) == (before.st_ino, before.st_mode)
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]


def test_an_empty_folder_and_a_link_to_one_are_filled(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")

    new_plugin("kit-net", CATALOGUE, out=tmp_path / "link")

    assert (tmp_path / "link").is_symlink()
    assert written(tmp_path / "empty") == FILES


@pytest.mark.parametrize(
    ("out", "reason"),
    [
        ("file", "file is a file; name another folder with --out"),
        ("file/net", "the plugin cannot be written to file/net: "),
        ("nowhere", "nowhere is a broken link; name another folder with --out"),
    ],
)
def test_a_place_that_is_no_folder_is_refused(tmp_path: Path, out: str, reason: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to("gone")

    with pytest.raises(MerBenchError, match=re.escape(reason)):
        new_plugin("kit-net", CATALOGUE, out=Path(out))
    assert written(tmp_path) == {"file"}


def test_nothing_is_left_where_writing_fails_half_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = Path.write_text

    def full_disk(path: Path, *arguments: Any, **options: Any) -> int:
        if path.name == "tox.ini":
            raise OSError(28, "No space left on device")
        return write(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", full_disk)

    with pytest.raises(MerBenchError, match="cannot be written to plugin: No space left on device; name another"):
        new_plugin("kit-net", CATALOGUE, out=Path("plugin"))
    assert not list(tmp_path.iterdir())


def test_every_template_is_used(tmp_path: Path) -> None:
    folder = Path(rendering.__file__).parent / "templates"
    names = PluginNames.of("kit-net", CATALOGUE)
    used = {name for kind in KINDS for name in rendering._templates(names, kind, "github").values()}
    included = set(re.findall(r'{% include "(.+?)" %}', "".join(p.read_text("utf-8") for p in folder.iterdir())))

    assert used | included == {path.name for path in folder.iterdir()}
