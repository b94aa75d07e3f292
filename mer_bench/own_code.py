"""What mer-bench's own modules hold: what a plugin replaces there while it is loaded is found, and put back."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from operator import attrgetter, is_
from types import FunctionType, ModuleType
from typing import Any

from mer_bench.errors import MerBenchError

_PACKAGES = ("mer_bench", "mer_bench_reports")
_OF_PYTHON = ("__annotations__", "__warningregistry__")
"""What Python itself may add to a class or a module at any time."""
_PARTS = ("__code__", "__defaults__", "__kwdefaults__")
_NAMED = 3


@dataclass
class _Record:
    """A module as it was right after its import: it and its classes, with what each holds, and all their functions."""

    module: ModuleType
    holders: list[tuple[str, Any, dict[str, object]]] = field(default_factory=list)
    functions: dict[str, FunctionType] = field(default_factory=dict)
    parts: dict[str, Sequence[object]] = field(default_factory=dict)
    gained: list[tuple[dict[str, object], dict[str, object]]] = field(default_factory=list)

    @classmethod
    def of(cls, module: ModuleType) -> _Record:
        record = cls(module)
        record._add(module.__name__, module, module.__name__)
        functions = record.functions.values()
        record.parts = {part: list(map(attrgetter(part), functions)) for part in _PARTS}
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
        functions = self.functions.values()
        if not all(all(map(is_, map(attrgetter(part), functions), self.parts[part])) for part in _PARTS):
            names += [name for i, name in enumerate(self.functions) if not self._is_whole(i, name)]
        return names

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
            for function, value in zip(self.functions.values(), values, strict=True):
                setattr(function, part, value)

    def _add(self, name: str, holder: Any, module: str) -> None:
        held = dict(vars(holder))
        self.holders.append((name, holder, held))
        for key, value in held.items():
            if isinstance(value, type):
                # A class that is only imported belongs to another module; an inner one to this class.
                if value.__module__ == module and value.__qualname__ == f"{name}.{key}".removeprefix(f"{module}."):
                    self._add(f"{name}.{key}", value, module)
                continue
            for function in _functions(value):
                if function.__module__ == module:
                    self.functions.setdefault(f"{name}.{key}", function)

    def _is_whole(self, number: int, name: str) -> bool:
        return all(getattr(self.functions[name], part) is self.parts[part][number] for part in _PARTS)


class OwnCode:
    """The modules of mer-bench that are imported, each as it was when it was."""

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in _PACKAGES:
                self._records[name] = _Record.of(module)

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Put back what code of others changes.

        Raises
        ------
        MerBenchError
            It has changed something.
        """
        known = set(self._records)
        sys.meta_path.insert(0, self)
        try:
            yield
        except KeyboardInterrupt:
            self._put_back(known)
            raise
        except BaseException as error:
            _refuse(self._put_back(known), error)
            raise
        _refuse(self._put_back(known))

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        """Find a module of mer-bench as Python does, and keep what it holds when it has been imported."""
        if name.partition(".")[0] not in _PACKAGES:
            return None
        spec = PathFinder.find_spec(name, path, target)
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


def _refuse(changed: Sequence[str], error: BaseException | None = None) -> None:
    if changed:
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        raise MerBenchError(
            f"it changes {', '.join(changed[:_NAMED])}{more} of mer-bench itself, and with it the results of every "
            "method; that was put back, and nothing of this plugin is used; uninstall it, or have its author do without"
        ) from error


def _differs(key: str, held: dict[str, object], now: Any) -> bool:
    if key in held and key in now:
        return held[key] is not now[key]
    return key not in _OF_PYTHON


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
