"""What mer-bench's own modules hold: what a plugin replaces there while it is loaded is found, and put back."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from importlib.machinery import ModuleSpec
from operator import attrgetter, is_
from types import CellType, FunctionType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from mer_bench.errors import MerBenchError

_PACKAGES = ("mer_bench", "mer_bench_reports")
_ADDED = ("__annotations__", "__warningregistry__", "__msgspec_cache__")
"""What Python and msgspec may add to a class or a module at any time."""
_PARTS = ("__code__", "__defaults__", "__kwdefaults__")
_CONTAINERS = (dict, list, set)
_NAMED = 3
_REFUSED: WeakKeyDictionary[ModuleType, str] = WeakKeyDictionary()
"""Modules that have changed something, and what is said of it: Python does not execute a module again to see it."""


@dataclass
class _Record:
    """A module as it was right after its import: it and its classes, with what each holds, and all their functions."""

    module: ModuleType
    holders: list[tuple[str, Any, dict[str, object]]] = field(default_factory=list)
    functions: list[tuple[str, FunctionType]] = field(default_factory=list)
    parts: dict[str, Sequence[object]] = field(default_factory=dict)
    cells: list[tuple[str, CellType, object]] = field(default_factory=list)
    """Of the functions' closures, with what each holds."""
    containers: dict[int, tuple[str, Any, Any]] = field(default_factory=dict)
    """Dictionaries, lists and sets in all of these, each with a copy."""
    gained: list[tuple[dict[str, object], dict[str, object]]] = field(default_factory=list)

    @classmethod
    def of(cls, module: ModuleType) -> _Record:
        record = cls(module)
        record._add(module.__name__, module, module.__name__)
        record.parts = {part: record._now(part) for part in _PARTS}
        return record

    def changed(self) -> list[str]:
        """Return the names of what is not as it was."""
        names = [] if sys.modules.get(self.module.__name__) is self.module else [self.module.__name__]
        for name, holder, held in self.holders:
            now = vars(holder)
            # Quick, because nearly always nothing has changed.
            if now.keys() == held.keys() and all(map(is_, now.values(), held.values())):
                continue
            # A package gets its modules as attributes when they are imported, and public names at their first use.
            gained = {key: value for key, value in now.items() if key not in held and _is_own(name, key, value)}
            self.gained.append((held, gained))
            names += [f"{name}.{key}" for key in {**held, **now} if key not in gained and _differs(key, held, now)]
        for part, before in self.parts.items():
            after = self._now(part)
            if not all(map(is_, after, before)):
                names += [
                    name for (name, _), new, old in zip(self.functions, after, before, strict=True) if new is not old
                ]
        names += [name for name, cell, content in self.cells if _content(cell) is not content]
        names += [name for name, container, copy in self.containers.values() if not _is_same(container, copy)]
        return list(dict.fromkeys(names))

    def settle(self) -> None:
        """Take what a package has got of its own for what it holds."""
        for held, gained in self.gained:
            held |= gained
        self.gained.clear()

    def restore(self) -> None:
        """Put back all that is not as it was."""
        self.gained.clear()
        sys.modules[self.module.__name__] = self.module
        for _, holder, held in self.holders:
            for key in [key for key in {**held, **vars(holder)} if _differs(key, held, vars(holder))]:
                with suppress(AttributeError, TypeError):
                    if key in held:
                        setattr(holder, key, held[key])
                    else:
                        delattr(holder, key)
        for part, values in self.parts.items():
            for (_, function), value in zip(self.functions, values, strict=True):
                setattr(function, part, value)
        for _, cell, content in self.cells:
            cell.cell_contents = content
        for _, container, copy in self.containers.values():
            container.clear()
            (container.extend if isinstance(container, list) else container.update)(copy)

    def _now(self, part: str) -> list[object]:
        return [*map(attrgetter(part), (function for _, function in self.functions))]

    def _add(self, name: str, holder: Any, module: str) -> None:
        held = dict(vars(holder))
        self.holders.append((name, holder, held))
        for key, value in held.items():
            if isinstance(value, type):
                # A class that is only imported belongs to another module; an inner one to this class.
                if value.__module__ == module and value.__qualname__ == f"{name}.{key}".removeprefix(f"{module}."):
                    self._add(f"{name}.{key}", value, module)
                continue
            if not key.startswith("__"):
                self._add_containers(f"{name}.{key}", (value,))
            for function in _functions(value):
                if function.__module__ == module:
                    self._add_function(f"{name}.{key}", function)
        if isinstance(holder, type) and issubclass(holder, Enum):
            self.holders += [(f"{name}.{member.name}", member, dict(vars(member))) for member in holder]

    def _add_function(self, name: str, function: FunctionType) -> None:
        self.functions.append((name, function))
        cells = [(name, cell, _content(cell)) for cell in function.__closure__ or () if _content(cell) is not CellType]
        self.cells += cells
        self._add_containers(name, (function.__defaults__, function.__kwdefaults__, *(held for *_, held in cells)))

    def _add_containers(self, name: str, values: Iterable[object]) -> None:
        for value in values:
            if isinstance(value, tuple):
                self._add_containers(name, value)
            elif type(value) in _CONTAINERS and id(value) not in self.containers:
                container: Any = value
                self.containers[id(value)] = name, container, container.copy()
                self._add_containers(name, container.values() if isinstance(container, dict) else container)


class OwnCode:
    """The modules of mer-bench that are imported, each as it was when it was."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in _PACKAGES:
                self._records[name] = _Record.of(module)

    @contextmanager
    def unchanged(self, module: str) -> Iterator[None]:
        """Put back what code of others changes.

        Parameters
        ----------
        module : str
            The name of theirs that is imported inside.

        Raises
        ------
        MerBenchError
            It has changed something, now or when it was imported before.
        """
        _check_refused(module)
        known = set(self._records)
        sys.meta_path.insert(0, self)
        try:
            yield
        except KeyboardInterrupt:
            self._put_back(known)
            raise
        except BaseException as error:
            _refuse(module, self._put_back(known), error)
            raise
        _refuse(module, self._put_back(known))

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        """Find a module of mer-bench as Python does, and keep what it holds when it has been imported."""
        if name.partition(".")[0] not in _PACKAGES:
            return None
        # An editable install has a finder of its own.
        others = [finder.find_spec for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec")]
        spec = next((spec for find in others if (spec := find(name, path, target)) is not None), None)
        if spec is not None and spec.loader is not None:
            self._record_at_the_end(spec)
        return spec

    def _record_at_the_end(self, spec: ModuleSpec) -> None:
        loader: Any = spec.loader
        execute = loader.exec_module

        @functools.wraps(execute)
        def exec_module(module: ModuleType) -> None:
            del loader.exec_module
            execute(module)
            self._records[spec.name] = _Record.of(module)

        loader.exec_module = exec_module

    def _put_back(self, known: set[str]) -> list[str]:
        """Put back all that was changed since these modules were known, and return its names."""
        with suppress(ValueError):
            sys.meta_path.remove(self)
        changed = [name for record in self._records.values() for name in record.changed()]
        if changed:
            # What was imported meanwhile may have been made of what was changed: it is imported again.
            for name in self._records.keys() - known:
                del self._records[name]
                sys.modules.pop(name, None)
                package, _, key = name.rpartition(".")
                vars(sys.modules.get(package, sys)).pop(key, None)
            for record in self._records.values():
                record.restore()
        for record in self._records.values():
            record.settle()
        return changed


@contextmanager
def unchanged_by_import(module: str) -> Iterator[None]:
    """Import a module of others inside; put back what it changes.

    Raises
    ------
    MerBenchError
        It has changed something, now or when it was imported before.
    """
    if module in sys.modules:
        _check_refused(module)
        yield
    else:
        with OwnCode().unchanged(module):
            yield


def _check_refused(module: str) -> None:
    if module in sys.modules and (text := _REFUSED.get(sys.modules[module])):
        raise MerBenchError(text)


def _refuse(module: str, changed: Sequence[str], error: BaseException | None = None) -> None:
    if changed:
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        text = (
            f"it changes {', '.join(changed[:_NAMED])}{more} of mer-bench itself, and with it the results of every "
            "method; that was put back, and nothing of this plugin is used; uninstall it, or have its author do without"
        )
        if module in sys.modules:
            _REFUSED[sys.modules[module]] = text
        raise MerBenchError(text) from error


def _differs(key: str, held: dict[str, object], now: Any) -> bool:
    if key in held and key in now:
        return held[key] is not now[key]
    return key not in _ADDED


def _content(cell: CellType) -> object:
    """Return what a cell holds; a name for nothing."""
    try:
        return cell.cell_contents
    except ValueError:
        return CellType


def _is_same(now: Any, copy: Any) -> bool:
    if isinstance(now, set):
        return bool(now == copy)
    held = (now.values(), copy.values()) if isinstance(now, dict) else (now, copy)
    return len(now) == len(copy) and all(map(is_, now, copy)) and all(map(is_, *held))


def _is_own(package: str, key: str, value: object) -> bool:
    """Return whether what a package has got is one of its modules, or what one of them holds by that name."""
    if value is sys.modules.get(f"{package}.{key}"):
        return True
    inside = [module for name, module in list(sys.modules.items()) if name.startswith(f"{package}.")]
    return any(vars(module).get(key) is value for module in inside)


def _functions(value: object) -> Iterator[FunctionType]:
    """Yield the functions behind what a class or a module holds: a method, a property, or what a decorator wraps."""
    for each in (value, *(getattr(value, name, None) for name in ("__func__", "fget", "func", "__wrapped__"))):
        if isinstance(each, FunctionType):
            yield each
