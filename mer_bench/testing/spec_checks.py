"""Checks of what a plugin says of a method: its entry module, its spec, its parameters, and that it uses each."""

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
from mer_bench.evaluation.isolation import isolated
from mer_bench.hookspecs import ENTRY_POINT_GROUP
from mer_bench.methods.method import Method
from mer_bench.methods.training_config import TRAINING_NAMES, training_parameters
from mer_bench.names import normalise_name
from mer_bench.plugin_manager import load_catalogue
from mer_bench.specs import MethodSpec, Parameter, ParameterValue, value_text
from mer_bench.testing.check import Check
from mer_bench.testing.contract import NotApplicableError, require
from mer_bench.testing.subject import SEED, Subject

HEAVY = ("torch", "cv2", "mediapipe", "dlib", "sklearn", "pandas", "timm", "skimage", "matplotlib")
"""What takes long to import, so that only workers may: `mer-bench list` loads every plugin's entry module."""
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
"""Tried for a number: 0 often turns something off, and with it what another number is for."""


@Check
def light_import(subject: Subject) -> None:
    """Loading the plugin imports no heavy library; only workers may pay for one."""
    found = _plugin_of(subject.spec)
    if found is None:
        raise NotApplicableError(f"no installed plugin offers this {subject.spec.name}, so that there is none to load")
    point, others = found
    said = _load_alone(point.value, tuple(others), tuple(sys.path))
    reason = "; ".join(said["reasons"]) or f"it offers no method {subject.spec.name}"
    require(subject.spec.name in said["methods"], f"a new interpreter cannot load {point.value}: {reason}")
    heavy = ", ".join(name for name in HEAVY if name in said["imported"])
    require(
        not heavy,
        f"loading {point.value} imports {heavy}; import that in the module of the target alone "
        f"({subject.spec.target.partition(':')[0]}), and nothing from there in the module that holds the hook",
    )


@Check
def spec_complete(subject: Subject) -> None:
    """The spec says all that tables and help need, and its target is the class that it describes."""
    spec = subject.spec
    for name in ("title", "version", *(() if spec.family == "baseline" else ("citation",))):
        require(bool(str(getattr(spec, name)).strip()), f"the spec's {name} is empty; give it")
    undocumented = ", ".join(parameter.name for parameter in spec.parameters if not parameter.doc.strip())
    require(not undocumented, f"no doc is given for: {undocumented}; say what it does, and why its default")
    if spec.trains_by_epoch:
        own = {parameter.name for parameter in spec.parameters}
        missing = ", ".join(parameter.name for parameter in training_parameters() if parameter.name not in own)
        require(
            not missing,
            f"the network's parameters lack {missing}; add mer_bench.training_parameters() to them, for --set",
        )
    subject.instance()


@Check
def params_json(subject: Subject) -> None:
    """Every preset's parameters come back from JSON, and from the command line, as they were."""
    spec = subject.spec
    for preset in (None, *spec.presets):
        params = spec.resolve(preset, {})
        for name, value in params.items():
            require(
                _is_plain(value),
                f"{name}={value!r} is of type {_type_of(value)}; give a plain bool, int, float, str or tuple of int",
            )
        stored = json.loads(json.dumps(params, allow_nan=False))
        typed = {name: value_text(value) for name, value in params.items()}
        for way, again in (("JSON", spec.resolve(preset, stored)), ("the command line", spec.resolve(preset, typed))):
            for name, value in params.items():
                require(again[name] == value, f"{name}={value!r} comes back from {way} as {again[name]!r}")


def _plugin_of(spec: MethodSpec) -> tuple[EntryPoint, list[str]] | None:
    """Return the entry point of the plugin that offers a method, and the names of all others."""
    points, _ = find_entry_points(ENTRY_POINT_GROUP)
    package = spec.target.partition(":")[0].partition(".")[0]
    for point in sorted(points, key=lambda point: point.value.partition(":")[0].partition(".")[0] != package):
        others = [other.name for other in points if normalise_name(other.name) != normalise_name(point.name)]
        if load_catalogue(blocked=others).methods.get(spec.name) == spec:
            return point, others
    return None


@lru_cache(maxsize=16)
def _load_alone(module: str, others: tuple[str, ...], path: tuple[str, ...]) -> dict[str, list[str]]:
    """Load one plugin in a new interpreter, once for all its methods, and return what came of it."""
    given = json.dumps({"path": path, "others": others})
    command = [sys.executable, "-c", _LOAD]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=_TIMEOUT_S)
    require(not done.returncode, f"a new interpreter cannot load {module}: {_last_line(done.stderr)}")
    said: dict[str, list[str]] = json.loads(_last_line(done.stdout))
    return said


def _is_plain(value: ParameterValue) -> bool:
    """Say whether a value is what it seems: a numpy float is a float too, until it is read back from a store."""
    if type(value) is tuple:
        return all(type(item) is int for item in value)
    return type(value) in (bool, int, float, str)


def _type_of(value: ParameterValue) -> str:
    if type(value) is tuple:
        return f"tuple of {', '.join(sorted({type(item).__name__ for item in value}))}"
    return f"{type(value).__module__}.{type(value).__name__}"


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it says nothing"])[-1]


@Check
def parameters_read(subject: Subject) -> None:
    """Reads each of its parameters, and its network uses what it is handed."""
    _ = subject.usable
    cure = "use it, or take it out of the spec: with another value, the same scores would be another row"
    unread = ", ".join(_unread(subject))
    require(not unread, f"the method never reads {unread}; {cure}")
    ignored = ", ".join(_ignored(subject))
    require(not ignored, f"the network's constructor takes {ignored} and does nothing with it; {cure}")


def _unread(subject: Subject) -> list[str]:
    """Return the parameters that nothing reads, with the values that are checked or with another one's changed."""
    spec = subject.spec
    # What shapes the representation is read by mer-bench.
    left = [parameter.name for parameter in spec.parameters if parameter.name not in spec.representation.parameters]
    for params in chain([subject.params], _neighbours(spec, subject.params)):
        read = subject.reads(params)
        left = [name for name in left if name not in read]
        if not left:
            break
    return left


def _neighbours(spec: MethodSpec, params: Mapping[str, ParameterValue]) -> Iterator[Mapping[str, ParameterValue]]:
    """Yield parameters that differ from some in one value, and fit each other."""
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
    """Return the parameters that a network's constructor is handed under their names, and never looks at."""
    method = subject.instance()
    if isinstance(method, Method):
        return []
    with isolated(SEED):
        network = type(method.build_network())
        constructor = network.__init__
        handed: set[str] = set()

        def noting(self: Any, *args: Any, **named: Any) -> None:
            bound = inspect.signature(constructor).bind(self, *args, **named)
            handed.update(bound.arguments, named)
            constructor(self, *args, **named)

        with mock.patch.object(network, "__init__", noting):
            method.build_network()
    return [name for name in method.network_params() if name in handed and not _looks_at(constructor, name)]


def _looks_at(function: Callable[..., None], name: str) -> bool:
    """Say whether a function loads what it takes under a name, be it one of its own or in its ``**rest``."""
    if not inspect.isfunction(function):
        return True  # it is not written in Python, and cannot be looked into
    takes = inspect.getfullargspec(function)
    holder = name if name in (*takes.args, *takes.kwonlyargs) else takes.varkw
    if holder is None:
        return True  # it takes no such thing
    loaded: set[object] = set()
    for found in dis.get_instructions(function):
        if "LOAD" in found.opname and found.opname != "LOAD_CONST":
            # From Python 3.13 on, one instruction may load two names.
            loaded |= set(found.argval) if isinstance(found.argval, tuple) else {found.argval}
    return holder in loaded or "locals" in loaded
