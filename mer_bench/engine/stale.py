"""Remove from the cache what runs that have ended left behind, and nothing that another run may read."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from mer_bench.cache import STACKS, TRAINING
from mer_bench.locks import TEMPORARY_PATTERN, remove_leftover, remove_unused

_PARTS = re.compile("[0-9a-f]{64}")
_TEMPORARY = re.compile(TEMPORARY_PATTERN)


def remove_stale(cache: Path) -> None:
    """Remove temporary files and folders, and features of single samples that nobody needs any more.

    The features of an interrupted run are kept for a week after the last was written, and then until the next run.

    Parameters
    ----------
    cache : Path
        The folder of the cache.
    """
    for folder in (cache / STACKS, cache / TRAINING):
        with suppress(OSError):  # there is none yet, or somebody removes it
            for path in list(folder.iterdir()):
                if _TEMPORARY.fullmatch(path.name):
                    remove_unused(path) if path.is_dir() else remove_leftover(path)
                elif _PARTS.fullmatch(path.name) and path.is_dir():
                    remove_unused(path, old=not path.with_name(f"{path.name}.npy").exists())
