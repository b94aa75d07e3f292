"""A disk that is soon full: a file system in memory of a few pages or inodes, in a mount namespace of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from support.bench import Ended


class SmallDisk:
    """A file system that is mounted on a folder for the commands that it runs, and for no other process.

    Parameters
    ----------
    folder : Path
        An existing folder; other processes see it empty.
    options : str
        Of the mount: ``size=64k`` or ``nr_inodes=20``.
    """

    def __init__(self, folder: Path, options: str) -> None:
        self.folder = folder
        is_root = os.getuid() == 0
        script = 'mount -t tmpfs -o "$1" tmpfs "$0" && echo mounted && exec cat'
        # The namespace lives as long as this process, which ends with the test's.
        self._holder = subprocess.Popen(
            ["unshare", "-m" if is_root else "-Urm", "sh", "-c", script, str(folder), options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._holder.stdout is not None
        self.is_mounted = self._holder.stdout.readline() == "mounted\n"
        user = [] if is_root else ["-U", "--preserve-credentials"]
        self._enter = ["nsenter", "-t", str(self._holder.pid), "-m", *user]

    @staticmethod
    def is_possible() -> bool:
        """Return whether this system has what is needed to ask for one."""
        return shutil.which("unshare") is not None and shutil.which("nsenter") is not None

    def grow(self, options: str) -> None:
        """Change the size, as if somebody had removed other files."""
        self._run("mount", "-o", f"remount,{options}", str(self.folder))

    def mer_bench(self, *arguments: str | Path) -> Ended:
        """Run the command line there, in its own process."""
        done = self._run(sys.executable, "-m", "mer_bench", *map(str, arguments), check=False)
        return Ended(done.returncode, done.stdout, done.stderr)

    def copy(self, target: Path) -> None:
        """Copy what is on the disk to where this process sees it."""
        # The target is outside the mount, and so the same in both namespaces.
        self._run("cp", "-a", str(self.folder), str(target))

    def end(self) -> None:
        """Unmount it."""
        self._holder.communicate()

    def _run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self._enter, *command], capture_output=True, text=True, timeout=120, check=check)
