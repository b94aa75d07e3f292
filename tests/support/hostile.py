"""Writes plugin distributions, sound and broken ones, in the form that ``pip install --target`` would."""

from __future__ import annotations

import base64
import hashlib
import importlib
import textwrap
from collections.abc import Mapping
from importlib.metadata import MetadataPathFinder
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
    # Python looks at a folder's time of change, which may not have changed for some milliseconds. That of Python 3.10
    # does not make the finder of distributions look again; an instance, because its method is no class method there.
    importlib.invalidate_caches()
    MetadataPathFinder().invalidate_caches()


def method_plugin(module: str, *names: str) -> str:
    """Return the source of a sound plugin that offers methods of these names."""
    return textwrap.dedent(METHOD_PLUGIN).format(module=module, names=list(names))


def _record(name: str, text: str) -> str:
    content = text.encode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"


def _hook(body: str, signature: str = "mer_bench_methods()", mark: str = "@hookimpl") -> str:
    return f"from mer_bench import *\nfrom pathlib import Path\n{mark}\ndef {signature}: {body}"


BROKEN: dict[str, tuple[str, str]] = {
    "an import error": ("import a_module_that_nobody_has", "ModuleNotFoundError: No module named 'a_module_that"),
    "a syntax error": ("def broken(:\n    pass", "SyntaxError: invalid syntax (acme.py, line 1)"),
    "an exception that is no Exception": (
        "class Skipped(BaseException):\n    pass\nraise Skipped('could not import torch')",
        "Skipped: could not import torch",
    ),
    "an error that cannot be printed": (
        "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute",
        "Mute: its message cannot be printed",
    ),
    "no hook": ("x = 1", "implements no hook; decorate its hook functions with @mer_bench.hookimpl"),
    "a hook without hookimpl": (
        _hook("return []", mark=""),
        "hook 'mer_bench_methods' is not marked; decorate it with @mer_bench.hookimpl",
    ),
    "a misspelt hook": (
        _hook("return []", "mer_bench_method()"),
        "unknown hook 'mer_bench_method' (did you mean 'mer_bench_methods'?)",
    ),
    "a misspelt hook name given to hookimpl": (
        _hook("return []", "offers()", mark="@hookimpl(specname='mer_bench_metods')"),
        "unknown hook 'mer_bench_metods' (did you mean 'mer_bench_methods'?)",
    ),
    "a wrong signature": (
        _hook("return []", "mer_bench_methods(config)"),
        "PluginValidationError: Plugin 'acme-plugins:acme' for hook 'mer_bench_methods'",
    ),
    "a hook that raises": (_hook("return 1 / 0"), "ZeroDivisionError: division by zero"),
    "a hook without return": (
        _hook("pass"),
        "hook 'mer_bench_methods' returned None; it must return a tuple of MethodSpec objects",
    ),
    "a hook that returns another kind of spec": (
        _hook("return [ProtocolSpec('p', Path('p.toml'))]", "mer_bench_databases()"),
        "hook 'mer_bench_databases' returned a collection with an object of type ProtocolSpec; each item must be a Dat",
    ),
    "a hook wrapper": (
        _hook("return (yield)", mark="@hookimpl(wrapper=True)"),
        "hook 'mer_bench_methods' is a hook wrapper; use a plain hook that returns MethodSpec objects",
    ),
    "two methods of one name": (method_plugin("acme", "net", "net"), "provides two methods named 'net'"),
    "a bad spec": (method_plugin("acme", "Big Net"), "method name 'Big Net' is not lower case words"),
}
"""The source of a module ``acme`` with the flaw, and the beginning of the reason for its failure."""
