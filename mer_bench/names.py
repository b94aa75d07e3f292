"""The form of all names: lower case words joined by hyphens."""

from __future__ import annotations

import re

NAME_RULE = "lower case words joined by hyphens"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def is_name(text: object) -> bool:
    """Return whether a text is lower case words joined by hyphens."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def normalise_name(name: str) -> str:
    """Return a name in lower case with hyphens for underscores, as the command line reads names."""
    return name.strip().lower().replace("_", "-")
