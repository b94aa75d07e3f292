"""Checks parsed JSON against the typed dicts of the schema."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_PLACE = re.compile(r"(?: - at `\$\.?(?P<place>.*)`)?$")
_MISSING = re.compile(r"missing required field `(?P<name>[^`]+)`")


def misfit(value: object, kind: Any) -> str | None:
    """Return where ``value`` first differs from ``kind``, or None where it fits.

    Parameters
    ----------
    value : object
        As `json.loads` gives it. More fields than ``kind`` has are allowed.
    kind : type
        A typed dict, or another type that msgspec knows.

    Returns
    -------
    str or None
        Such as ``predictions[0].y_pred``; keys that are names of folds or samples are ``[...]``, and the whole value is
        an empty text.
    """
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        text = str(error)
        found, missing = _PLACE.search(text), _MISSING.search(text)
        parts = [found["place"] if found else "", missing["name"] if missing else ""]
        return ".".join(part for part in parts if part)
    return None
