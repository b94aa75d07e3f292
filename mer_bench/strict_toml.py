"""Strict reading of TOML: whatever is wrong is said with file, place and value."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from mer_bench.errors import MerBenchError, did_you_mean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_Word = TypeVar("_Word", bound=str)


def read_toml(kind: str, path: Path) -> TomlTable:
    """Read a file, whose ``kind`` goes before its path in messages.

    Raises
    ------
    MerBenchError
        The file cannot be read or is not TOML.
    """
    try:
        with path.open("rb") as file:
            return TomlTable(f"{kind} {path}", "", tomllib.load(file))
    except OSError as error:
        raise MerBenchError(f"{kind} {path} cannot be read ({error.strerror}); check its path") from error
    except (ValueError, RecursionError) as error:
        raise MerBenchError(f"{kind} {path} is not TOML: {error}") from error


class TomlTable:
    """One table of a TOML file, read key by key.

    Parameters
    ----------
    file : str
        The file's kind and path, for messages.
    place : str
        The table's dotted name; empty for the whole file.
    content : mapping
        What the file states there.

    Notes
    -----
    Every reading method raises `MerBenchError` where the value is not what is asked for.
    """

    def __init__(self, file: str, place: str, content: Mapping[str, object]) -> None:
        self._file = file
        self._place = place
        self._content = content

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys, in the file's order."""
        return tuple(self._content)

    def error(self, what: str) -> MerBenchError:
        """Return an error that says where ``what`` is wrong."""
        return MerBenchError(f"{self._file}: {f'[{self._place}]: ' if self._place else ''}{what}")

    def expect(self, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> None:
        """Refuse unknown keys and missing ones; the unknown first, since a misspelt key is both."""
        known = (*required, *optional)
        for key in self._content:
            if key not in known:
                raise self.error(f"unknown key {key!r}{did_you_mean(key, known)}; known: {listed(known)}")
        for key in required:
            if key not in self._content:
                raise self.error(f"key {key!r} is missing; state it")

    def has(self, key: str) -> bool:
        """Say whether an optional key is there."""
        return key in self._content

    def text(self, key: str) -> str:
        """Return a text that is not empty."""
        value = self._content[key]
        if not isinstance(value, str) or not value.strip():
            raise self.error(f"{key} = {value!r} is not a text")
        return value

    def count(self, key: str, minimum: int) -> int:
        """Return a whole number of at least ``minimum``."""
        value = self._content[key]
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            raise self.error(f"{key} = {value!r} is not a whole number of at least {minimum}")
        return value

    def names(self, key: str) -> tuple[str, ...]:
        """Return a list of names that are all different."""
        value = self._content[key]
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            raise self.error(f"{key} = {value!r} is not a list of names")
        if len(set(value)) < len(value):
            raise self.error(f"{key} = {value!r} names one thing twice")
        return tuple(value)

    def choice(self, key: str, allowed: Collection[_Word]) -> _Word:
        """Return one of the allowed words."""
        value = self._content[key]
        for word in allowed:
            if value == word:
                return word
        near = did_you_mean(value, allowed) if isinstance(value, str) else ""
        raise self.error(f"{key} = {value!r} is not one of: {listed(allowed)}{near}")

    def table(self, key: str) -> TomlTable:
        """Return a table within this one; an empty one is refused."""
        value = self._content[key]
        if not isinstance(value, dict) or not value:
            raise self.error(f"{key} is not a table with entries")
        return TomlTable(self._file, f"{self._place}.{key}" if self._place else key, value)

    def tables(self, key: str) -> dict[str, TomlTable]:
        """Return the tables within a table within this one, by name."""
        outer = self.table(key)
        return {name: outer.table(name) for name in outer.keys}


def listed(names: Iterable[str]) -> str:
    """Return the names as a message lists them."""
    return ", ".join(names) or "none"
