"""Render the files of a plugin from templates."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mer_bench.hookspecs import ENTRY_POINT_GROUP
from mer_bench.scaffold.names import PluginNames
from mer_bench.scaffold.source import Source

_MAPS = ("face-flow", "region-flow")


def render_files(
    names: PluginNames, *, kind: str, representation: str, title: str, citation: str, ci: str, source: Source
) -> dict[str, str]:
    """Return the text of each file of a plugin, by its path below the plugin's folder."""
    environment = _environment()
    facts = {
        "names": names,
        "kind": kind,
        "representation": representation,
        # A whole flow field or clip has too many values for an estimator, which takes averages over a grid instead.
        "pooled": kind != "torch" and representation not in _MAPS,
        "data": "synthetic-maps" if representation in _MAPS else "synthetic",
        "title": title,
        "citation": citation,
        "group": ENTRY_POINT_GROUP,
        "source": source,
    }
    templates = _templates(names, kind, ci)
    return {path: environment.get_template(name).render(facts) for path, name in templates.items()}


def _templates(names: PluginNames, kind: str, ci: str) -> dict[str, str]:
    """Return each file's template. Template names do not begin with a dot: package data leaves such files out."""
    package = f"src/{names.package}"
    return {
        "pyproject.toml": "pyproject.toml.j2",
        "README.md": "readme.md.j2",
        "tox.ini": "tox.ini.j2",
        ".gitignore": "gitignore.j2",
        f"{package}/__init__.py": "spec.py.j2",
        f"{package}/method.py": f"method_{kind}.py.j2",
        f"{package}/py.typed": "py.typed.j2",
        f"tests/test_{names.module}.py": "test_method.py.j2",
        **({f"{package}/network.py": "network.py.j2"} if kind == "torch" else {}),
        **({".github/workflows/tests.yml": "workflow.yml.j2"} if ci == "github" else {}),
    }


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=False,  # source code, not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["python"] = _python_string
    environment.filters["toml"] = partial(json.dumps, ensure_ascii=False)
    return environment


def _python_string(text: str) -> str:
    """Return printable text as a Python string literal, with the quotes that ruff and black prefer."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    escaped = text.replace("\\", "\\\\").replace(quote, f"\\{quote}")
    return f"{quote}{escaped}{quote}"
