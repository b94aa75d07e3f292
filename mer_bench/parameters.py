"""Parameters: named settings of methods, data and preprocessing, and the values that users give them.

This module imports neither numpy nor pandas nor torch, so that listing the installed plugins is quick.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mer_bench.errors import MerBenchError, did_you_mean

ParameterValue = bool | int | float | str | tuple[int, ...]

CLOSE = 0.8
"""How similar a wrong name is to one that exists, where it is taken for that one."""
_SHORTEST_PREFIX = 3
"""Letters by which a parameter may be meant."""


@dataclass(frozen=True)
class Parameter:
    """One named setting of a method or database.

    Parameters
    ----------
    name : str
        The name used with ``--set NAME=VALUE``.
    default : bool, int, float, str or tuple of int
        The default value; its type is the parameter's type.
    doc : str
        What the parameter does and, where the paper does not state a value, the reason for this default.
    choices : tuple, optional
        The allowed values; any value is allowed without it.
    minimum : float, optional
        The smallest allowed number, itself allowed; for a tuple, of each item.
    maximum : float, optional
        The largest allowed number, itself allowed; for a tuple, of each item.
    length : int, optional
        The required number of items of a tuple.

    Raises
    ------
    MerBenchError
        A field has the wrong type, or the default is not an allowed value.
    """

    name: str
    default: ParameterValue
    doc: str
    choices: tuple[ParameterValue, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    length: int | None = None

    def __post_init__(self) -> None:
        owner = f"parameter {self.name}"
        check_types(owner, self, name=str, doc=str, choices=tuple)
        for limit in (self.minimum, self.maximum):
            if limit is not None and (isinstance(limit, bool) or not isinstance(limit, (int, float))):
                raise MerBenchError(f"{owner}: limit {limit!r} is not a number")
        if _as_type(self.default, self.default) is None:
            raise MerBenchError(f"{owner}: default {self.default!r} is not a bool, int, float, str or tuple of int")
        self.check(self.default)

    def parse(self, text: str) -> ParameterValue:
        """Read a value from command-line text.

        Raises
        ------
        MerBenchError
            The text is not of the parameter's type, or the value is not allowed.
        """
        try:
            return self.check(_convert(text, self.default))
        except ValueError:
            raise MerBenchError(f"{self.name}={text!r} is not {type_name(self.default)}") from None

    def check(self, value: object) -> ParameterValue:
        """Return ``value`` converted to the parameter's type.

        Raises
        ------
        MerBenchError
            The value has the wrong type, is not one of the choices, is not finite, is outside the limits, or is a tuple
            of the wrong length.
        """
        typed = _as_type(value, self.default)
        if typed is None:
            raise MerBenchError(f"{self.name}={value!r} is not {type_name(self.default)}")
        if self.choices and typed not in self.choices:
            allowed = ", ".join(str(choice) for choice in self.choices)
            raise MerBenchError(f"{self.name}={typed!r} is not one of: {allowed}")
        if self.length is not None and isinstance(typed, tuple) and len(typed) != self.length:
            raise MerBenchError(f"{self.name}={value_text(typed)} has {len(typed)} numbers, not {self.length}")
        for number in typed if isinstance(typed, tuple) else (typed,):
            if isinstance(number, float) and not math.isfinite(number):
                raise MerBenchError(f"{self.name}={typed!r} is not a finite number")
            if self.minimum is not None and not isinstance(number, str) and number < self.minimum:
                raise MerBenchError(
                    f"{self.name}={typed!r} is below the smallest allowed value, {_plain(self.minimum)}"
                )
            if self.maximum is not None and not isinstance(number, str) and number > self.maximum:
                raise MerBenchError(f"{self.name}={typed!r} is above the largest allowed value, {_plain(self.maximum)}")
        return typed


def resolve_parameters(
    owner: str, parameters: tuple[Parameter, ...], values: Mapping[str, object]
) -> dict[str, ParameterValue]:
    """Return every parameter's value: those in ``values``, as text or typed, and the defaults of all others.

    Raises
    ------
    MerBenchError
        A name is not a parameter, or a value is not allowed.
    """
    by_name = {parameter.name: parameter for parameter in parameters}
    resolved: dict[str, ParameterValue] = {parameter.name: parameter.default for parameter in parameters}
    for name, value in values.items():
        if name not in by_name:
            known = ", ".join(sorted(by_name)) or "none"
            raise MerBenchError(
                f"{owner} has no parameter {name!r}{parameter_hint(name, parameters)}; its parameters: {known}"
            )
        try:
            resolved[name] = by_name[name].parse(value) if isinstance(value, str) else by_name[name].check(value)
        except MerBenchError as error:
            raise MerBenchError(f"{owner}: {error}") from None
    return resolved


def parameter_hint(wrong: str, parameters: Iterable[Parameter]) -> str:
    """Return ``" (did you mean 'lr'?)"`` for the parameter that is probably meant, or an empty string."""
    parameters = list(parameters)
    meant = meant_parameter(wrong, parameters)
    return (
        did_you_mean(wrong, [own.name for own in parameters]) if meant is None else f" (did you mean {meant.name!r}?)"
    )


def meant_parameter(words: str, parameters: Iterable[Parameter]) -> Parameter | None:
    """Return the parameter that is probably meant.

    It has this name, or its name begins so (``batch``), or its description begins with these words (``learning_rate``
    for ``lr``), or its name is almost this (``epohcs``).
    """
    by_name = {own.name: own for own in parameters}
    begin = [name for name in by_name if len(words) >= _SHORTEST_PREFIX and name.startswith(words)]
    spaced = re.sub("[-_]", " ", words.lower())
    described = [name for name, own in by_name.items() if spaced == re.split("[,;:(]", own.doc.lower())[0].strip()]
    close = difflib.get_close_matches(words, by_name, n=1, cutoff=CLOSE)
    candidates = [*([words] if words in by_name else []), *begin, *described, *close]
    return by_name[candidates[0]] if words and candidates else None


def value_text(value: object) -> str:
    """Return a parameter's value as text that ``--set`` accepts: ``true``, ``1,2,8``, ``0.5``."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(value_text, value)) if isinstance(value, (list, tuple)) else str(value)


def _convert(text: str, like: ParameterValue) -> object:
    if isinstance(like, bool):
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    if isinstance(like, int):
        return int(text)
    if isinstance(like, float):
        return float(text)
    if isinstance(like, tuple):
        # An empty item is an error: "64,,64" is more likely a list with a number missing than a shorter list.
        inner = text.strip().removeprefix("(").removesuffix(")").strip().removesuffix(",")
        return tuple(int(part) for part in inner.split(",")) if inner else ()
    return text


def _as_type(value: object, like: ParameterValue) -> ParameterValue | None:
    if isinstance(like, bool) or isinstance(value, bool):
        return value if isinstance(value, bool) and isinstance(like, bool) else None
    if isinstance(like, tuple):
        if isinstance(value, (tuple, list)) and all(isinstance(v, int) and not isinstance(v, bool) for v in value):
            return tuple(value)
        return None
    if isinstance(like, float):
        try:
            return float(value) if isinstance(value, (int, float)) else None
        except OverflowError:  # a whole number beyond the largest float
            return None
    if isinstance(like, int):
        return value if isinstance(value, int) else None
    return value if isinstance(value, str) else None


def _plain(limit: float) -> str:
    return str(int(limit)) if float(limit).is_integer() else f"{limit:g}"


def type_name(value: ParameterValue) -> str:
    """Return the type of a parameter's value in words."""
    if isinstance(value, tuple):
        return "a comma-separated list of whole numbers"
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[type(value)]


def check_types(owner: str, spec: object, **wanted: type) -> None:
    """Refuse fields of another type here: otherwise they fail late, where results are written or read."""
    for name, kind in wanted.items():
        value = getattr(spec, name)
        if not isinstance(value, kind):
            raise MerBenchError(f"{owner}: {name} {value!r} is not of type {kind.__name__}")
