"""Parameters that record which of them a method reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from mer_bench.errors import MethodError
from mer_bench.methods.setting import MethodSetting
from mer_bench.parameters import ParameterValue


@dataclass(frozen=True)
class WatchedSetting(MethodSetting):
    """A setting that records what its instances read, and lets `extract` read only what the spec's features declare.

    Parameters
    ----------
    reads : set of str
        The names of the parameters read so far.
    """

    reads: set[str] = field(default_factory=set)

    def own_params(self) -> Mapping[str, ParameterValue]:
        """Return the recording parameters; reading any other parameter of the spec raises `MethodError`."""
        return _Watched(self.params, self.reads, {parameter.name for parameter in self.spec.parameters})


class _Watched(dict[str, Any]):
    """A dict, as in a run, of which every access to a value goes through ``[]``, `dict` and ``**`` included."""

    def __init__(self, params: Mapping[str, ParameterValue], reads: set[str], known: Collection[str]) -> None:
        super().__init__(params)
        self._reads = reads
        self._hidden = set(known) - set(params)

    def __getitem__(self, name: str) -> Any:
        if name in self._hidden:
            # A KeyError would not name the cure, and `get` would hide the access.
            raise MethodError(f"extract reads the parameter {name!r}; declare it: Features(parameters=({name!r}, ...))")
        value = super().__getitem__(name)
        self._reads.add(name)
        return value

    def __iter__(self) -> Iterator[str]:
        # Without its own `__iter__`, a dict's values are copied without a call of `__getitem__`.
        return super().__iter__()

    # A dict's own versions bypass `__getitem__`; those of Mapping do not.
    get, items, values = Mapping.get, Mapping.items, Mapping.values  # type: ignore[assignment]
    pop = MutableMapping.pop

    def copy(self) -> dict[str, Any]:
        return dict(self)

    def __or__(self, other: dict[str, Any]) -> dict[str, Any]:  # type: ignore[override]
        return dict(self) | other
