"""A fence around results folders while a method works: they hold the true labels of the test samples."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from mer_bench.errors import MethodError

_MARKER = "store.json"
_FOLDERS = ("cells", "artifacts", "runs")
"""A store's folders with labels, scores and arguments. What else lies in a results folder may be a plugin's."""
_PATHS = {
    **dict.fromkeys(("open", "os.listdir", "os.scandir", "glob.glob"), 1),
    **dict.fromkeys(("os.link", "os.rename", "os.symlink"), 2),
}
"""The audit events that are looked at, and how many of their first arguments are paths."""


class ResultsFolderError(MethodError):
    """A method looked into a results folder."""


class _Watch:
    """Whether files are watched in this process now, and the paths refused since."""

    def __init__(self) -> None:
        self.installed = False
        self.depth = 0
        self.refused: list[str] = []
        # Each thread's own: looking for a store opens a file too.
        self.here = threading.local()


_WATCH = _Watch()


@contextmanager
def watched_files() -> Iterator[None]:
    """Refuse to open or list what a store has in its results folder, in all threads of this process, until the end.

    A results folder is known by its ``store.json``. Files that are opened without Python (by a library in C, or by
    another process) are not seen.

    Raises
    ------
    ResultsFolderError
        Where such a path is opened; and again at the end, in place of what the method made of the first.
    """
    if not _WATCH.installed:
        # For good: Python has no way to remove an audit hook.
        sys.addaudithook(_audit)
        _WATCH.installed = True
    if not _WATCH.depth:
        _WATCH.refused.clear()
        # There may be other results folders than the last time.
        _real.cache_clear()
        _is_refused.cache_clear()
    _WATCH.depth += 1
    try:
        yield
    finally:
        _WATCH.depth -= 1
        if _WATCH.refused:
            raise _refusal(_WATCH.refused[0])


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if not _WATCH.depth or event not in _PATHS or getattr(_WATCH.here, "looking", False):
        return
    _WATCH.here.looking = True
    try:
        refused = [path for path in map(_path_of, arguments[: _PATHS[event]]) if path and _is_inside(path)]
    finally:
        _WATCH.here.looking = False
    if refused:
        _WATCH.refused += refused
        raise _refusal(refused[0])


def _refusal(path: str) -> ResultsFolderError:
    return ResultsFolderError(
        f"the method looks into a results folder, at {path}; the labels of test samples are there: let it use what "
        "fit and predict are given, and nothing else"
    )


def _path_of(argument: object) -> str:
    """Return an event's argument as an absolute path; empty where it is none, such as a file's number."""
    if not isinstance(argument, (str, bytes, os.PathLike)):
        return str(Path.cwd()) if argument is None else ""
    try:
        return os.path.abspath(os.fsdecode(argument))  # noqa: PTH100  (for ".."; `_real` follows links)
    except (OSError, TypeError, ValueError):
        return ""


def _is_inside(path: str) -> bool:
    folder, name = os.path.split(path)
    return _is_refused(_real(folder)) or (name in _FOLDERS and _is_store(_real(folder)))


@lru_cache(maxsize=10_000)
def _real(folder: str) -> str:
    return str(Path(folder).resolve())


@lru_cache(maxsize=10_000)
def _is_refused(folder: str) -> bool:
    """Return whether a folder, without links, is one of a store's or inside it."""
    parent, name = os.path.split(folder)
    return (name in _FOLDERS and _is_store(parent)) or (parent != folder and _is_refused(parent))


def _is_store(folder: str) -> bool:
    try:
        content = json.loads(Path(folder, _MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and isinstance(content.get("schema"), int)
