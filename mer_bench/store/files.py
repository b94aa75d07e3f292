"""Reading and writing files so that a crash leaves the old file or the new one, never half of one."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from mer_bench.errors import MerBenchError


def canonical_json(value: object) -> str:
    """Return JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: object) -> str:
    """Return the SHA-256 of ``value`` as canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def write_json(path: Path, value: object) -> None:
    """Write ``value`` atomically: temporary file in the same folder, fsync, rename.

    Raises
    ------
    MerBenchError
        The folder cannot be written: read-only, full, or not a folder.
    """
    write_bytes(path, json.dumps(value, indent=1, allow_nan=False).encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` atomically; raises as `write_json` does."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise MerBenchError(_why_unwritable(path, error)) from error


def read_json(path: Path) -> Any:
    """Return the parsed file.

    Raises
    ------
    MerBenchError
        It cannot be read, or does not parse.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MerBenchError(f"{path} cannot be read ({error}); delete it to have it made anew") from error


def _why_unwritable(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        cure = "it is full: free some space and run the same command again; what is stored is kept"
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT):
        cure = "it is read-only or not yours: choose another folder with --results"
    else:
        cure = "choose another folder with --results"
    return f"cannot write to the results folder {path.parent} ({error.strerror}); {cure}"
