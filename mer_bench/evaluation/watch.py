"""A fence around results folders while a method works: they hold the true labels of the test samples."""

# ruff: noqa: PTH112, PTH115, PTH117, PTH118, PTH119, PTH120, PTH208
# Audit events hold texts, bytes and numbers, and each opened file costs this.

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mer_bench.errors import MethodError

_MARKER = "store.json"
_FOLDERS = ("cells", "artifacts", "runs")
"""A store's folders with labels, scores and arguments. What else lies in a results folder may be a plugin's."""
_PATHS = {
    **dict.fromkeys(("open", "os.listdir", "os.scandir", "glob.glob"), 1),
    **dict.fromkeys(("os.chmod", "os.remove", "os.truncate"), 1),
    **dict.fromkeys(("os.link", "os.rename", "os.symlink"), 2),
}
"""The audit events that are looked at, and how many of their first arguments are paths."""
_DESCRIPTORS = "/proc/self/fd"


class ResultsFolderError(MethodError):
    """A method looked into a results folder."""


class _Watch:
    """Whether files are watched in this process now, the paths refused since, and the stores seen since."""

    def __init__(self) -> None:
        self.installed = False
        self.depth = 0
        self.refused: list[str] = []
        self.stores: set[str] = set()
        # Each thread's own: looking for a store opens a file too.
        self.here = threading.local()


_WATCH = _Watch()


@contextmanager
def watched_files() -> Iterator[None]:
    """Refuse to open or list what a store has in its results folder, in all threads of this process, until the end.

    A results folder is known by its ``store.json``, which cannot be opened or moved either. Files that are opened
    without Python (by a library in C, or by another process) are not seen.

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
        _WATCH.stores.clear()
    _WATCH.depth += 1
    try:
        yield
    finally:
        _WATCH.depth -= 1
        check_refused()


def check_refused() -> None:
    """Raise again if a path was refused since the watch began, whatever the method made of that.

    Raises
    ------
    ResultsFolderError
    """
    if _WATCH.refused:
        raise _refusal(_WATCH.refused[0])


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if not _WATCH.depth or event not in _PATHS or getattr(_WATCH.here, "looking", False):
        return
    _WATCH.here.looking = True
    try:
        paths = [path for argument in arguments[: _PATHS[event]] for path in _paths_of(argument)]
        refused = [path for path in paths if _is_inside(path) or (event == "os.rename" and _is_store(path))]
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


def _paths_of(argument: object) -> Iterator[str]:
    """Yield the absolute paths, without links, that an event's argument may stand for; none where it is no path.

    A relative path may start at any folder that this process holds open: the event of `os.open` does not tell
    ``dir_fd``.
    """
    try:
        if isinstance(argument, int):
            argument = os.readlink(f"{_DESCRIPTORS}/{argument}")
        text = os.fsdecode(os.curdir if argument is None else argument)  # type: ignore[arg-type]
    except (OSError, TypeError, ValueError):
        return
    for folder in [os.curdir] if os.path.isabs(text) else [os.curdir, *_open_folders()]:
        path = os.path.join(folder, text)
        # The current folder may be gone.
        with suppress(OSError, ValueError):
            # A link is refused where it lies in a store, and where it leads into one.
            yield os.path.realpath(path)
            yield os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def _open_folders() -> list[str]:
    links = []
    with suppress(OSError):
        links = [f"{_DESCRIPTORS}/{number}" for number in os.listdir(_DESCRIPTORS)]
    return [link for link in links if os.path.isdir(link)]


def _is_inside(path: str) -> bool:
    """Return whether a path, without links, is the marker of a store, one of its folders, or inside such a folder."""
    folder, name = os.path.split(path)
    if name == _MARKER or name in _FOLDERS:
        return _is_store(folder) or _is_inside(folder)
    return folder != path and _is_inside(folder)


def _is_store(folder: str) -> bool:
    """Return whether a folder is a store; it stays one until the watch ends, whatever becomes of its marker."""
    if folder in _WATCH.stores:
        return True
    try:
        content = json.loads(Path(folder, _MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if isinstance(content, dict) and isinstance(content.get("schema"), int):
        _WATCH.stores.add(folder)
    return folder in _WATCH.stores
