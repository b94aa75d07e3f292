"""Writing a file so that a crash leaves the old one or the new one, never half of one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_LONGEST_PREFIX = 50
"""Of the name that a temporary file carries on: with it a long name would get too long for a file system."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content``; as `open_atomically`."""
    with open_atomically(path) as stream:
        stream.write(content)


@contextmanager
def open_atomically(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Yield a stream whose content takes the file's place at the end: temporary file in its folder, fsync, rename.

    ``mode`` is the new file's, less the umask.

    The temporary file is called ``.<name>.<random>.tmp``; only a process that was killed leaves it behind.

    Raises
    ------
    OSError
        The file cannot be written; one that was there stays as it was.
    """
    temporary = path.parent / f".{path.name[:_LONGEST_PREFIX]}.{secrets.token_hex(8)}.tmp"
    try:
        with open(temporary, "x+b", opener=lambda name, flags: os.open(name, flags, mode)) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
