"""What is saved of a training now and then, so that one that was interrupted goes on where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from mer_bench.atomic import write_in_folders

_META = "mer-bench"


@dataclass
class Checkpoint:
    """The file of one training.

    Parameters
    ----------
    file : Path
        Its name says whose it is: a file of other folds or settings has another.
    seconds : float
        From one saving to the next.
    """

    file: Path
    seconds: float = 180.0
    _saved: float = field(default_factory=time.monotonic)

    @property
    def due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() - self._saved >= self.seconds

    def save(self, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> None:
        """Replace the file by one with these tensors and facts."""
        # First, so that a full disk is not tried again at once.
        self._saved = time.monotonic()
        content = safetensors.torch.save(
            {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}, {_META: json.dumps(facts)}
        )
        write_in_folders(self.file, content)

    def load(self, device: torch.device) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return what was saved; None if nothing was, or the file is damaged."""
        try:
            with safe_open(self.file, "pt", device=str(device)) as opened:
                facts = json.loads((opened.metadata() or {})[_META])
                return {name: opened.get_tensor(name) for name in opened.keys()}, facts  # noqa: SIM118
        except (OSError, SafetensorError, KeyError, ValueError):
            return None

    def remove(self) -> None:
        """Remove the file: the training is complete."""
        # What cannot be removed is replaced, or cleaned up with the cache.
        with suppress(OSError):
            self.file.unlink()
