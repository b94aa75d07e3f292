"""How a command ends."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command returns; None, from one that can only succeed, counts as ``DONE``."""

    DONE = 0
    """All went well."""
    FAILED = 1
    """Some cells failed, or problems were found."""
    BAD_INPUT = 2
    """The request cannot be met as it is; stderr holds one sentence that says why."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C; what is stored is kept."""
