"""The source keeps its rules: layers, packaging, plugins on the public interface only, plain words."""

from __future__ import annotations

import ast
import configparser
import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from layers import ALLOWED, PICTURE, arrows, draw, is_package

import mer_bench

ROOT = Path(__file__).parent.parent

TOP = {"cli", "__init__", "__main__"}

LONGEST_FUNCTION = 60
MOST_POSITIONAL = 5


@cache
def nodes(source: str) -> tuple[ast.AST, ...]:
    """Return all parts of a module, from the top: many tests look at the same sources."""
    return tuple(ast.walk(ast.parse(source)))


def modules() -> list[tuple[str, Path]]:
    """Return every module of mer-bench, protocols and reports, with its package."""
    core = ROOT / "mer_bench"
    pairs = [(path.relative_to(core).parts[0].removesuffix(".py"), path) for path in sorted(core.rglob("*.py"))]
    for folder in ("protocols/mer_bench_protocols", "reports/mer_bench_reports"):
        pairs += [(Path(folder).name, path) for path in sorted((ROOT / folder).rglob("*.py"))]
    return pairs


def name_of(path: Path) -> str:
    root = ROOT if path.is_relative_to(ROOT / "mer_bench") else path.parents[len(path.parts) - len(ROOT.parts) - 2]
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path) for _, path in modules()}


PUBLIC = {
    alias.name: f"mer_bench.{node.module}"
    for node in nodes((ROOT / "mer_bench" / "__init__.pyi").read_text(encoding="utf-8"))
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
}
"""The module of each public name."""


def imported_modules(source: str) -> set[str]:
    """Return what a module imports of mer-bench, in functions too; a public name counts as its own module."""
    names = set()
    for node in nodes(source):
        assert not getattr(node, "level", 0), "a relative import, which this does not follow"
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "mer_bench":
            names |= {PUBLIC.get(alias.name, f"mer_bench.{alias.name}") for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {
                name if (name := f"{node.module}.{alias.name}") in MODULES else node.module for alias in node.names
            }
    return {name for name in names if name.partition(".")[0].startswith("mer_bench")}


def package_of(module: str) -> str:
    """Return the package of a module, as `ALLOWED` names it."""
    head, _, rest = module.partition(".")
    return (rest.partition(".")[0] or "__init__") if head == "mer_bench" else head


def upward_imports(package: str, source: str) -> set[str]:
    return {package_of(module) for module in imported_modules(source)} - ALLOWED[package] - {package}


@pytest.mark.parametrize(("package", "path"), [(r, p) for r, p in modules() if r not in TOP], ids=lambda v: str(v))
def test_imports_go_down_only(package: str, path: Path) -> None:
    assert not upward_imports(package, path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("package", "source", "upward"),
    [
        ("vision", "from mer_bench import run", {"api"}),
        ("vision", "from mer_bench import MerBenchError", set()),
        ("vision", "import mer_bench", {"__init__"}),
        ("databases", "def late():\n    from mer_bench.representations import stack", {"representations"}),
        ("store", "from mer_bench_reports.builder import build_report", {"mer_bench_reports"}),
        ("mer_bench_reports", "from mer_bench.engine.session import Session", {"engine"}),
    ],
)
def test_an_import_that_goes_up_is_noticed(package: str, source: str, upward: set[str]) -> None:
    assert upward_imports(package, source) == upward


def test_the_picture_of_the_packages_is_the_table_s() -> None:
    assert PICTURE.read_text(encoding="utf-8") == draw(ALLOWED), "run: python docs/layers.py"


def test_every_arrow_of_the_picture_is_an_import() -> None:
    """The table allows more than is imported; the picture must not show it."""
    imports: dict[str, set[str]] = {}
    for package, path in modules():
        imported = imported_modules(path.read_text(encoding="utf-8"))
        imports.setdefault(package, set()).update(package_of(module) for module in imported)

    for upper, lower in arrows(ALLOWED):
        # A single module between two packages is not drawn.
        through = {name for name in imports[upper] if name not in TOP and not is_package(name)}
        assert lower in imports[upper].union(*(imports[name] for name in through)), (upper, lower)


def circle(sources: Mapping[str, str]) -> list[str]:
    """Return the names of modules that import each other."""
    graph = {name: (imported_modules(source) & set(sources)) - {name} for name, source in sources.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other() -> None:
    assert circle({name_of(path): path.read_text(encoding="utf-8") for _, path in modules()}) == []


def test_a_circle_is_noticed() -> None:
    sources = {
        "mer_bench.a": "from mer_bench.b import x",
        "mer_bench.b": "def late():\n    import mer_bench.a",
    }

    assert set(circle(sources)) == set(sources)


def functions() -> list[tuple[str, ast.FunctionDef]]:
    """Return every function of the source, without tests, with its place."""
    paths = [
        path for folder in ("mer_bench", "plugins", "protocols", "reports") for path in (ROOT / folder).rglob("*.py")
    ]
    return [
        (f"{path.relative_to(ROOT)}:{node.name}", node)
        for path in sorted(paths)
        for node in nodes(path.read_text(encoding="utf-8"))
        if isinstance(node, ast.FunctionDef)
    ]


def test_every_function_fits_a_screen() -> None:
    """Docstrings and signatures do not count."""
    lengths = {}
    for where, node in functions():
        body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
        lengths[where] = (node.end_lineno or 0) - body[0].lineno + 1

    assert lengths
    assert not {where: length for where, length in lengths.items() if length > LONGEST_FUNCTION}


def test_no_function_takes_many_arguments_by_position() -> None:
    crowded = {}
    for where, node in functions():
        names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args)]
        if len([name for name in names if name not in ("self", "cls")]) > MOST_POSITIONAL:
            crowded[where] = names

    assert not [where for where in crowded if not where.endswith(":command")]


def calls() -> list[tuple[str, int]]:
    """Return the place of every call of our own functions, with its number of positional arguments."""
    paths = [path for _, path in modules()] + plugin_modules()
    places = []
    for path in paths:
        tree = nodes(path.read_text(encoding="utf-8"))
        own = {node.name for node in tree if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
        for node in tree:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mer_bench"):
                own |= {alias.name for alias in node.names}
        places += [
            (f"{path.relative_to(ROOT)}:{node.lineno}", len(node.args))
            for node in tree
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in own
        ]
    return places


def test_nothing_is_called_with_many_arguments_by_position() -> None:
    counted = calls()

    assert counted
    assert not [where for where, count in counted if count > MOST_POSITIONAL]


def plugin_modules() -> list[Path]:
    return sorted((ROOT / "plugins").rglob("*.py"))


def inner_imports(source: str, own: str) -> set[str]:
    """Return what a plugin imports of mer-bench besides its public interface, or of another plugin."""
    inner = set()
    for node in nodes(source):
        if isinstance(node, ast.ImportFrom) and node.module == "mer_bench":
            inner |= {f"mer_bench.{alias.name}" for alias in node.names if alias.name not in PUBLIC}
        elif isinstance(node, ast.ImportFrom):
            inner.add(node.module or "")
        elif isinstance(node, ast.Import):
            inner |= {alias.name for alias in node.names}
    return {name for name in inner if name.startswith("mer_bench") and name.partition(".")[0] != own}


@pytest.mark.parametrize("path", plugin_modules(), ids=lambda path: path.stem + "-" + path.parent.name)
def test_plugins_import_only_the_public_interface(path: Path) -> None:
    assert not inner_imports(path.read_text(encoding="utf-8"), path.parent.name)


@pytest.mark.parametrize(
    ("source", "inner"),
    [
        ("from mer_bench import Method, hookimpl\nfrom mer_bench_own.network import Net", set()),
        ("from mer_bench.methods.method import Method", {"mer_bench.methods.method"}),
        ("import mer_bench.specs", {"mer_bench.specs"}),
        ("from mer_bench import specs", {"mer_bench.specs"}),
        ("from mer_bench_htnet.network import HTNet", {"mer_bench_htnet.network"}),
    ],
)
def test_an_import_that_a_plugin_must_not_make_is_noticed(source: str, inner: set[str]) -> None:
    assert inner_imports(source, "mer_bench_own") == inner


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


def test_every_public_name_exists_and_no_other() -> None:
    assert all(getattr(mer_bench, name) is not None for name in mer_bench.__all__)
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


def texts() -> list[Path]:
    """Return every file that users or authors read."""
    folders = ("mer_bench", "plugins", "protocols", "reports", "docs")
    kinds = {".py", ".pyi", ".j2", ".md", ".toml"}
    return [
        *sorted(ROOT.glob("*.md")),
        *(p for folder in folders for p in sorted((ROOT / folder).rglob("*")) if p.suffix in kinds),
    ]


OLD_WORDS = re.compile(
    r"\b(anew|eats?|eaten|fared?|mend(s|ed)?|riddles?|vouch\w*|unprepared|belongs? into|stands? for itself"
    r"|sanity.(row|check)s?|(training|test).side)\b|(?<!--)\bfigures?\b(?! [0-9IVX])",  # a paper's has a number
    re.IGNORECASE,
)


def test_the_old_words_do_not_come_back() -> None:
    """mer-bench once had a language of its own, which newcomers had to learn; these words have plain ones now."""
    hits = [
        f"{path.relative_to(ROOT)}:{number}: {hit[0]}"
        for path in texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if (hit := OLD_WORDS.search(line))
    ]

    assert not hits


def test_test_modules_have_unique_names_in_folders_that_mirror_the_packages() -> None:
    """Pytest imports test modules by their names, as the folders are no packages."""
    test_modules = sorted((ROOT / "tests").rglob("test_*.py"))
    names = Counter(path.name for path in test_modules)
    folders = {path.parent.name for path in test_modules} - {"tests"}
    packages = {path.name for path in (ROOT / "mer_bench").iterdir() if path.is_dir()}

    assert not [name for name, count in names.items() if count > 1]
    assert folders <= packages | {"docs", "plugins", "protocols", "reports"}


def test_the_page_on_file_formats_has_every_environment_variable() -> None:
    page = (ROOT / "docs" / "file-formats.md").read_text(encoding="utf-8")
    source = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "mer_bench").rglob("*.py")))

    pattern = r"\b_?MER_BENCH_[A-Z_]+\b"
    assert set(re.findall(rf"^\| `({pattern})`", page, flags=re.MULTILINE)) == set(re.findall(pattern, source))


def test_the_page_on_the_python_interface_has_every_public_name() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^::: mer_bench\.(\w+)$", page, flags=re.MULTILINE)) - {"testing"} == set(PUBLIC)
