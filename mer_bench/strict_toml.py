"""Strict reading of TOML: every error names file, table and value."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from mer_bench.bounded_files import read_bounded
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.names import NAME_RULE, is_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MOST_BYTES = 64 << 10
"""The files of mer-bench have 5 KiB at most; the parser needs the square of a key's length."""
_DEEPEST = 20
_MOST_SHOWN = 200

_Value = TypeVar("_Value")
_Word = TypeVar("_Word", bound=str)


def read_toml(kind: str, path: Path, cure: str = "check its path", *, most: int = _MOST_BYTES) -> TomlTable:
    """Read a file.

    Parameters
    ----------
    kind : str
        What the file is, for messages.
    path : Path
    cure : str
        What to do if the file cannot be read.
    most : int, optional
        The largest size allowed, in bytes.

    Raises
    ------
    MerBenchError
        The file cannot be read, is too large, is not TOML, or contains values that no message can show.
    """
    return parse_toml(kind, path, toml_content(kind, path, cure, most=most))


def toml_content(kind: str, path: Path, cure: str = "check its path", *, most: int = _MOST_BYTES) -> bytes:
    """Return a file's content, for `parse_toml`; parameters are those of `read_toml`.

    Raises
    ------
    MerBenchError
        The file cannot be read, or is too large.
    """
    try:
        return read_bounded(path, most, "such a file", cure, may_be_empty=True)
    except MerBenchError as error:
        raise MerBenchError(f"{kind} {error}") from error


def parse_toml(kind: str, path: Path, content: bytes) -> TomlTable:
    """Return the table of a file whose content has been read.

    Raises
    ------
    MerBenchError
        It is not TOML, or contains values that no message can show.
    """
    try:
        values = tomllib.loads(content.decode())
        _refuse_unprintable(values, _DEEPEST)
    except ValueError as error:
        raise MerBenchError(f"{kind} {path} is not TOML: {error}; correct it") from error
    except RecursionError:
        raise MerBenchError(f"{kind} {path} is nested too deeply; {_DEEPEST} levels are allowed") from None
    return TomlTable(f"{kind} {path}", "", values)


class TomlTable:
    """One table of a TOML file, read key by key.

    Parameters
    ----------
    file : str
        The file's kind and path, for messages.
    place : str
        The table's dotted name, with its number if it is one of several; empty for the whole file.
    content : mapping
        The keys and values of the table.

    Notes
    -----
    A reading method that expects a key raises KeyError if the file lacks it: call `expect` first.
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
        """Return an error that names file and table, and says ``what`` is wrong."""
        return MerBenchError(f"{self._file}: {f'[{self._place}]: ' if self._place else ''}{what}")

    def wrong(self, key: str, why: str) -> MerBenchError:
        """Return an error that says ``why`` the value of a key is wrong."""
        return self.error(f"{key} = {_shown(self._content[key])} {why}")

    def expect(self, required: Collection[str], optional: Collection[str] = ()) -> None:
        """Refuse unknown and missing keys; unknown ones first, because a misspelt key is both.

        Raises
        ------
        MerBenchError
            A key is unknown or missing.
        """
        known = (*required, *optional)
        for key in self._content:
            if key not in known:
                near = did_you_mean(key[:_MOST_SHOWN], known)
                raise self.error(f"unknown key {_shown(key)}{near}; known: {listed(known)}")
        for key in required:
            if key not in self._content:
                raise self.error(f"key {key!r} is missing; state it")

    def expect_fields(self, dataclass: Callable[..., object]) -> None:
        """Expect one key per field of a dataclass, with hyphens for underscores; required if it has no default.

        Raises
        ------
        MerBenchError
            A key is unknown or missing.
        """
        fields = inspect.signature(dataclass).parameters.values()
        required = [field.name.replace("_", "-") for field in fields if field.default is field.empty]
        optional = [field.name.replace("_", "-") for field in fields if field.default is not field.empty]
        self.expect(required, optional)

    def optional(self, key: str, read: Callable[[str], _Value]) -> _Value | None:
        """Return the value of a key as ``read`` returns it, or None if the key is missing.

        Raises
        ------
        MerBenchError
            ``read`` refuses the value.
        """
        return read(key) if key in self._content else None

    def text(self, key: str, *, may_be_empty: bool = False) -> str:
        """Return a text without NUL characters, which no path or name may contain.

        Raises
        ------
        MerBenchError
            The value is not a text, is empty, or contains a NUL character.
        """
        value = self._content[key]
        if not isinstance(value, str):
            raise self.wrong(key, "is not a text; write one in quotes")
        if not value.strip() and not may_be_empty:
            raise self.wrong(key, "is empty; give it a value")
        if "\0" in value:
            raise self.wrong(key, "contains a NUL character; remove it")
        return value

    def registered_name(self, registered: str | None) -> str:
        """Return the text ``name``, which must be a name: the one that a plugin registers, if it is given.

        Raises
        ------
        MerBenchError
            It is no such text.
        """
        stated = self.text("name")
        self.check_names("name", [stated])
        if registered is not None and stated != registered:
            raise self.error(
                f"name = {stated!r}, and its plugin registers it as {registered!r}; give both the same name"
            )
        return stated

    def check_names(self, kind: str, names: Iterable[str]) -> None:
        """Refuse texts that are not lower case words joined by hyphens.

        Raises
        ------
        MerBenchError
            One of them is not; ``kind`` says what it would name.
        """
        for name in names:
            if not is_name(name):
                raise self.error(f"{kind} {name!r} is not {NAME_RULE}")

    def count(self, key: str, minimum: int = 1, maximum: float = math.inf) -> int:
        """Return a whole number within two limits, both inclusive.

        Raises
        ------
        MerBenchError
            The value is not a whole number, or is outside the limits.
        """
        value = self._content[key]
        if isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= maximum:
            return value
        limits = f"of at least {minimum}" if maximum == math.inf else f"between {minimum} and {maximum}"
        raise self.wrong(key, f"is not a whole number {limits}")

    def flag(self, key: str) -> bool:
        """Return true or false.

        Raises
        ------
        MerBenchError
            The value is something else.
        """
        value = self._content[key]
        if isinstance(value, bool):
            return value
        raise self.wrong(key, "is neither true nor false")

    def whole_numbers(self, key: str) -> tuple[int, ...]:
        """Return a list of whole numbers of at least 0.

        Raises
        ------
        MerBenchError
            The value is not such a list.
        """
        value = self._content[key]
        if isinstance(value, list) and all(type(item) is int and item >= 0 for item in value):
            return tuple(value)
        raise self.wrong(key, "is not a list of whole numbers of at least 0")

    def names(self, key: str) -> tuple[str, ...]:
        """Return a list of names that are all different.

        Raises
        ------
        MerBenchError
            The value is not a list of names, or names something twice.
        """
        value = self._content[key]
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            raise self.wrong(key, "is not a list of names in quotes")
        if len(set(value)) < len(value):
            raise self.wrong(key, "names something twice; remove the repetition")
        return tuple(value)

    def choice(self, key: str, allowed: Collection[_Word]) -> _Word:
        """Return one of the allowed words.

        Raises
        ------
        MerBenchError
            The value is another one.
        """
        value = self._content[key]
        for word in allowed:
            if value == word:
                return word
        near = did_you_mean(value, allowed) if isinstance(value, str) else ""
        raise self.wrong(key, f"is not one of: {listed(allowed)}{near}")

    def fractions(self, key: str) -> tuple[float, float]:
        """Return two decimal fractions in 0..1.

        Raises
        ------
        MerBenchError
            The value is not two such fractions.
        """
        value = self._content[key]
        if isinstance(value, list) and len(value) == 2 and all(isinstance(item, float) for item in value):
            first, second = value
            if 0.0 <= first <= 1.0 and 0.0 <= second <= 1.0:
                return first, second
        raise self.wrong(key, "is not two decimal fractions between 0.0 and 1.0, such as [0.5, 0.25]")

    def settings(self, key: str) -> dict[str, str]:
        """Return a table of texts, numbers and booleans as command-line texts; it may be empty.

        Raises
        ------
        MerBenchError
            The value is not a table, or contains a list, a table or a NUL character.
        """
        table = self.table(key, may_be_empty=True)
        for name, value in table._content.items():
            if isinstance(value, (dict, list)):
                raise table.wrong(name, "is not a text, a number, true or false")
            if "\0" in str(value):
                raise table.wrong(name, "contains a NUL character; remove it")
        return {name: str(value) for name, value in table._content.items()}

    def option(self, key: str) -> bool | int | float | str:
        """Return a text, a number or a boolean; a list of texts as lines, and a table as lines ``name=value``.

        Raises
        ------
        MerBenchError
            The value is something else.
        """
        value = self._content[key]
        if isinstance(value, dict):
            return "\n".join(f"{name}={text}" for name, text in self.settings(key).items())
        if isinstance(value, list) and all(isinstance(line, str) and "\0" not in line for line in value):
            return "\n".join(value)
        if isinstance(value, str):
            return self.text(key, may_be_empty=True)
        if isinstance(value, (bool, int, float)):
            return value
        raise self.wrong(key, "is not a text, a number, true, false, a list of texts or a table of these")

    def values(self, key: str) -> dict[str, bool | int | float | str | tuple[int, ...]]:
        """Return a table of values that parameters may have: texts, numbers, booleans and lists of whole numbers.

        Raises
        ------
        MerBenchError
            The value is not a table, is empty, or contains something else.
        """
        table = self.table(key)
        return {name: table._parameter_value(name) for name in table.keys}

    def _parameter_value(self, key: str) -> bool | int | float | str | tuple[int, ...]:
        value = self._content[key]
        if isinstance(value, str):
            return self.text(key, may_be_empty=True)
        if isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, list) and all(isinstance(item, int) and not isinstance(item, bool) for item in value):
            return tuple(value)
        raise self.wrong(key, "is not a text, a number, true, false or a list of whole numbers")

    def table(self, key: str, *, may_be_empty: bool = False) -> TomlTable:
        """Return a table inside this one.

        Raises
        ------
        MerBenchError
            The value is not a table, or is empty.
        """
        value = self._content[key]
        if not isinstance(value, dict) or not (value or may_be_empty):
            raise self.wrong(key, "is not a table with entries")
        return self._inner(key, value)

    def array(self, key: str) -> list[TomlTable]:
        """Return the tables under ``[[key]]``; messages number them from 1.

        Raises
        ------
        MerBenchError
            The value is not a list of tables.
        """
        value = self._content[key]
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(key, f"is not a list of tables; write each under [[{key}]]")
        return [self._inner(f"{key} {number}", item) for number, item in enumerate(value, start=1)]

    def _inner(self, name: str, content: Mapping[str, object]) -> TomlTable:
        return TomlTable(self._file, f"{self._place}.{name}" if self._place else name, content)


def listed(names: Iterable[str]) -> str:
    """Return the names as a message lists them."""
    return ", ".join(names) or "none"


def _shown(value: object) -> str:
    """Return a value as a message shows it: escaped, and not too long."""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def _refuse_unprintable(value: object, levels: int) -> None:
    """Fail for a value that no message can show: a number of thousands of digits, or deep nesting."""
    if levels == 0:
        raise RecursionError
    if isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            _refuse_unprintable(part, levels - 1)
    else:
        repr(value)
