"""The store's files: canonical JSON, written atomically."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from mer_bench.atomic import open_atomically
from mer_bench.errors import MerBenchError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT)


def canonical_json(value: object) -> str:
    """Return JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: object) -> str:
    """Return the SHA-256 of ``value`` as canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def write_json(path: Path, value: object) -> None:
    """Write ``value`` atomically, and create its parent folders.

    Raises
    ------
    MerBenchError
        The folder cannot be written: it is read-only, full, or not a folder; or ``path`` itself is a folder.
    """
    write_bytes(path, json.dumps(value, indent=1, allow_nan=False).encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` atomically; raises as `write_json` does."""
    with open_for_writing(path) as stream:
        stream.write(content)


@contextmanager
def open_for_writing(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """Yield a stream whose content replaces the file at the end; raises as `write_json` does.

    Only its owner can read a ``private`` file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_atomically(path, 0o600 if private else 0o666) as stream:
            yield stream
    except OSError as error:
        if error.errno == errno.EISDIR:
            raise MerBenchError(f"cannot write {path}: it is a folder; move it away and run again") from error
        cure = unwritable_cure(error, "choose another folder with --results")
        raise MerBenchError(f"cannot write to the results folder {path.parent} ({error.strerror}); {cure}") from error


def unwritable_cure(error: OSError, elsewhere: str) -> str:
    """Return how to fix a folder that cannot be written; ``elsewhere`` says how to choose another one."""
    if error.errno in _FULL:
        return "it is full: free some space and run the same command again; what is stored is kept"
    return f"it is read-only or not yours: {elsewhere}" if error.errno in _NOT_WRITABLE else elsewhere


def read_json(path: Path) -> Any:
    """Return the parsed file.

    Raises
    ------
    MerBenchError
        The file cannot be read, or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise MerBenchError(f"{path} cannot be read ({error}); delete it, and it will be written again") from error
