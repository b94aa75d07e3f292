"""Checks parsed JSON against the typed dicts of the schema."""

from __future__ import annotations

import types
from collections.abc import Iterable
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict


def misfit(value: object, kind: Any, place: str = "") -> str | None:
    """Return where ``value`` first differs from ``kind``, or None where it fits.

    Parameters
    ----------
    value : object
        As `json.loads` gives it.
    kind : type
        A typed dict, ``list[...]``, ``dict[str, ...]``, a literal, a union, or a plain type.
    place : str
        The place of ``value`` in the file; the answer begins with it: ``predictions[0].y_true``.
    """
    if is_typeddict(kind):
        return _misfit_in(value, kind, place)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        return None if value in arguments else place
    if origin in (Union, types.UnionType):
        misfits = [misfit(value, argument, place) for argument in arguments]
        return None if None in misfits else misfits[0]
    if origin is list and isinstance(value, list):
        return _first(misfit(item, arguments[0], f"{place}[{i}]") for i, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return _first(misfit(item, arguments[1], f"{place}.{name}") for name, item in value.items())
    plain = (int, float) if kind is float else origin or kind
    fits = isinstance(value, plain) and (not isinstance(value, bool) or kind in (bool, object))
    return None if fits else place


def _misfit_in(value: object, record: Any, place: str) -> str | None:
    if not isinstance(value, dict):
        return place
    # A missing required field is a misfit too: no type fits `...`, and JSON cannot contain it.
    return _first(
        misfit(value.get(name, ...), kind, f"{place}.{name}".lstrip("."))
        for name, kind in _fields(record).items()
        if name in value or name in record.__required_keys__
    )


def _first(misfits: Iterable[str | None]) -> str | None:
    return next((place for place in misfits if place is not None), None)


@cache
def _fields(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
