"""Parameters that remember which of them a method reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from mer_bench.errors import MethodError
from mer_bench.methods.setting import MethodSetting
from mer_bench.specs import ParameterValue


@dataclass(frozen=True)
class WatchedSetting(MethodSetting):
    """A setting that knows what its instances read, and that `extract` reads nothing but what its features declare.

    Parameters
    ----------
    reads : set of str
        The names of the parameters that were read.
    """

    reads: set[str] = field(default_factory=set)

    def own_params(self) -> Mapping[str, ParameterValue]:
        """Return parameters that are watched; the spec's others are not to be read."""
        return _Watched(self.params, self.reads, {parameter.name for parameter in self.spec.parameters})


class _Watched(dict[str, Any]):
    """A dict, as in a run; whatever gets at a value, `dict` and ``**`` too, goes through ``[]``."""

    def __init__(self, params: Mapping[str, ParameterValue], reads: set[str], known: Collection[str]) -> None:
        super().__init__(params)
        self._reads = reads
        self._hidden = set(known) - set(params)

    def __getitem__(self, name: str) -> Any:
        if name in self._hidden:
            # A KeyError would say less, and `get` nothing.
            raise MethodError(f"extract reads the parameter {name!r}; declare it: Features(parameters=({name!r}, ...))")
        value = super().__getitem__(name)
        self._reads.add(name)
        return value

    def __iter__(self) -> Iterator[str]:
        # Without an `__iter__` of its own, a dict's values are copied past `__getitem__`.
        return super().__iter__()

    # A dict's own of these go past `__getitem__`; a mapping's do not.
    get, items, values = Mapping.get, Mapping.items, Mapping.values  # type: ignore[assignment]
    pop = MutableMapping.pop

    def copy(self) -> dict[str, Any]:
        return dict(self)

    def __or__(self, other: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]
        return dict(self) | other
