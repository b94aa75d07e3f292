"""A folder of computed arrays: one checksummed file per entry, named by a hash of everything that it depends on."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from mer_bench.arrays import FloatArray
from mer_bench.atomic import write_in_folders
from mer_bench.errors import MerBenchError, Notice
from mer_bench.locks import TEMPORARY_PATTERN

CACHE_VARIABLE = "MER_BENCH_CACHE"

SYNTHETIC = "synthetic"
"""The subfolder for synthetic releases."""

STACKS = "stacks"
"""The subfolder for the stacked inputs of rows."""

TRAINING = "training"
"""The subfolder for trainings that are not finished."""

_OURS = re.compile(rf"[0-9a-f]{{64}}\.(entry|digest)|{TEMPORARY_PATTERN}")
"""Other files in the folder are neither counted nor removed: a user may have chosen a folder that has such files."""
_TREES = (STACKS, SYNTHETIC, TRAINING)
"""Subfolders with files of any name."""


def cache_folder() -> Path:
    """Return the folder of the cache: ``MER_BENCH_CACHE``, else ``mer-bench`` in the user's cache folder."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(os.path.expanduser(named))  # noqa: PTH111  (pathlib's raises if there is no such user)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111
    return Path(base) / "mer-bench"


class CacheError(MerBenchError):
    """The cache cannot be written, neither this entry nor any other."""

    @classmethod
    def of(cls, file: Path, error: OSError) -> CacheError:
        """Return the error for a file that cannot be written."""
        return cls(
            f"the cache cannot be written: {file} ({error.strerror}); free some space there (or inodes: `df -i`), or "
            f"choose another folder with the environment variable {CACHE_VARIABLE}, and run the same command again"
        )


class InputGoneError(MerBenchError):
    """What the cache held for a run was removed or damaged since; it can be made again."""


def open_stack(file: Path) -> FloatArray:
    """Map a stacked input, which stays readable if its file is removed after that.

    Raises
    ------
    InputGoneError
        It cannot be opened.
    """
    try:
        stack: FloatArray = np.load(file, mmap_mode="r")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputGoneError(
            f"its input {file} was removed or damaged during the run ({reason}), which is no fault of the method; run "
            "the same command again"
        ) from error
    return stack


@dataclass(frozen=True)
class Entry:
    """Arrays, and facts about them, such as the detector that found the face."""

    arrays: Mapping[str, FloatArray]
    facts: Mapping[str, str]


class Cache:
    """Entries on disk, which several processes may read and write at once.

    The arrays show faces, so only the owner can read the folders and files that this class creates. ``notice`` is
    called with a sentence about each damaged entry.
    """

    def __init__(self, folder: Path, notice: Notice = lambda text: None) -> None:
        self.folder = folder
        self._notice = notice

    def read(self, kind: str, key: str) -> Entry | None:
        """Return an entry, or None if there is none or it is damaged."""
        file = self.path(kind, key)
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._notice(f"{file} cannot be read ({error.strerror}); it is computed again")
            return None
        entry = _parse(content)
        if entry is None:
            self._notice(f"{file} is damaged; it is computed again")
        return entry

    def write(self, kind: str, key: str, entry: Entry) -> None:
        """Store an entry atomically.

        Raises
        ------
        CacheError
            The folder cannot be written.
        """
        file = self.path(kind, key)
        body = safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in entry.arrays.items()})
        facts = json.dumps(dict(entry.facts), sort_keys=True).encode()
        rest = len(facts).to_bytes(4, "little") + facts + body
        self.write_file(file, hashlib.sha256(rest).digest() + rest)

    def write_file(self, file: Path, content: bytes) -> None:
        """Write a file of the cache atomically and create the folders above it; raises as `write` does."""
        try:
            write_in_folders(file, content, 0o600, 0o700)
        except OSError as error:
            raise CacheError.of(file, error) from error

    def usage(self) -> dict[str, tuple[int, int]]:
        """Return, for each kind of content, the number of files and their size in bytes."""
        used: dict[str, tuple[int, int]] = {}
        for kind, file in self._files():
            with suppress(FileNotFoundError):  # another process may be clearing the cache
                files, size = used.get(kind, (0, 0))
                used[kind] = (files + 1, size + file.stat().st_size)
        return dict(sorted(used.items()))

    def clear(self) -> int:
        """Remove every file that mer-bench wrote here, and return the number of bytes freed."""
        freed = 0
        for _, file in list(self._files()):
            with suppress(FileNotFoundError):
                freed += file.stat().st_size
                file.unlink()
        for name in _TREES:
            for folder in sorted((self.folder / name).rglob("*"), reverse=True):
                if folder.is_dir():
                    with suppress(OSError):  # it contains other files
                        folder.rmdir()
        return freed

    def _files(self) -> Iterator[tuple[str, Path]]:
        """Yield the files of mer-bench: entries, temporary files of killed processes, and both subfolders."""
        for kind in sorted(self.folder.iterdir()) if self.folder.is_dir() else ():
            if kind.name in _TREES:
                yield from ((kind.name, file) for file in sorted(kind.rglob("*")) if file.is_file())
            else:
                yield from ((kind.name, file) for file in sorted(kind.glob("??/*")) if _OURS.fullmatch(file.name))

    def path(self, kind: str, key: str) -> Path:
        """Return the file of an entry."""
        return self.folder / kind / key[:2] / f"{key}.entry"


def content_digest(files: Sequence[Path]) -> str:
    """Return the SHA-256 over the contents of files, in their order; their names and folders do not enter it.

    Files whose sizes, time stamps and inodes are unchanged are not read again: the cache remembers their hash.

    Raises
    ------
    MerBenchError
        A file cannot be read.
    """
    states = [_state(file) for file in files]
    identity = hashlib.sha256(json.dumps([str(file.absolute()) for file in files]).encode()).hexdigest()
    cache = Cache(cache_folder())
    record = cache.folder / "digests" / identity[:2] / f"{identity}.digest"
    remembered = _remembered(record, states)
    if remembered is not None:
        return remembered
    whole = hashlib.sha256()
    for file in files:
        with _readable(file):
            whole.update(file_digest(file))
    if states == [_state(file) for file in files]:
        content = json.dumps({"states": states, "digest": whole.hexdigest()}).encode()
        with suppress(CacheError):  # the files are then hashed again next time
            cache.write_file(record, hashlib.sha256(content).digest() + content)
    return whole.hexdigest()


def _parse(content: bytes) -> Entry | None:
    checksum, rest = content[:32], content[32:]
    if hashlib.sha256(rest).digest() != checksum:
        return None
    # If `rest` is shorter than the four bytes of the size, no arrays follow, which safetensors refuses.
    size = int.from_bytes(rest[:4], "little")
    try:
        return Entry(safetensors.numpy.load(rest[4 + size :]), json.loads(rest[4 : 4 + size]))
    except (SafetensorError, ValueError):
        return None


def _state(file: Path) -> list[int]:
    with _readable(file):
        status = file.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def file_digest(file: Path) -> bytes:
    """Return the SHA-256 of a file, read in parts of 1 MiB; raises OSError."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while part := stream.read(1 << 20):
            digest.update(part)
    return digest.digest()


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MerBenchError(f"{file} cannot be read ({error.strerror}); restore it from the release") from error


def _remembered(record: Path, states: list[list[int]]) -> str | None:
    """Return the digest that the cache remembers for files in these states; None if it has none, or a damaged one."""
    try:
        stored = record.read_bytes()
    except OSError:
        return None
    checksum, content = stored[:32], stored[32:]
    if checksum != hashlib.sha256(content).digest():
        return None
    remembered = json.loads(content)
    return str(remembered["digest"]) if remembered["states"] == states else None
