"""What a result was computed with: versions and hardware, for a run's manifest."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mer_bench.arithmetic import processor

_PACKAGES = ("numpy", "scikit-learn", "torch", "timm", "opencv-contrib-python", "pandas", "pillow")


def environment() -> dict[str, object]:
    """Return versions, hardware and, in a checkout, the git state; nothing that names a user or a path."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor(),
        "packages": {name: installed for name in _PACKAGES if (installed := _version(name))},
        "gpu": _gpu(),
        "git": _git_state(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _gpu() -> str | None:
    """Return the GPU's name if torch is imported already: a run without networks does not import it for this."""
    torch = sys.modules.get("torch")
    return torch.cuda.get_device_name(0) if torch is not None and torch.cuda.is_available() else None


def _git_state() -> str | None:
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
