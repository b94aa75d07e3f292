"""The house keeps its own rules: floors, packaging, and plugins on the public interface alone."""

from __future__ import annotations

import ast
import configparser
from pathlib import Path

import pytest

import mer_bench

ROOT = Path(__file__).parent.parent

FOUNDATION = {"errors", "specs", "arrays", "hookspecs", "installed", "plugin_manager"}
ALLOWED = {
    "errors": set(),
    "arrays": set(),
    "atomic": set(),
    "specs": {"errors"},
    "samples": {"errors"},
    "hookspecs": {"specs"},
    "installed": {"errors"},
    "plugin_manager": {"errors", "specs", "hookspecs", "installed"},
    "config": {"errors"},
    "cache": {"errors", "arrays", "atomic"},
    "scoring": {"errors", "arrays", "atomic", "samples"},
    "store": {"errors", "arrays", "atomic", "samples"},
    "results": {"errors", "arrays", "samples", "store", "scoring"},
    "synthesis": {"errors", "arrays", "atomic"},
    "databases": {*FOUNDATION, "samples", "cache", "synthesis"},
    "vision": {"errors", "arrays"},
    "representations": {*FOUNDATION, "samples", "cache", "databases", "vision", "store"},
    "methods": {*FOUNDATION, "samples"},
    "training": {*FOUNDATION, "samples", "methods"},
    "evaluation": {
        *FOUNDATION,
        *("samples", "cache", "store", "scoring", "databases", "representations", "methods", "training"),
        "mer_bench_protocols",
    },
    "engine": {
        *FOUNDATION,
        *("config", "samples", "store", "scoring", "results", "databases", "representations", "methods", "evaluation"),
        "mer_bench_protocols",
    },
    "testing": {*FOUNDATION, "methods", "evaluation", "engine", "representations"},
    "scaffold": set(FOUNDATION),
    "mer_bench_reports": {"errors", "arrays", "atomic", "samples", "store", "scoring", "results"},
    "mer_bench_protocols": set(),
}
TOP = {"cli", "__init__", "__main__"}


def modules() -> list[tuple[str, Path]]:
    """Every module of the house with the room that it stands in."""
    house = ROOT / "mer_bench"
    found = [(path.relative_to(house).parts[0].removesuffix(".py"), path) for path in sorted(house.rglob("*.py"))]
    for folder in ("protocols/mer_bench_protocols", "reports/mer_bench_reports"):
        found += [(Path(folder).name, path) for path in sorted((ROOT / folder).rglob("*.py"))]
    return found


def imported_rooms(path: Path) -> set[str]:
    """The rooms that a module imports, in functions too."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            deep = node.module == "mer_bench"
            names = [f"mer_bench.{alias.name}" for alias in node.names] if deep else [node.module]
        for name in names:
            if name.startswith("mer_bench."):
                rooms.add(name.split(".")[1])
            elif name.startswith("mer_bench_"):
                rooms.add(name.split(".")[0])
    return rooms


@pytest.mark.parametrize(("room", "path"), [(r, p) for r, p in modules() if r not in TOP], ids=lambda v: str(v))
def test_imports_go_down_only(room: str, path: Path) -> None:
    public = {name for name in dir(mer_bench) if name != "__version__"} | {"__version__", "hookspecs"}
    upward = imported_rooms(path) - ALLOWED[room] - {room} - public

    assert not upward


def plugin_modules() -> list[Path]:
    return sorted((ROOT / "plugins").rglob("*.py"))


@pytest.mark.parametrize("path", plugin_modules(), ids=lambda path: path.stem + "-" + path.parent.name)
def test_plugins_import_the_public_interface_alone(path: Path) -> None:
    public = set(dir(mer_bench)) | {path.parent.name}

    assert imported_rooms(path) <= public


def test_every_package_on_disk_is_packed_and_none_else() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = set(setup["options"]["packages"].split())
    roots = [ROOT, ROOT / "protocols", ROOT / "reports", *(ROOT / "plugins").iterdir()]
    on_disk = {
        ".".join(init.parent.relative_to(root).parts)
        for root in roots
        for init in root.glob("mer_bench*/**/__init__.py")
    }

    assert listed == on_disk


def test_every_public_name_exists() -> None:
    for name in mer_bench.__all__:
        assert getattr(mer_bench, name) is not None


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = mer_bench.no_such_name


def test_every_hook_is_implemented_and_so_tested() -> None:
    hooks = {
        node.name
        for node in ast.parse((ROOT / "mer_bench" / "hookspecs.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    tested = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").glob("test_plugin*.py")))

    assert hooks
    assert all(hook in tested for hook in hooks)
