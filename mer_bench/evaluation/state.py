"""What a method keeps outside its instances: in its modules, on its classes, and in what those hold.

A fold gets a new instance, so what is on the instance ends with the fold. A module-level dictionary, a class attribute,
a mutable default argument or a ``functools`` cache does not: the next fold in the same process finds what is in it,
such as a model that was trained on that fold's test subject.
"""

from __future__ import annotations

import functools
import hashlib
import pickle
import sys
import types
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from operator import itemgetter
from typing import Any

import numpy as np

State = Mapping[str, Mapping[str, str]]
"""For each module, the digests of its attributes and of those of its classes (``Net.cache``)."""

_MAX_DEPTH = 60
"""Objects that are nested deeper count by their type only."""
_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), range)
_CACHED = type(functools.lru_cache(lambda: None))
_NAMED = (type, types.ModuleType, types.BuiltinFunctionType, types.WrapperDescriptorType, types.MethodDescriptorType)
"""What counts by its name only."""


def read_state(target: str) -> State:
    """Return the state that a method can keep between folds, as digests that are the same in every process.

    It covers the modules of the target's own top-level package that are imported, the classes defined there, and the
    classes that the target inherits from, wherever they are. Containers, functions (defaults, closures) and objects are
    followed; arrays and tensors count by content, a ``functools`` cache by its number of entries and misses. Nothing is
    imported.

    Parameters
    ----------
    target : str
        ``package.module:Class``, as in a spec.
    """
    name, _, class_name = target.partition(":")
    package = name.partition(".")[0]
    modules = [(each, module) for each, module in sorted(sys.modules.items()) if _belongs(each, package) and module]
    read: dict[str, dict[str, str]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classes = set(_bases(sys.modules.get(name), class_name))
        for each, module in modules:
            own = {key: value for key, value in vars(module).items() if not _is_internal(key)}
            classes |= set(_classes(own.values(), package))
            data = {key: value for key, value in own.items() if not isinstance(value, (type, types.ModuleType))}
            read[each] = {key: _digest(value, package) for key, value in data.items()}
        for cls in sorted(classes, key=_name_of):
            attributes = {f"{cls.__qualname__}.{key}": value for key, value in vars(cls).items()}
            kept = {key: value for key, value in attributes.items() if not _is_internal(key.rpartition(".")[2])}
            digests = {key: _digest(value, package) for key, value in kept.items() if not isinstance(value, type)}
            read.setdefault(cls.__module__, {}).update(digests)
    return read


def changed_state(before: State, after: State) -> list[str]:
    """Return the names ``module.attribute`` of what differs, in order.

    A module that ``before`` does not have was imported in between, which is no change of state.
    """
    return sorted(
        f"{module}.{name}"
        for module in before.keys() & after.keys()
        for name in before[module].keys() | after[module].keys()
        if before[module].get(name) != after[module].get(name)
    )


def _belongs(module: str | None, package: str) -> bool:
    return module is not None and (module == package or module.startswith(f"{package}."))


def _is_internal(name: str) -> bool:
    """Return whether Python itself keeps an attribute: ``__warningregistry__``, or the cache of an abstract class."""
    return (name.startswith("__") and name.endswith("__")) or name == "_abc_impl"


def _bases(module: types.ModuleType | None, class_name: str) -> Iterator[type]:
    target = getattr(module, class_name, None)
    if isinstance(target, type):
        yield from (cls for cls in target.__mro__ if cls is not object)


def _classes(values: Iterable[object], package: str) -> Iterator[type]:
    """Yield the package's own classes among some values, and the classes inside them."""
    for value in values:
        if isinstance(value, type) and _belongs(value.__module__, package):
            yield value
            inner = [each for each in vars(value).values() if isinstance(each, type) and each is not value]
            yield from _classes([each for each in inner if each.__qualname__.startswith(value.__qualname__)], package)


def _digest(value: object, package: str) -> str:
    walk = _Walk(package)
    try:
        walk.add(value, 0)
    except Exception:
        # A plugin's object may raise anything when it is looked at; what was read of it so far counts.
        return walk.hash.hexdigest()
    return walk.hash.hexdigest()


class _Walk:
    """Feeds an object and all that it holds to a hash, each object once; the order of a set does not matter.

    Each attribute has a walk of its own, so that its digest does not depend on what else the module holds.
    """

    def __init__(self, package: str) -> None:
        self.package = package
        self.hash = hashlib.blake2b(digest_size=16)
        # The objects are kept, or a later one might get the same id.
        self._seen: dict[int, tuple[int, object]] = {}

    def add(self, value: Any, depth: int) -> None:
        kind = type(value)
        self._note(f"{kind.__module__}.{kind.__qualname__}")
        if isinstance(value, _PLAIN):
            self._note(repr(value))
        elif isinstance(value, _NAMED):
            self._note(_name_of(value))
        elif id(value) in self._seen:
            self._note(f"seen {self._seen[id(value)][0]}")
        elif depth < _MAX_DEPTH:
            self._seen[id(value)] = len(self._seen), value
            with suppress(RecursionError):
                self._add_parts(value, depth + 1)

    def _add_parts(self, value: Any, depth: int) -> None:
        if isinstance(value, _CACHED):
            self._add_cache(value)
        elif isinstance(value, (types.FunctionType, types.MethodType)):
            self._add_function(value, depth)
        elif isinstance(value, (staticmethod, classmethod)):
            self.add(value.__func__, depth)
        elif isinstance(value, (property, functools.cached_property)):
            self._add_all((getattr(value, name, None) for name in ("fget", "fset", "func")), depth)
        elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
            self._note(f"{value.dtype.str} {value.shape}")
            self.hash.update(np.ascontiguousarray(value).tobytes())
        elif _is_tensor(value):
            self._add_tensor(value, depth)
        elif isinstance(value, (set, frozenset)):
            self._add_all(sorted(_digest(item, self.package) for item in value), depth)
        elif type(value) in (list, tuple):
            self._add_all(value, depth)
        elif type(value) in (dict, types.MappingProxyType):
            self._add_items(value, depth)
        else:
            self._add_object(value, depth)

    def _add_all(self, values: Iterable[object], depth: int) -> None:
        count = 0
        for value in values:
            self.add(value, depth)
            count += 1
        self._note(str(count))

    def _add_items(self, items: Mapping[Any, object], depth: int) -> None:
        # A table that is filled on demand holds the same in another order.
        for key, value in sorted(
            ((_digest(key, self.package), value) for key, value in list(items.items())), key=itemgetter(0)
        ):
            self._note(key)
            self.add(value, depth)
        self._note(str(len(items)))

    def _add_cache(self, value: Any) -> None:
        self._note(_name_of(value))
        if _belongs(getattr(value, "__module__", None), self.package):
            # Misses too: a cache with one entry holds one after any number of folds.
            info = value.cache_info()
            self._note(f"{info.currsize} {info.misses}")

    def _add_function(self, value: Any, depth: int) -> None:
        self._note(_name_of(value))
        function = getattr(value, "__func__", value)
        if value is not function:
            self.add(value.__self__, depth)
        if not _belongs(function.__module__, self.package):
            return  # another library's
        cells = []
        for cell in function.__closure__ or ():
            with suppress(ValueError):  # an empty cell
                cells.append(cell.cell_contents)
        parts = (function.__defaults__, function.__kwdefaults__, function.__dict__, cells)
        self._add_all(parts, depth)

    def _add_tensor(self, value: Any, depth: int) -> None:
        self._note(f"{value.dtype} {tuple(value.shape)} {value.requires_grad}")
        with suppress(RuntimeError, NotImplementedError, TypeError, ValueError):  # one without strided storage
            self.hash.update(_bytes_of(value))
        self.add(value.grad if value.is_leaf else None, depth)
        self.add(vars(value), depth)

    def _add_object(self, value: Any, depth: int) -> None:
        """Add an object's parts as `copy` and `pickle` find them; those of a lock or an open file are not known."""
        try:
            parts = value.__reduce_ex__(pickle.DEFAULT_PROTOCOL)
        except Exception:
            parts = (getattr(value, "__dict__", None),)
        if isinstance(parts, str):
            self._note(parts)
            return
        # The items of a subclass of list or dict come as iterators.
        self._add_all((list(part) if hasattr(part, "__next__") else part for part in parts), depth)

    def _note(self, text: str) -> None:
        content = text.encode("utf-8", "surrogatepass")
        self.hash.update(len(content).to_bytes(8, "little") + content)


def _name_of(value: Any) -> str:
    module = getattr(value, "__module__", None)
    return f"{module}.{getattr(value, '__qualname__', getattr(value, '__name__', ''))}"


def _is_tensor(value: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _bytes_of(tensor: Any) -> bytes:
    torch: Any = sys.modules["torch"]
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    content: bytes = flat.view(torch.uint8).numpy().tobytes()
    return content
