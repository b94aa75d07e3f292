"""The store's files: JSON with a checksum, written atomically."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mer_bench.atomic import write_in_folders
from mer_bench.errors import MerBenchError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_UNRELIABLE = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT)
_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT)

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)

_BEFORE_CHECKSUM, _AFTER_CHECKSUM = b',\n "sha256": "', b'"\n}'
_SEAL_LENGTH = len(_BEFORE_CHECKSUM) + 64 + len(_AFTER_CHECKSUM)


def canonical_json(value: object) -> str:
    """Return JSON with sorted keys and no spaces: equal values give equal text."""
    return _CANONICAL.encode(value)


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


def write_record(path: Path, record: Mapping[str, object]) -> None:
    """Write a record as `write_json` does, with its checksum as the last field, ``sha256``."""
    content = json.dumps(record, indent=1, allow_nan=False).encode().removesuffix(b"\n}")
    write_bytes(path, content + _seal(content))


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` atomically; raises as `write_json` does."""
    try:
        write_in_folders(path, content)
    except OSError as error:
        if error.errno == errno.EISDIR:
            raise MerBenchError(f"cannot write {path}: it is a folder; move it away and run again") from error
        raise unwritable(path.parent, error) from error


def unwritable(folder: Path, error: OSError) -> MerBenchError:
    """Return the error for a results folder that cannot be written."""
    cure = unwritable_cure(error, "choose another folder with --results")
    return MerBenchError(f"cannot write to the results folder {folder} ({error.strerror}); {cure}")


def unwritable_cure(error: OSError, elsewhere: str) -> str:
    """Return how to fix a folder that cannot be written; ``elsewhere`` says how to choose another one."""
    if error.errno in _FULL:
        return "it is full: free some space (or inodes: `df -i`) and run the same command again; what is stored is kept"
    if error.errno in _UNRELIABLE:
        return f"run the same command again, as what is stored is kept; if this happens again and again, {elsewhere}"
    return f"it is read-only or not yours: {elsewhere}" if error.errno in _NOT_WRITABLE else elsewhere


def read_json(path: Path) -> Any:
    """Return the parsed file.

    Raises
    ------
    MerBenchError
        The file cannot be read, or is not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise MerBenchError(f"{path} cannot be read ({error}); delete it, and it will be written again") from error


def read_record(path: Path, cure: str = "delete it, and it will be written again") -> Any:
    """Return what `write_record` has written; the checksum is checked, and is not part of it.

    Parameters
    ----------
    path : Path
    cure : str, optional
        What to do about a file that cannot be read.

    Raises
    ------
    MerBenchError
        The file cannot be read, or a byte of it is not what was written.
    """
    try:
        return json.loads(read_sealed(path), parse_constant=_refuse)
    except (OSError, ValueError, RecursionError) as error:
        raise MerBenchError(f"{path} cannot be read ({error}); {cure}") from error


def read_sealed(path: Path | str) -> bytes:
    """Return the JSON of a record, whose checksum fits; it is not parsed.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        A byte of it is not what was written.
    """
    content = _content(path)
    # Of the bytes, not of the parsed values: it costs next to nothing, and every change of the file is seen.
    record, seal = content[:-_SEAL_LENGTH], content[-_SEAL_LENGTH:]
    if seal != _seal(record):
        raise ValueError("its checksum does not fit: it was damaged or edited")
    return record + b"\n}"


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no number")


def _content(path: Path | str) -> bytes:
    """Return a file's bytes with four calls of the system, where Python's files take seven."""
    # A pipe that nobody writes to would be waited for.
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        state = os.fstat(opened)
        if not stat.S_ISREG(state.st_mode):
            raise ValueError("it is no file")
        content = os.read(opened, state.st_size)
        # A network file system may give less than was asked for.
        while len(content) < state.st_size and (part := os.read(opened, state.st_size - len(content))):
            content += part
    finally:
        os.close(opened)
    return content


def _seal(record: bytes) -> bytes:
    """Return the end of a record's file: its last field, which holds the SHA-256 of all bytes before it."""
    return _BEFORE_CHECKSUM + hashlib.sha256(record).hexdigest().encode() + _AFTER_CHECKSUM
