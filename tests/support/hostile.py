"""Builds plugin distributions, sound and broken ones, and leaves them as ``pip install --target`` would."""

from __future__ import annotations

import base64
import hashlib
import textwrap
from collections.abc import Mapping
from pathlib import Path

GROUP = "mer_bench.plugins"

METHOD_PLUGIN = """
    from mer_bench import MethodSpec, Representation, hookimpl

    @hookimpl
    def mer_bench_methods():
        return [
            MethodSpec(name, "1", name.title(), "{module}.method:Net", Representation("face-flow"), "deep")
            for name in {names}
        ]
"""


def install(
    folder: Path,
    distribution: str,
    modules: Mapping[str, str],
    plugins: Mapping[str, str] | None = None,
    version: str = "1.0",
) -> None:
    """Put modules (name to source) and a distribution's metadata into ``folder``.

    ``plugins`` maps entry-point names to targets; without it each module is a plugin of its own name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {f"{name}.py": textwrap.dedent(source) for name, source in modules.items()}
    entry_points = plugins if plugins is not None else {name: name for name in modules}
    info = f"{distribution.replace('-', '_')}-{version}.dist-info"
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
    files[f"{info}/INSTALLER"] = "pip\n"
    lines = [f"{name} = {target}\n" for name, target in entry_points.items()]
    files[f"{info}/entry_points.txt"] = f"[{GROUP}]\n{''.join(lines)}"
    files[f"{info}/RECORD"] = "".join(_record(name, text) for name, text in files.items()) + f"{info}/RECORD,,\n"
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def method_plugin(module: str, *names: str) -> str:
    """Return the source of a sound plugin that offers methods of these names."""
    return textwrap.dedent(METHOD_PLUGIN).format(module=module, names=list(names))


def write_project(folder: Path, distribution: str, module: str, plugin: str, source: str) -> None:
    """Write a plugin project that pip can build: a pyproject.toml and one module."""
    folder.mkdir(parents=True)
    (folder / f"{module}.py").write_text(textwrap.dedent(source), encoding="utf-8")
    (folder / "pyproject.toml").write_text(
        textwrap.dedent(f"""
            [build-system]
            requires = ["setuptools"]
            build-backend = "setuptools.build_meta"

            [project]
            name = "{distribution}"
            version = "2.5"

            [project.entry-points."{GROUP}"]
            {plugin} = "{module}"

            [tool.setuptools]
            py-modules = ["{module}"]
        """),
        encoding="utf-8",
    )


def _record(name: str, text: str) -> str:
    content = text.encode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"


BROKEN: dict[str, tuple[str, str]] = {
    "an import error": ("import a_module_that_nobody_has", "ModuleNotFoundError: No module named 'a_module_that"),
    "an exit": ("import sys\nsys.exit(3)", "SystemExit: 3"),
    "a syntax error": ("def broken(:\n    pass", "SyntaxError: invalid syntax (acme.py, line 1)"),
    "an exception that is no Exception": (
        "class Skipped(BaseException):\n    pass\nraise Skipped('could not import torch')",
        "Skipped: could not import torch",
    ),
    "a spec with a field of another type": (
        "from mer_bench import hookimpl, MethodSpec, Representation\n@hookimpl\ndef mer_bench_methods():\n"
        "    return (MethodSpec('net', 2, 'Net', 'acme:Net', Representation('flow'), 'deep'),)",
        "method net: version 2 is not of type str",
    ),
    "no hook": ("x = 1", "registers nothing: mark its functions with mer_bench.hookimpl"),
    "an error that cannot be printed": (
        "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute",
        "Mute",
    ),
    "a hook without hookimpl": (
        "def mer_bench_methods(): return []",
        "hook 'mer_bench_methods' is not a function marked with mer_bench.hookimpl",
    ),
    "a misspelt hook": (
        "from mer_bench import hookimpl\n@hookimpl\ndef mer_bench_method(): return []",
        "unknown hook 'mer_bench_method' (did you mean 'mer_bench_methods'?)",
    ),
    "a misspelt and unmarked hook": (
        "def mer_bench_protocol(): return []",
        "unknown hook 'mer_bench_protocol' (did you mean 'mer_bench_protocols'?)",
    ),
    "a misspelt hook name given to hookimpl": (
        "from mer_bench import hookimpl\n@hookimpl(specname='mer_bench_metods')\ndef offers(): return []",
        "unknown hook 'mer_bench_metods' (did you mean 'mer_bench_methods'?)",
    ),
    "a marked function of another name": (
        "from mer_bench import hookimpl\n@hookimpl\ndef methods(): return []",
        "unknown hook 'methods'",
    ),
    "a wrong signature": (
        "from mer_bench import hookimpl\n@hookimpl\ndef mer_bench_methods(config): return []",
        "PluginValidationError: Plugin 'acme-plugins:acme' for hook 'mer_bench_methods'",
    ),
    "a hook that raises": (
        "from mer_bench import hookimpl\n@hookimpl\ndef mer_bench_methods(): return 1 / 0",
        "ZeroDivisionError: division by zero",
    ),
    "a hook that exits": (
        "from mer_bench import hookimpl\n@hookimpl\ndef mer_bench_methods(): raise SystemExit",
        "SystemExit",
    ),
    "a hook without return": (
        "from mer_bench import hookimpl\n@hookimpl\ndef mer_bench_methods(): pass",
        "hook 'mer_bench_methods' returned None, not a tuple of MethodSpec objects",
    ),
    "a hook that returns names": (
        "from mer_bench import hookimpl\n@hookimpl\ndef mer_bench_methods(): return ['net']",
        "hook 'mer_bench_methods' returned an object of type str where a MethodSpec is wanted",
    ),
    "a hook that returns another kind of spec": (
        "from mer_bench import hookimpl, ProtocolSpec\nfrom pathlib import Path\n"
        "@hookimpl\ndef mer_bench_databases(): return [ProtocolSpec('p', Path('p.toml'))]",
        "hook 'mer_bench_databases' returned an object of type ProtocolSpec where a DatabaseSpec is wanted",
    ),
    "a generator that raises half-way": (
        method_plugin("acme", "net")
        + "\n@hookimpl\ndef mer_bench_protocols():\n    yield from ()\n    raise OSError('disk')",
        "OSError: disk",
    ),
    "a hook wrapper": (
        "from mer_bench import hookimpl\n@hookimpl(wrapper=True)\ndef mer_bench_methods(): return (yield)",
        "hook 'mer_bench_methods' is a wrapper; it must return MethodSpec objects",
    ),
    "two methods of one name": (method_plugin("acme", "net", "net"), "offers two methods named 'net'"),
    "a bad spec": (method_plugin("acme", "Big Net"), "method name 'Big Net' is not lower case words"),
}
"""What is wrong to a module ``acme`` that has it wrong, and how the reason given for its failure begins."""
