"""Names as they are written everywhere: lower case words joined by hyphens."""

from __future__ import annotations

import re

NAME_RULE = "lower case words joined by hyphens"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def is_name(text: object) -> bool:
    """Say whether a text is lower case words joined by hyphens."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def normalise_name(name: str) -> str:
    """Take underscores as hyphens and capitals as small letters, as everywhere on the command line."""
    return name.strip().lower().replace("_", "-")
