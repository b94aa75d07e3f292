"""Checks of what a plugin declares: its entry module, the method's spec, and that each parameter is used."""

from __future__ import annotations

import dis
import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import EntryPoint
from itertools import chain
from typing import Any
from unittest import mock

from mer_bench.entry_points import find_entry_points
from mer_bench.errors import MerBenchError
from mer_bench.hookspecs import ENTRY_POINT_GROUP
from mer_bench.isolation import isolated
from mer_bench.methods.method import Method
from mer_bench.methods.training_config import TRAINING_NAMES, training_parameters
from mer_bench.names import normalise_name
from mer_bench.parameters import Parameter, ParameterValue, value_text
from mer_bench.plugin_manager import load_catalogue
from mer_bench.specs import MethodSpec
from mer_bench.testing.check import Check
from mer_bench.testing.contract import NotApplicableError, require
from mer_bench.testing.subject import SEED, Subject

HEAVY = ("torch", "cv2", "mediapipe", "dlib", "sklearn", "pandas", "timm", "skimage", "matplotlib")
"""Libraries that take long to import. Every command loads the entry modules of all plugins, so these must not."""
_TIMEOUT_S = 120.0

_LOAD = """
import json, sys
given = json.load(sys.stdin)
sys.path[:] = given["path"]
before = set(sys.modules)
from mer_bench.plugin_manager import load_catalogue
catalogue = load_catalogue(blocked=given["others"])
imported = {name.partition(".")[0] for name in set(sys.modules) - before}
reasons = [record.reason for record in catalogue.records if record.status.value == "failed"]
print(json.dumps({"imported": sorted(imported), "methods": list(catalogue.methods), "reasons": reasons}))
"""
_NUMBERS = (0, 1, 2, 0.5)
"""The values tried for a number. 0 often turns a step off, and with it the use of other parameters."""


@Check
def light_import(subject: Subject) -> None:
    """Loading the plugin imports no heavy library, so that every command starts quickly."""
    plugin = _plugin_of(subject.spec)
    if plugin is None:
        raise NotApplicableError(f"no installed plugin provides this method {subject.spec.name}: nothing to load")
    point, others = plugin
    loaded = _load_alone(point.value, tuple(others), tuple(sys.path))
    reason = "; ".join(loaded["reasons"]) or f"it provides no method {subject.spec.name}"
    require(subject.spec.name in loaded["methods"], f"a new interpreter cannot load {point.value}: {reason}")
    heavy = ", ".join(name for name in HEAVY if name in loaded["imported"])
    require(
        not heavy,
        f"loading {point.value} imports {heavy}; import that in the target's module only "
        f"({subject.spec.target.partition(':')[0]}), which the module with the hooks must not import",
    )


@Check
def spec_complete(subject: Subject) -> None:
    """The spec has all texts that tables and help need, and its target is a class that matches it."""
    spec = subject.spec
    for name in ("title", "version", *(() if spec.family == "baseline" else ("citation",))):
        require(bool(str(getattr(spec, name)).strip()), f"the spec's {name} is empty; fill it in")
    undocumented = ", ".join(parameter.name for parameter in spec.parameters if not parameter.doc.strip())
    require(not undocumented, f"parameters without doc: {undocumented}; state what each does and why its default")
    if spec.trains_by_epoch:
        own = {parameter.name for parameter in spec.parameters}
        missing = ", ".join(parameter.name for parameter in training_parameters() if parameter.name not in own)
        require(
            not missing,
            f"the network's parameters lack {missing}; add *mer_bench.training_parameters() to them",
        )
    subject.instance()


@Check
def parameters_roundtrip(subject: Subject) -> None:
    """Every preset's values can be stored as JSON and typed on the command line without change."""
    spec = subject.spec
    for preset in (None, *spec.presets):
        params = spec.resolve(preset, {})
        for name, value in params.items():
            require(
                _is_plain(value),
                f"{name}={value!r} is of type {_type_of(value)}; use a plain bool, int, float, str or tuple of int",
            )
        stored = json.loads(json.dumps(params, allow_nan=False))
        typed = {name: value_text(value) for name, value in params.items()}
        for place, given in (("JSON", stored), ("the command line", typed)):
            read = spec.resolve(preset, given)
            for name, value in params.items():
                require(read[name] == value, f"{name}={value!r} is read back from {place} as {read[name]!r}")


def _plugin_of(spec: MethodSpec) -> tuple[EntryPoint, list[str]] | None:
    """Return the entry point of the plugin that provides a method, and the names of all other plugins."""
    points, _ = find_entry_points(ENTRY_POINT_GROUP)
    package = spec.target.partition(":")[0].partition(".")[0]
    for point in sorted(points, key=lambda point: point.value.partition(":")[0].partition(".")[0] != package):
        others = [other.name for other in points if normalise_name(other.name) != normalise_name(point.name)]
        if load_catalogue(blocked=others).methods.get(spec.name) == spec:
            return point, others
    return None


@lru_cache(maxsize=16)
def _load_alone(module: str, others: tuple[str, ...], path: tuple[str, ...]) -> dict[str, list[str]]:
    """Load one plugin in a new interpreter, once for all its methods; return its methods, imports and errors."""
    given = json.dumps({"path": path, "others": others})
    command = [sys.executable, "-c", _LOAD]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=_TIMEOUT_S)
    require(not done.returncode, f"a new interpreter cannot load {module}: {_last_line(done.stderr)}")
    loaded: dict[str, list[str]] = json.loads(_last_line(done.stdout))
    return loaded


def _is_plain(value: ParameterValue) -> bool:
    """Return whether a value has exactly a plain type: a numpy float is an instance of float too."""
    if type(value) is tuple:
        return all(type(item) is int for item in value)
    return type(value) in (bool, int, float, str)


def _type_of(value: ParameterValue) -> str:
    if type(value) is tuple:
        return f"tuple of {', '.join(sorted({type(item).__name__ for item in value}))}"
    return f"{type(value).__module__}.{type(value).__name__}"


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no output"])[-1]


@Check
def parameters_used(subject: Subject) -> None:
    """Reads each of its parameters, and its network uses each argument."""
    _ = subject.usable
    cure = "use it, or remove it from the spec: another value would give a new row with the same scores"
    unread = ", ".join(_unread(subject))
    require(not unread, f"the method never reads {unread}; {cure}")
    ignored = ", ".join(_ignored(subject))
    require(not ignored, f"the network's constructor takes {ignored} but does not use it; {cure}")


def _unread(subject: Subject) -> list[str]:
    """Return the parameters that are never read, neither with the checked values nor with one of them changed."""
    spec = subject.spec
    # mer-bench itself reads those of the representation.
    unread = [parameter.name for parameter in spec.parameters if parameter.name not in spec.representation.parameters]
    for params in chain([subject.params], _neighbours(spec, subject.params)):
        read = subject.reads(params)
        unread = [name for name in unread if name not in read]
        if not unread:
            break
    return unread


def _neighbours(spec: MethodSpec, params: Mapping[str, ParameterValue]) -> Iterator[Mapping[str, ParameterValue]]:
    """Yield allowed values of all parameters that differ from ``params`` in one value."""
    for parameter in spec.parameters:
        if spec.trains_by_epoch and parameter.name in TRAINING_NAMES:
            continue
        for value in _others(parameter, params[parameter.name]):
            with suppress(MerBenchError):
                yield spec.resolve(None, {**params, parameter.name: value})


def _others(parameter: Parameter, value: ParameterValue) -> list[ParameterValue]:
    tried: tuple[ParameterValue, ...] = parameter.choices
    if not tried and isinstance(value, (bool, int, float)):
        tried = (False, True) if isinstance(value, bool) else _NUMBERS
    return [other for other in tried if other != value]


def _ignored(subject: Subject) -> list[str]:
    """Return the parameters that a network's constructor gets under their own names and never uses."""
    method = subject.instance()
    if isinstance(method, Method):
        return []
    with isolated(SEED):
        network = type(method.build_network())
        constructor = network.__init__
        given: set[str] = set()

        def noting(self: Any, *args: Any, **named: Any) -> None:
            bound = inspect.signature(constructor).bind(self, *args, **named)
            given.update(bound.arguments, named)
            constructor(self, *args, **named)

        with mock.patch.object(network, "__init__", noting):
            method.build_network()
    return [name for name in method.network_params() if name in given and not _uses(constructor, name)]


def _uses(function: Callable[..., None], name: str) -> bool:
    """Return whether a function's code loads the argument ``name``, or the ``**rest`` that contains it."""
    if not inspect.isfunction(function):
        return True  # not written in Python: unknown
    takes = inspect.getfullargspec(function)
    holder = name if name in (*takes.args, *takes.kwonlyargs) else takes.varkw
    if holder is None:
        return True  # no such argument
    loaded: set[object] = set()
    for instruction in dis.get_instructions(function):
        if "LOAD" in instruction.opname and instruction.opname != "LOAD_CONST":
            # From Python 3.13 on, one instruction may load two names.
            value = instruction.argval
            loaded |= set(value) if isinstance(value, tuple) else {value}
    return holder in loaded or "locals" in loaded
