"""What is saved of a training now and then, so that one that was interrupted goes on where it was."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from mer_bench.atomic import write_in_folders

_DIGEST, _SIZE = hashlib.sha256().digest_size, 4
"""Bytes at the beginning of a file: the SHA-256 of the rest, and the length of the facts; tensors follow these."""


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
        body = safetensors.torch.save({name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()})
        said = json.dumps(facts).encode()
        rest = len(said).to_bytes(_SIZE, "little") + said + body
        write_in_folders(self.file, hashlib.sha256(rest).digest() + rest)

    def load(self, device: torch.device) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return what was saved; None if nothing was, or the file is damaged."""
        try:
            content = self.file.read_bytes()
        except OSError:
            return None
        rest = memoryview(content)[_DIGEST:]
        if hashlib.sha256(rest).digest() != content[:_DIGEST]:
            return None
        body = _SIZE + int.from_bytes(rest[:_SIZE], "little")
        tensors = safetensors.torch.load(bytes(rest[body:]))
        return {name: tensor.to(device) for name, tensor in tensors.items()}, json.loads(bytes(rest[_SIZE:body]))

    def remove(self) -> None:
        """Remove the file: the training is complete."""
        # What cannot be removed is replaced, or cleaned up with the cache.
        with suppress(OSError):
            self.file.unlink()
