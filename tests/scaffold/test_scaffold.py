"""``mer-bench plugin new`` writes a working plugin, or refuses with a sentence."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.bench import Bench
from support.pages import check_style
from support.plugin_env import KINDS, PluginEnvironment, author

from mer_bench import MerBenchError, MethodSpec
from mer_bench.plugin_manager import load_catalogue
from mer_bench.scaffold import PluginNames, new_plugin, rendering
from mer_bench.specs import REPRESENTATIONS
from mer_bench.testing import make_method
from mer_bench.testing.samples import KitFold
from mer_bench.testing.subject import Subject

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


@pytest.mark.plugin_env
@pytest.mark.parametrize("kind", KINDS)
def test_a_plugin_of_each_kind_is_built_installed_tested_checked_and_run(tmp_path: Path, kind: str) -> None:
    result = author(PluginEnvironment.create(tmp_path / "environment"), kind, tmp_path)

    assert (result["method"], result["folds_done"], result["n_folds"]) == (KINDS[kind], 6, 6)
    always_one_class = 0.2
    assert result["slices"]["full"]["uf1"] > always_one_class


@pytest.mark.plugin_env
@pytest.mark.parametrize(("kind", "representation"), EVERY_WAY)
def test_a_rendered_plugin_is_clean_for_ruff_and_mypy(tmp_path: Path, kind: str, representation: str) -> None:
    longest = "a" * 19 + "-" + "b" * 20
    folder = new_plugin(longest, CATALOGUE, kind=kind, representation=representation, title='The "quoted" one').folder

    check_style(folder, tmp_path.parent / "mypy-cache")


@pytest.mark.parametrize(("kind", "representation"), EVERY_WAY)
def test_a_rendered_method_works_on_its_representation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, representation: str
) -> None:
    name = f"scaffold-{kind}-{representation}"
    new = new_plugin(name, CATALOGUE, kind=kind, representation=representation)
    monkeypatch.syspath_prepend(str(new.folder.resolve() / "src"))
    (spec,) = import_module(new.names.package).mer_bench_methods()
    subject = Subject(spec, spec.resolve(None, {"width": 3, "epochs": 1} if kind == "torch" else {}))
    scores = subject.scores(KitFold(train=(0, 1, 2, 3, 4, 5, 6), test=(7, 8)))

    assert spec.representation.name == representation
    assert scores.scores.shape == (2, 3)
    assert (scores.scores[0] != scores.scores[1]).any()


@pytest.mark.parametrize("representation", REPRESENTATIONS)
def test_a_rendered_network_learns_nothing_from_rounding_errors(
    monkeypatch: pytest.MonkeyPatch, representation: str
) -> None:
    """A bias before batch normalisation has no other gradient, so its scores would differ between processors."""
    new = new_plugin(f"bias-torch-{representation}", CATALOGUE, kind="torch", representation=representation)
    monkeypatch.syspath_prepend(str(new.folder.resolve() / "src"))
    (spec,) = import_module(new.names.package).mer_bench_methods()
    layers = list(make_method(spec).build_network().features)
    normalised = [layer for layer, after in pairwise(layers) if "BatchNorm" in type(after).__name__]

    assert [layer.bias for layer in normalised] == [None, None]


def test_the_verb_lists_the_files_and_the_next_commands(bench: Bench, tmp_path: Path) -> None:
    ended = bench("plugin", "new", "kit_net", "--out", "my plugins/net")

    assert (ended.code, ended.err) == (0, "")
    assert written(tmp_path / "my plugins" / "net") == FILES
    lines = [line.strip() for line in ended.out.splitlines()]
    assert set(lines) >= FILES
    assert (
        "Its tox installs mer-bench from pip's package index; where that has none, name a checkout with --mer-bench."
        in lines
    )
    assert lines[-3:] == [
        "pip install -e './my plugins/net'",
        "mer-bench check kit-net",
        "mer-bench run --method kit-net --protocol cde",
    ]


def test_the_default_folder_has_the_name_of_the_distribution(tmp_path: Path) -> None:
    new = new_plugin("kit-mean", CATALOGUE, kind="plain", ci="none")

    assert new.folder.resolve() == tmp_path / "kit-mean-mer-bench"
    without_network = {name.replace("kit_net", "kit_mean") for name in FILES if "network" not in name}
    assert written(new.folder) == set(new.files) == without_network - {".github/workflows/tests.yml"}


def test_a_method_without_a_citation_is_called_unpublished(bench: Bench, tmp_path: Path) -> None:
    ended = bench("plugin", "new", "kit-net", "--title", "KitNet")

    assert spec_of(tmp_path / "kit-net-mer-bench", "kit_net_mer_bench").citation == "KitNet: unpublished"
    assert "Its citation is 'KitNet: unpublished'; once there is a paper, name it in the spec." in ended.out


PRINTABLE = st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1)


@given(title=PRINTABLE.filter(str.strip), citation=PRINTABLE.filter(str.strip))
@example(title='"', citation="'")
@example(title="{{ 7 * 7 }}", citation='Doe, "It\'s" \\N{DIGIT ONE} {% raw %} #')
@settings(max_examples=15, deadline=None)
def test_any_title_and_citation_reach_the_spec_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, title: str, citation: str
) -> None:
    folder = tmp_path_factory.mktemp("plugin")
    new_plugin("kit-net", CATALOGUE, title=title, citation=citation, out=folder)

    spec = spec_of(folder, "kit_net_mer_bench")
    assert (spec.title, spec.citation) == (title.strip(), citation.strip())
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["description"].startswith(title.strip())


MALFORMED = "is not lower case words joined by hyphens and starting with a letter; use a name such as motion-net"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        *(([name], MALFORMED) for name in ("", "3d-net", "net--two", "../net")),
        (["a" * 41], "is longer than 40 characters; shorten it"),
        (["class"], "is already used by Python's grammar"),
        (["json"], "is already used by Python's standard library"),
        (["value-error"], "is already used by Python's builtins"),
        (["torch-method"], "is already used by mer-bench's public interface"),
        (["network"], "is already used by mer-bench's public interface"),
        (["mer_bench"], "is already used by mer-bench's public interface"),
        (["kit-net", "--kind", "tensorflow"], "--kind 'tensorflow' is not one of: torch, sklearn, plain"),
        (["kit-net", "--representation", "faceflow"], "(did you mean 'face-flow'?)"),
        (["kit-net", "--title", " "], "--title ' ' is empty or not one line of printable text"),
        (["kit-net", "--citation", "Doe\n2024"], "--citation 'Doe\\n2024' is empty or not one line of printable text"),
        (["svm_flow"], "method 'svm-flow' is already installed by mer-bench; choose another name, or"),
    ],
)
def test_a_name_or_option_that_cannot_be_used_is_refused_in_one_sentence(
    bench: Bench, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    ended = bench("plugin", "new", *arguments)

    assert (ended.code, ended.out, len(ended.err.splitlines())) == (2, "", 1)
    assert reason in ended.errors[0]
    assert not written(tmp_path)


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
