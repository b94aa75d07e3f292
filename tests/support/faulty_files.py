"""A file system that fails now and then, for real processes: a ``sitecustomize`` that Python imports when it starts.

The environment says what fails: ``FAULTS`` names the kinds, ``FAULT_FOLDER`` where; ``FAULT_SEED`` begins the draws.
Each fault is written to the file ``FAULT_LOG``.
"""

from __future__ import annotations

import os
from pathlib import Path

SOURCE = """
import errno
import fcntl
import os
import pathlib
import random

KINDS = os.environ.get("FAULTS", "").split()
FOLDER = os.environ.get("FAULT_FOLDER", "")
DRAWS = random.Random(os.environ.get("FAULT_SEED", ""))
WRITES = (errno.EIO, errno.ENOSPC, errno.EDQUOT)
fsync, replace, flock, open_, glob = os.fsync, os.replace, fcntl.flock, os.open, pathlib.Path.glob
LISTED = {}


def fail(kind, path, numbers=WRITES, often=0.08):
    if kind in KINDS and str(path).startswith(FOLDER) and DRAWS.random() < often:
        number = DRAWS.choice(numbers)
        with open(os.environ["FAULT_LOG"], "a") as log:
            log.write(f"{kind} {errno.errorcode[number]}\\n")
        raise OSError(number, os.strerror(number), str(path))


def failing_fsync(descriptor):
    path = os.readlink(f"/proc/self/fd/{descriptor}")
    try:
        fail("writes", path)
    except OSError:
        os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)  # so much reached the disk
        raise
    fsync(descriptor)


def failing_open(path, flags, *arguments, **options):
    if flags & os.O_CREAT:
        fail("writes", path)
    return open_(path, flags, *arguments, **options)


def failing_replace(self, target):
    fail("writes", self)
    replace(self, target)
    fail("renames", self, (errno.ESTALE, errno.EIO), 0.5)
    return self.__class__(target)


def no_locks(descriptor, how):
    with open(os.environ["FAULT_LOG"], "a") as log:
        log.write("locks ENOLCK\\n")
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def stale_glob(self, pattern, **options):
    # The first listing of each folder is all that is ever seen of it.
    found = list(glob(self, pattern, **options))
    if str(self).startswith(FOLDER) and "seed-" in self.name:
        found = LISTED.setdefault((str(self), pattern), [])
    return iter(found)


os.fsync, os.open, pathlib.Path.replace = failing_fsync, failing_open, failing_replace
if "no-locks" in KINDS:
    fcntl.flock = no_locks
if "stale-lists" in KINDS:
    pathlib.Path.glob = stale_glob
"""


def faulty(site: Path, folder: Path, log: Path, *kinds: str, seed: int = 0) -> dict[str, str]:
    """Return the environment of a command, and of all processes below it, whose files under ``folder`` are faulty.

    Parameters
    ----------
    site : Path
        A folder for the module.
    folder : Path
    log : Path
        Gets one line for each fault.
    kinds : str
        ``writes`` (a file that cannot be made, written or renamed), ``renames`` (that happen, and report an error),
        ``no-locks``, ``stale-lists`` (no cell is ever listed).
    seed : int
    """
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(SOURCE)
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    own = {"FAULTS": " ".join(kinds), "FAULT_FOLDER": str(folder), "FAULT_SEED": str(seed), "FAULT_LOG": str(log)}
    return {**os.environ, "PYTHONPATH": path, **own}
