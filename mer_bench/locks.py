"""Locks on files, which the kernel drops when a process ends: whether a file is in use is asked of no clock.

Where a file system has no locks, nothing is known of other processes, and nothing of theirs is removed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from socket import gethostname

LONG_AGO_SECONDS = 7 * 24 * 3600.0
"""A week, by the file system's clock: far more than clocks differ, or are ever set back or forward."""

TEMPORARY_PATTERN = r"\..+\.[0-9a-f]{24}\.tmp"
"""A regular expression for the names that `temporary_beside` gives; at most 50 characters are the target's."""

_LOCK_NAME = "in-use.lock"
_LONGEST_PREFIX = 50
"""Characters of the target's name in a temporary file's name: file systems limit the length of names."""
_ATTEMPTS = 5


def temporary_beside(path: Path) -> Path:
    """Return a new name for what becomes ``path`` when it is complete: ``.<name>.<machine><random>.tmp``."""
    return path.parent / f".{path.name[:_LONGEST_PREFIX]}.{_machine()}{secrets.token_hex(8)}.tmp"


def claim(descriptor: int) -> bool:
    """Lock a temporary file that was just made, until it is closed; return whether no process has removed it."""
    got = _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    # Without locks, nobody removes it.
    return got is None or (got and os.fstat(descriptor).st_nlink > 0)


def remove_leftover(file: Path) -> bool:
    """Remove a temporary file that no process writes any more, and return whether it was removed.

    Of the processes of this machine, the kernel knows that. What another machine wrote, or this one before it was
    started again, must be a week old besides: its file system's locks may not reach here.
    """
    with suppress(OSError):
        if not stat.S_ISREG(file.lstat().st_mode):
            return False
        with _opened(file, os.O_RDWR | os.O_NOFOLLOW) as descriptor:  # NFS locks no file that is opened to read
            ours = file.name.rpartition(".tmp")[0].rpartition(".")[2].startswith(_machine())
            if _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB) and (ours or _is_old(file)):
                file.unlink()
                return True
    return False


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Make a folder if there is none, and keep processes from removing it as `remove_unused` does.

    Several processes may use it at once.

    Raises
    ------
    OSError
        It cannot be made.
    """
    descriptor = _used(folder)
    try:
        yield
    finally:
        os.close(descriptor)


def remove_unused(folder: Path, *, old: bool = False) -> bool:
    """Remove a folder that no process uses, and return whether it was removed.

    Parameters
    ----------
    folder : Path
    old : bool
        Remove it only if nothing was written there for a week.
    """
    with suppress(OSError):
        if old and not _is_old(folder):
            return False
        with _opened(folder / _LOCK_NAME, os.O_RDWR | os.O_CREAT) as descriptor:
            if not _lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
                return False
            # First out of the way: a process that comes now makes a new one, and loses nothing of it.
            folder = folder.rename(temporary_beside(folder))
            shutil.rmtree(folder)
            return True
    return False


def _used(folder: Path) -> int:
    """Return a descriptor that holds a shared lock on a folder."""
    for _ in range(_ATTEMPTS):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = folder / _LOCK_NAME
        with suppress(FileNotFoundError):  # the folder was removed in between
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
            # Waits only while another process moves the folder away.
            _lock(descriptor, fcntl.LOCK_SH)
            with suppress(FileNotFoundError):
                if os.path.samestat(lock.stat(), os.fstat(descriptor)):
                    return descriptor
            os.close(descriptor)
    raise FileNotFoundError(errno.ENOENT, "it was removed again and again", str(folder))


@contextmanager
def _opened(file: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(file, flags, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, how: int) -> bool | None:
    """Lock a file, and return whether that succeeded; None where the file system has no locks."""
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@cache
def _machine() -> str:
    """Return eight digits for this machine since it was started."""
    try:
        name = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        name = gethostname()
    return sha256(name.encode()).hexdigest()[:8]


def _is_old(path: Path) -> bool:
    """Return whether nothing was written to a file or folder for long, by its file system's clock."""
    paths = [path, *path.rglob("*")] if path.is_dir() else [path]
    written = max(each.lstat().st_mtime for each in paths if each.name != _LOCK_NAME)
    with tempfile.TemporaryFile(dir=path.parent) as now:
        return os.fstat(now.fileno()).st_mtime - written > LONG_AGO_SECONDS
