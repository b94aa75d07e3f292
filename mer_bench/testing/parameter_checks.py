"""Whether a method uses each parameter that its spec offers."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import chain

from mer_bench.errors import MerBenchError
from mer_bench.evaluation.isolation import isolated
from mer_bench.methods.instances import make_instance
from mer_bench.methods.method import Method
from mer_bench.methods.training_config import TRAINING_NAMES
from mer_bench.specs import MethodSpec, Parameter, ParameterValue
from mer_bench.testing.check import check
from mer_bench.testing.contract import require
from mer_bench.testing.subject import SEED, Subject

_NUMBERS = (0, 1, 2, 0.5)
"""Tried for a number: 0 often turns something off, and with it what another number is for."""


@check
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
    """Return the parameters that a network's constructor takes, and never looks at."""
    with isolated(SEED):
        method = make_instance(subject.setting())
        if isinstance(method, Method):
            return []
        constructor = type(method.build_network()).__init__
    return [name for name in method.network_params() if not _looks_at(constructor, name)]


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
