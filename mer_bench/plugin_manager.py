"""The plugin loader: which plugins are installed, what each provides, and why one could not be used.

A broken plugin never breaks the command line: an error while it is loaded is kept in its `PluginRecord`.
Environment variables: ``MER_BENCH_BLOCK_PLUGINS=name,name`` skips plugins before any of their code runs, and
``MER_BENCH_STRICT_PLUGINS=1`` raises the first plugin error unchanged, for authors.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TypeVar

import pluggy

from mer_bench import hookspecs
from mer_bench.entry_points import Damaged, check_entry_point, find_entry_points, origin
from mer_bench.errors import MerBenchError, did_you_mean, reason_of
from mer_bench.foreign import ForeignError, foreign_code, origin_of, strict, trace_of
from mer_bench.hookspecs import ENTRY_POINT_GROUP, PROJECT
from mer_bench.loading import Loading
from mer_bench.names import normalise_name
from mer_bench.own_code import unchanged_by_import
from mer_bench.specs import AblationSpec, DatabaseSpec, ExecutorSpec, MethodSpec, ProtocolSpec, TrackerSpec

BLOCK_VARIABLE = "MER_BENCH_BLOCK_PLUGINS"

_HOME_DISTRIBUTION = "mer-bench"

_Spec = MethodSpec | DatabaseSpec | ProtocolSpec | AblationSpec | ExecutorSpec | TrackerSpec
_SpecT = TypeVar("_SpecT", bound=_Spec)
_Key = tuple[str, str]

_HOOKS: dict[str, type[_Spec]] = {
    "mer_bench_methods": MethodSpec,
    "mer_bench_databases": DatabaseSpec,
    "mer_bench_protocols": ProtocolSpec,
    "mer_bench_ablations": AblationSpec,
    "mer_bench_executors": ExecutorSpec,
    "mer_bench_trackers": TrackerSpec,
}


class PluginStatus(str, Enum):
    """The state of an installed plugin after loading."""

    OK = "ok"
    """Everything that it provides is used."""

    BLOCKED = "blocked"
    """Skipped on request; none of its code ran."""

    FAILED = "failed"
    """It has an error; nothing that it provides is used."""

    SHADOWED = "shadowed"
    """Another plugin provides one of its names, and that one is used; the rest of this plugin is used."""

    __str__ = str.__str__


_ABSENT = {PluginStatus.BLOCKED: "is blocked", PluginStatus.FAILED: "failed"}


@dataclass(frozen=True)
class PluginRecord:
    """One installed plugin: its entry-point name, its distribution, and its state.

    ``reason`` is one line, empty where the status is ok; ``traceback`` is empty unless the plugin failed.
    """

    name: str
    distribution: str
    version: str
    status: PluginStatus
    reason: str = ""
    traceback: str = ""


@dataclass(frozen=True)
class Catalogue:
    """Everything that the installed plugins provide: specs by name, each mapping sorted by name.

    ``records`` has one entry per plugin, whatever its status. ``owners`` maps ``("method", "ahmsa")`` to the name of
    the distribution that provides it.
    """

    methods: Mapping[str, MethodSpec]
    databases: Mapping[str, DatabaseSpec]
    protocols: Mapping[str, ProtocolSpec]
    ablations: Mapping[str, AblationSpec]
    executors: Mapping[str, ExecutorSpec]
    trackers: Mapping[str, TrackerSpec]
    records: tuple[PluginRecord, ...]
    owners: Mapping[_Key, str]

    def method(self, name: str) -> MethodSpec:
        """Return a method's spec; underscores in the name count as hyphens.

        Raises
        ------
        MerBenchError
            There is no such method. The message lists the known ones and the plugins that are blocked or failed.
        """
        return self._find("method", name, self.methods)

    def named_methods(self, names: Iterable[str]) -> list[MethodSpec]:
        """Return the specs of the named methods in that order, each once. Raises what `method` raises."""
        specs = [self.method(name) for name in dict.fromkeys(map(normalise_name, names))]
        if not specs:
            raise MerBenchError("no method named; `mer-bench list methods` shows the installed ones")
        return specs

    def database(self, name: str) -> DatabaseSpec:
        """Return a database's spec. Raises what `method` raises."""
        return self._find("database", name, self.databases)

    def protocol(self, name: str) -> ProtocolSpec:
        """Return a protocol's spec. Raises what `method` raises."""
        return self._find("protocol", name, self.protocols)

    def executor(self, name: str) -> ExecutorSpec:
        """Return an executor's spec. Raises what `method` raises."""
        return self._find("executor", name, self.executors)

    def tracker(self, name: str) -> TrackerSpec:
        """Return a tracker's spec. Raises what `method` raises."""
        return self._find("tracker", name, self.trackers)

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
        """Return the clauses of an error message that name each blocked or failed plugin, and where to read more.

        Plugins with a name similar to ``wanted`` come first. The list is empty where every plugin works.
        """
        absent = [record for record in self.records if record.status in _ABSENT]
        absent.sort(key=lambda record: not did_you_mean(wanted, [normalise_name(record.name)]))
        clauses = [
            f"plugin {record.name!r} of {f'{record.distribution} {record.version}'.strip()} {_ABSENT[record.status]}: "
            f"{record.reason}"
            for record in absent
        ]
        return [*clauses, "see `mer-bench plugins`"] if clauses else []


def load_catalogue(*, blocked: Collection[str] = ()) -> Catalogue:
    """Load every installed plugin and return what they provide.

    Where two plugins provide the same name, that of the distribution ``mer-bench`` is used, else the first by
    distribution and entry-point name. A plugin that implements no hook fails; a hook may return nothing (a plugin may
    provide its methods only where some library is installed).

    Parameters
    ----------
    blocked : collection of str
        Entry-point names to skip, besides those in ``MER_BENCH_BLOCK_PLUGINS``.

    Raises
    ------
    Exception
        Only with ``MER_BENCH_STRICT_PLUGINS=1``: the first plugin's error, unchanged.
    """
    reasons = {normalise_name(name): "blocked by the caller" for name in blocked}
    for name in os.environ.get(BLOCK_VARIABLE, "").split(","):
        reasons[normalise_name(name)] = f"named in {BLOCK_VARIABLE}"
    loaded: dict[str, object] = {}
    points, damaged = find_entry_points(ENTRY_POINT_GROUP)
    with _contained(), _process_restored(), Loading().watched() as loading:
        plugins = [_load(loaded, point, reasons.get(normalise_name(point.name)), loading) for point in points]
    return _merge([*plugins, *map(_unreadable, damaged)])


def load_target(target: str, *, here: bool = False) -> type:
    """Import the class that a spec's ``target`` names.

    Parameters
    ----------
    target : str
        ``"package.module:ClassName"``.
    here : bool, optional
        It works in the command's own process, where nothing may change mer-bench itself.

    Raises
    ------
    MerBenchError
        The module cannot be imported, has no such class, or changes mer-bench itself. The original error is the
        ``__cause__``.
    """
    module_name, _, class_name = target.partition(":")
    cure = "install what it needs, or correct the target in the plugin's spec"
    own_code = unchanged_by_import(module_name) if here else nullcontext()
    with _contained(), foreign_code(f"target {target!r}", f"the import of module {module_name!r}", cure), own_code:
        module = import_module(module_name)
        # Inside the fence too: a module may import a class only when it is asked for it.
        loaded = getattr(module, class_name, None)
    if loaded is None:
        hint = did_you_mean(class_name, dir(module))
        raise MerBenchError(f"target {target!r}: module {module_name!r} has no class {class_name!r}{hint}")
    if not isinstance(loaded, type):
        raise MerBenchError(f"target {target!r} is of type {type(loaded).__name__}; it must name a class")
    return loaded


@dataclass(frozen=True)
class _Plugin:
    record: PluginRecord
    specs: Mapping[_Key, _Spec] = field(default_factory=dict)


@contextmanager
def _contained() -> Iterator[None]:
    """Keep a warning in a plugin from becoming an error that stops its loading."""
    with warnings.catch_warnings():
        if any(action == "error" for action, *_ in warnings.filters):
            warnings.simplefilter("default")
        yield


@contextmanager
def _process_restored() -> Iterator[None]:
    """Restore the environment and the current folder: all that follows, for every method, depends on them."""
    environment, folder = dict(os.environ), os.open(os.curdir, os.O_PATH)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        os.fchdir(folder)
        os.close(folder)


def _load(loaded: dict[str, object], point: EntryPoint, block_reason: str | None, loading: Loading) -> _Plugin:
    distribution, version = origin(point.dist)
    record = PluginRecord(point.name, distribution, version, PluginStatus.OK)
    if block_reason is not None:
        return _Plugin(replace(record, status=PluginStatus.BLOCKED, reason=block_reason))
    owner = f"plugin {point.name}"
    described = f"plugin {point.name!r} of {f'{distribution} {version}'.strip()}"
    cure = f"{BLOCK_VARIABLE}={point.name} goes on without it"
    try:
        with foreign_code(owner, "loading it"), loading.of(described, cure, point.value.partition(":")[0].strip()):
            check_entry_point(point)
            plugin, name = point.load(), f"{distribution}:{point.name}"
            specs = _read_specs(loaded, plugin, name)
            loaded[name] = plugin
            return _Plugin(record, specs)
    except MerBenchError as error:
        if strict():
            raise
        # An inner fence, for example around a spec's `validate`, has a more exact message than the original error.
        own = isinstance(error, ForeignError) and error.owner == owner
        return _failed(record, origin_of(error) if own else error)


def _unreadable(damaged: Damaged) -> _Plugin:
    if strict():
        raise damaged.error
    return _failed(PluginRecord(damaged.name, damaged.name, damaged.version, PluginStatus.FAILED), damaged.error)


def _failed(record: PluginRecord, error: BaseException) -> _Plugin:
    return _Plugin(replace(record, status=PluginStatus.FAILED, reason=reason_of(error), traceback=trace_of(error)))


def _read_specs(loaded: Mapping[str, object], plugin: object, name: str) -> dict[_Key, _Spec]:
    # One manager per plugin: in a shared call, one plugin's exception would hide the results of all others.
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    _check_hooks(manager, plugin)
    for other, known in loaded.items():
        if plugin is known:
            raise MerBenchError(f"is the same object as plugin {other!r}; remove one of the two entry points")
    manager.register(plugin, name=name)
    return _call_hooks(manager)


def _check_hooks(manager: pluggy.PluginManager, plugin: object) -> None:
    """Refuse what pluggy would silently ignore: misspelt hooks, unmarked hooks, or no hook at all."""
    implemented = False
    for name in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, name)
        if options is None:
            if not name.startswith(f"{PROJECT}_") or not callable(getattr(plugin, name)):
                continue
            if name in _HOOKS:
                raise MerBenchError(f"hook {name!r} is not marked; decorate it with @mer_bench.hookimpl")
        hook = name if options is None else options.get("specname") or name
        if hook not in _HOOKS:
            raise MerBenchError(f"unknown hook {hook!r}{did_you_mean(hook, _HOOKS)}")
        implemented = True
    if not implemented:
        raise MerBenchError("implements no hook; decorate its hook functions with @mer_bench.hookimpl")


def _call_hooks(manager: pluggy.PluginManager) -> dict[_Key, _Spec]:
    # Not through `manager.hook`: it drops None, and would hide a forgotten ``return``.
    specs: dict[_Key, _Spec] = {}
    for hook, wanted in _HOOKS.items():
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            if implementation.hookwrapper or implementation.wrapper:
                raise MerBenchError(
                    f"hook {hook!r} is a hook wrapper; use a plain hook that returns {wanted.__name__} objects"
                )
            for spec in _checked(hook, implementation.function(), wanted):
                key = wanted.kind, spec.name
                if key in specs:
                    raise MerBenchError(f"provides two {wanted.kind}s named {spec.name!r}; rename one of them")
                specs[key] = spec
    return specs


def _checked(hook: str, returned: object, wanted: type[_Spec]) -> Iterator[_Spec]:
    if not isinstance(returned, Iterable):
        raise MerBenchError(
            f"hook {hook!r} returned {_kind_of(returned)}; it must return a tuple of {wanted.__name__} objects"
        )
    for spec in returned:
        if not isinstance(spec, wanted):
            raise MerBenchError(
                f"hook {hook!r} returned a collection with {_kind_of(spec)}; each item must be a {wanted.__name__}"
            )
        yield spec


def _kind_of(value: object) -> str:
    return "None" if value is None else f"an object of type {type(value).__name__}"


def _merge(plugins: list[_Plugin]) -> Catalogue:
    """Assign every name to one plugin, independent of the order of ``plugins``."""
    keepers: dict[_Key, _Plugin] = {}
    records = []
    for plugin in sorted(plugins, key=_rank):
        ignored = [_ignored(key, keepers[key]) for key in sorted(plugin.specs) if key in keepers]
        keepers.update({key: plugin for key in plugin.specs if key not in keepers})
        record = plugin.record
        records.append(replace(record, status=PluginStatus.SHADOWED, reason="; ".join(ignored)) if ignored else record)
    chosen = [(key, keepers[key].specs[key]) for key in sorted(keepers)]
    return Catalogue(
        methods={name: spec for (_, name), spec in chosen if isinstance(spec, MethodSpec)},
        databases={name: spec for (_, name), spec in chosen if isinstance(spec, DatabaseSpec)},
        protocols={name: spec for (_, name), spec in chosen if isinstance(spec, ProtocolSpec)},
        ablations={name: spec for (_, name), spec in chosen if isinstance(spec, AblationSpec)},
        executors={name: spec for (_, name), spec in chosen if isinstance(spec, ExecutorSpec)},
        trackers={name: spec for (_, name), spec in chosen if isinstance(spec, TrackerSpec)},
        records=tuple(sorted(records, key=lambda record: (record.name, record.distribution))),
        owners={key: keepers[key].record.distribution for key in sorted(keepers)},
    )


def _rank(plugin: _Plugin) -> tuple[bool, str, str]:
    distribution = normalise_name(plugin.record.distribution)
    return distribution != _HOME_DISTRIBUTION, distribution, plugin.record.name


def _ignored(key: _Key, keeper: _Plugin) -> str:
    kind, name = key
    return (
        f"its {kind} {name!r} is ignored: plugin {keeper.record.name!r} of {keeper.record.distribution} already "
        "provides that name"
    )


def code_digest(target: str) -> str:
    """Return the SHA-256 of a target's code: of the Python files of its top-level package, or of its module."""
    spec = None
    with suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(target.partition(":")[0].partition(".")[0])
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    origin = [Path(spec.origin)] if spec is not None and spec.origin is not None else []
    files = [file for folder in folders for file in sorted(Path(folder).rglob("*.py"))] or origin
    code = hashlib.sha256()
    for file in files:
        with suppress(OSError):  # a built-in module has no file
            code.update(hashlib.sha256(file.read_bytes()).digest())
    return code.hexdigest()
