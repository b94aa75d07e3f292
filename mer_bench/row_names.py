"""The short names of stored rows, which people type: a method, and as many digits of the row's key as are needed.

Imports nothing heavy: shell completion uses it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from mer_bench.names import normalise_name

_FEWEST = 4
"""Digits of a key in a name: with fewer, a new row would often make an old name ambiguous."""


@dataclass(frozen=True)
class RowNames:
    """The names of the rows of a results folder.

    Parameters
    ----------
    digits : mapping of str to collection of str
        For each method, the first digits of its rows' keys, by which no two rows are alike.
    """

    digits: Mapping[str, Collection[str]]

    @classmethod
    def stored(cls, results: Path) -> RowNames:
        """Return the names of a results folder's rows, from the names of their folders."""
        digits: dict[str, list[str]] = {}
        for file in sorted(results.glob("cells/*/*/*/row.json")):
            digits.setdefault(file.parents[1].name, []).append(file.parent.name)
        return cls(digits)

    def of(self, method: str, key: str) -> str:
        """Return a row's name, ``ahmsa-4f2a``: shared with no other row of the method.

        Parameters
        ----------
        method : str
        key : str
            The row's key, or its first digits.
        """
        others = [other for other in self.digits.get(method, ()) if not key.startswith(other)]
        lengths = range(_FEWEST, len(key))
        length = next((n for n in lengths if not any(other.startswith(key[:n]) for other in others)), len(key))
        return f"{method}-{key[:length]}"

    def all(self) -> list[str]:
        """Return the name of every row, sorted."""
        return sorted(self.of(method, key) for method, keys in self.digits.items() for key in keys)


def is_meant(text: str, method: str, key: str) -> bool:
    """Return whether a text may mean a row: its method, or four digits or more of its key, or both with a hyphen.

    Examples
    --------
    >>> [is_meant(text, "svm-flow", "4f2a9c01") for text in ("SVM_flow-4F2A9", "4f2a", "svm-flow", "svm-flow-4f")]
    [True, True, True, False]
    """
    wanted = normalise_name(text)
    digits = wanted.removeprefix(f"{method}-")
    return wanted == method or (len(digits) >= _FEWEST and key.startswith(digits))
