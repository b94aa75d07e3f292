"""The local file that pretrained weights come from: it exists, and has the given digest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mer_bench import MerBenchError, read_bounded

SAFETENSORS = ".safetensors"
_SUFFIXES = (SAFETENSORS, ".pth", ".pt", ".bin")
_MOST_BYTES = 4 << 30
_DIGEST = re.compile(r"[0-9a-f]{12,64}")


def validate(params: Mapping[str, Any]) -> None:
    """Refuse a file of weights that cannot be read, or has another digest."""
    read_file(params["weights"], params["weights_sha256"])


def read_file(weights: str, weights_sha256: str) -> tuple[bytes, str] | None:
    """Return a file's content and the lower-case suffix of its name, or None where no file is named.

    Raises
    ------
    MerBenchError
        The file cannot be read, is of another kind, or has another digest.
    """
    if not weights:
        if weights_sha256:
            raise MerBenchError(
                f"timm-backbone: weights_sha256={weights_sha256!r} is given without a file; set weights=PATH as well"
            )
        return None
    path = Path(weights).expanduser()
    try:
        content = read_bounded(path, _MOST_BYTES, "weights", "name a file of weights")
    except MerBenchError as error:
        raise MerBenchError(f"timm-backbone: weights={weights!r}: {error}") from error
    _check_digest(weights, weights_sha256, hashlib.sha256(content).hexdigest())
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise MerBenchError(f"timm-backbone: weights={weights!r} is not of a supported kind: {', '.join(_SUFFIXES)}")
    return content, suffix


def _check_digest(weights: str, given: str, actual: str) -> None:
    if not given:
        raise MerBenchError(
            f"timm-backbone: weights={weights!r} needs the file's digest, which makes its content part of a result's "
            f"key; set weights_sha256={actual}"
        )
    if not _DIGEST.fullmatch(given.lower()):
        raise MerBenchError(
            f"timm-backbone: weights_sha256={given!r} is not 12 to 64 hexadecimal digits; weights={weights!r} has "
            f"{actual}"
        )
    if not actual.startswith(given.lower()):
        raise MerBenchError(
            f"timm-backbone: weights={weights!r} is not the file of weights_sha256={given}; its digest is {actual}"
        )
