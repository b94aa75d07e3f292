"""The plugin loader: what is installed, what it offers, and why a plugin could not be used.

A broken plugin never breaks the command line: whatever goes wrong while it is loaded is kept in its `PluginRecord`.
Environment variables: ``MER_BENCH_BLOCK_PLUGINS=name,name`` leaves plugins out before any of their code runs, and
``MER_BENCH_STRICT_PLUGINS=1`` raises the first failure as it is, for authors.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from importlib import import_module
from importlib.metadata import EntryPoint
from typing import TypeVar

import pluggy

from mer_bench import hookspecs
from mer_bench.entry_points import Damaged, check_entry_point, find_entry_points, origin
from mer_bench.errors import MerBenchError, did_you_mean, reason_of
from mer_bench.foreign import ForeignError, foreign_code, origin_of, strict, trace_of
from mer_bench.hookspecs import ENTRY_POINT_GROUP, PROJECT
from mer_bench.names import normalise_name
from mer_bench.specs import DatabaseSpec, MethodSpec, ProtocolSpec

BLOCK_VARIABLE = "MER_BENCH_BLOCK_PLUGINS"

_HOME_DISTRIBUTION = "mer-bench"

_Spec = MethodSpec | DatabaseSpec | ProtocolSpec
_SpecT = TypeVar("_SpecT", bound=_Spec)
_Key = tuple[str, str]

_HOOKS: dict[str, tuple[str, type[_Spec]]] = {
    "mer_bench_methods": ("method", MethodSpec),
    "mer_bench_databases": ("database", DatabaseSpec),
    "mer_bench_protocols": ("protocol", ProtocolSpec),
}


class PluginStatus(str, Enum):
    """How a plugin fared."""

    OK = "ok"
    """All that it offers is used."""

    BLOCKED = "blocked"
    """Left out on request; none of its code ran."""

    FAILED = "failed"
    """Something in it is wrong; none of its offers is used."""

    SHADOWED = "shadowed"
    """Another plugin keeps one of its names; its other offers are used."""

    __str__ = str.__str__


_ABSENT = {PluginStatus.BLOCKED: "is blocked", PluginStatus.FAILED: "failed"}


@dataclass(frozen=True)
class PluginRecord:
    """One installed plugin: its entry-point name, who brought it, and how it fared.

    ``reason`` is one line, empty for a plugin that is ok; ``traceback`` is there for a plugin that failed.
    """

    name: str
    distribution: str
    version: str
    status: PluginStatus
    reason: str = ""
    traceback: str = ""


@dataclass(frozen=True)
class Catalogue:
    """What is installed: every spec by name, each mapping sorted by name.

    ``records`` has one entry a plugin, whatever its status; ``owners`` maps ``("method", "ahmsa")`` to the name of
    the distribution that offers it.
    """

    methods: Mapping[str, MethodSpec]
    databases: Mapping[str, DatabaseSpec]
    protocols: Mapping[str, ProtocolSpec]
    records: tuple[PluginRecord, ...]
    owners: Mapping[_Key, str]

    def method(self, name: str) -> MethodSpec:
        """Return a method's spec; underscores are taken as hyphens.

        Raises
        ------
        MerBenchError
            No such method: the message names those there are, and any plugin that is blocked or failed.
        """
        return self._find("method", name, self.methods)

    def named_methods(self, names: Iterable[str]) -> list[MethodSpec]:
        """Return the specs of methods in the order in which they are named, each once; raises as `method` does."""
        specs = [self.method(name) for name in dict.fromkeys(map(normalise_name, names))]
        if not specs:
            raise MerBenchError("no method named; `mer-bench list methods` shows what is installed")
        return specs

    def database(self, name: str) -> DatabaseSpec:
        """Return a database's spec, as `method` does a method's."""
        return self._find("database", name, self.databases)

    def protocol(self, name: str) -> ProtocolSpec:
        """Return a protocol's spec, as `method` does a method's."""
        return self._find("protocol", name, self.protocols)

    def _find(self, kind: str, name: str, known: Mapping[str, _SpecT]) -> _SpecT:
        wanted = normalise_name(name)
        if wanted in known:
            return known[wanted]
        absences = self.absences(wanted)
        parts = [
            f"unknown {kind} {name!r}{did_you_mean(wanted, known)}",
            *absences[:-1],
            f"known: {', '.join(known) or 'none'}",
            *absences[-1:],
        ]
        raise MerBenchError("; ".join(parts))

    def absences(self, wanted: str) -> list[str]:
        """Return, for an error message, a clause for each plugin that is blocked or failed, and where to read more.

        Those whose names look like ``wanted`` come first; the list is empty where every plugin works.
        """
        absent = [record for record in self.records if record.status in _ABSENT]
        absent.sort(key=lambda record: not did_you_mean(wanted, [normalise_name(record.name)]))
        clauses = [
            f"plugin {record.name!r} of {f'{record.distribution} {record.version}'.strip()} {_ABSENT[record.status]}: "
            f"{record.reason}"
            for record in absent
        ]
        return [*clauses, "see 'mer-bench plugins'"] if clauses else []


def load_catalogue(*, blocked: Collection[str] = ()) -> Catalogue:
    """Load every installed plugin and return what they offer.

    Where two plugins offer one name, the distribution ``mer-bench`` keeps it, else the first by distribution and
    entry-point name. A plugin without any hook fails; hooks that return nothing are fine (a plugin may offer its
    methods only where some library is there).

    Parameters
    ----------
    blocked : collection of str
        Entry-point names to leave out, besides those in ``MER_BENCH_BLOCK_PLUGINS``.

    Raises
    ------
    Exception
        Only under ``MER_BENCH_STRICT_PLUGINS=1``: the first plugin's failure, as it was raised.
    """
    refused = {normalise_name(name): "blocked by the caller" for name in blocked}
    for name in os.environ.get(BLOCK_VARIABLE, "").split(","):
        refused[normalise_name(name)] = f"named in {BLOCK_VARIABLE}"
    loaded: dict[str, object] = {}
    found, damaged = find_entry_points(ENTRY_POINT_GROUP)
    with _contained():
        plugins = [_load(loaded, point, refused.get(normalise_name(point.name))) for point in found]
    return _merge([*plugins, *map(_unread, damaged)])


def load_target(target: str) -> type:
    """Import the class that a spec's ``target`` names.

    Parameters
    ----------
    target : str
        ``"package.module:ClassName"``.

    Raises
    ------
    MerBenchError
        The module cannot be imported, or has no such class. The original error is the ``__cause__``.
    """
    module_name, _, class_name = target.partition(":")
    cure = "install what it needs, or correct the target in the plugin's spec"
    with _contained(), foreign_code(f"target {target!r}", f"the import of module {module_name!r}", cure):
        module = import_module(module_name)
        # A module may import what it offers when it is asked for it.
        found = getattr(module, class_name, None)
    if found is None:
        hint = did_you_mean(class_name, dir(module))
        raise MerBenchError(f"target {target!r}: module {module_name!r} has no class {class_name!r}{hint}")
    if not isinstance(found, type):
        raise MerBenchError(f"target {target!r} is of type {type(found).__name__}; it must name a class")
    return found


@dataclass(frozen=True)
class _Plugin:
    record: PluginRecord
    specs: Mapping[_Key, _Spec] = field(default_factory=dict)


@contextmanager
def _contained() -> Iterator[None]:
    """Let none of a plugin's warnings stop the loading."""
    with warnings.catch_warnings():
        if any(action == "error" for action, *_ in warnings.filters):
            warnings.simplefilter("default")
        yield


def _load(loaded: dict[str, object], point: EntryPoint, refusal: str | None) -> _Plugin:
    distribution, version = origin(point.dist)
    record = PluginRecord(point.name, distribution, version, PluginStatus.OK)
    if refusal is not None:
        return _Plugin(replace(record, status=PluginStatus.BLOCKED, reason=refusal))
    owner = f"plugin {point.name}"
    try:
        with foreign_code(owner, "its loading"):
            check_entry_point(point)
            plugin, name = point.load(), f"{distribution}:{point.name}"
            specs = _read_specs(loaded, plugin, name)
            loaded[name] = plugin
            return _Plugin(record, specs)
    except MerBenchError as error:
        if strict():
            raise
        # A fence further in, around a spec's `validate` say, has told more than what was raised.
        own = isinstance(error, ForeignError) and error.owner == owner
        return _failed(record, origin_of(error) if own else error)


def _unread(damaged: Damaged) -> _Plugin:
    if strict():
        raise damaged.error
    return _failed(PluginRecord(damaged.name, damaged.name, damaged.version, PluginStatus.FAILED), damaged.error)


def _failed(record: PluginRecord, error: BaseException) -> _Plugin:
    return _Plugin(replace(record, status=PluginStatus.FAILED, reason=reason_of(error), traceback=trace_of(error)))


def _read_specs(loaded: Mapping[str, object], plugin: object, name: str) -> dict[_Key, _Spec]:
    # A manager for each: one plugin's exception would hide the answers of all the others in a shared call.
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    _check_hooks(manager, plugin)
    for other, known in loaded.items():
        if plugin is known:
            raise MerBenchError(f"is the same object as plugin {other!r}; remove one entry point")
    manager.register(plugin, name=name)
    return _call_hooks(manager)


def _check_hooks(manager: pluggy.PluginManager, plugin: object) -> None:
    """Refuse what pluggy would pass over in silence: misspelt hooks, unmarked ones, or none at all."""
    implemented = False
    for name in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, name)
        if options is None:
            if not name.startswith(f"{PROJECT}_") or not callable(getattr(plugin, name)):
                continue
            if name in _HOOKS:
                raise MerBenchError(f"hook {name!r} is not a function marked with mer_bench.hookimpl")
        hook = name if options is None else options.get("specname") or name
        if hook not in _HOOKS:
            raise MerBenchError(f"unknown hook {hook!r}{did_you_mean(hook, _HOOKS)}")
        implemented = True
    if not implemented:
        raise MerBenchError("registers nothing: mark its functions with mer_bench.hookimpl")


def _call_hooks(manager: pluggy.PluginManager) -> dict[_Key, _Spec]:
    # Not through the relay: it drops None, so that a forgotten ``return`` would pass unseen.
    specs: dict[_Key, _Spec] = {}
    for hook, (kind, wanted) in _HOOKS.items():
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            if implementation.hookwrapper or implementation.wrapper:
                raise MerBenchError(f"hook {hook!r} is a wrapper; it must return {wanted.__name__} objects")
            for spec in _checked(hook, implementation.function(), wanted):
                if (kind, spec.name) in specs:
                    raise MerBenchError(f"offers two {kind}s named {spec.name!r}; rename one of them")
                specs[kind, spec.name] = spec
    return specs


def _checked(hook: str, answer: object, wanted: type[_Spec]) -> Iterator[_Spec]:
    if not isinstance(answer, Iterable):
        raise MerBenchError(f"hook {hook!r} returned {_kind_of(answer)}, not a tuple of {wanted.__name__} objects")
    for spec in answer:
        if not isinstance(spec, wanted):
            raise MerBenchError(f"hook {hook!r} returned {_kind_of(spec)} where a {wanted.__name__} is wanted")
        yield spec


def _kind_of(value: object) -> str:
    return "None" if value is None else f"an object of type {type(value).__name__}"


def _merge(plugins: list[_Plugin]) -> Catalogue:
    """Give every name to one plugin, whatever the order in which they were found."""
    keepers: dict[_Key, _Plugin] = {}
    records = []
    for plugin in sorted(plugins, key=_rank):
        losses = [_loss(key, plugin, keepers[key]) for key in sorted(plugin.specs) if key in keepers]
        keepers.update({key: plugin for key in plugin.specs if key not in keepers})
        record = plugin.record
        records.append(replace(record, status=PluginStatus.SHADOWED, reason="; ".join(losses)) if losses else record)
    chosen = [(key, keepers[key].specs[key]) for key in sorted(keepers)]
    return Catalogue(
        methods={name: spec for (_, name), spec in chosen if isinstance(spec, MethodSpec)},
        databases={name: spec for (_, name), spec in chosen if isinstance(spec, DatabaseSpec)},
        protocols={name: spec for (_, name), spec in chosen if isinstance(spec, ProtocolSpec)},
        records=tuple(sorted(records, key=lambda record: (record.name, record.distribution))),
        owners={key: keepers[key].record.distribution for key in sorted(keepers)},
    )


def _rank(plugin: _Plugin) -> tuple[bool, str, str]:
    distribution = normalise_name(plugin.record.distribution)
    return distribution != _HOME_DISTRIBUTION, distribution, plugin.record.name


def _loss(key: _Key, loser: _Plugin, keeper: _Plugin) -> str:
    return (
        f"{key[0]} {key[1]!r} of {loser.record.distribution} gives way to the one of {keeper.record.distribution} "
        f"(plugin {keeper.record.name!r})"
    )
