"""The file of weights that a training starts from: it has the given digest, and says whom they were trained on."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from mer_bench.bounded_files import open_bounded
from mer_bench.errors import MerBenchError

SUBJECTS = "mer-bench subjects"
"""In the file's metadata: the subjects of the training set, as a JSON list of names such as ``casme3/spNO.1``."""
_DIGEST = re.compile(r"[0-9a-f]{12,64}")
_NAMED = 3
_MOST_BYTES = 4 << 30
_PIECE = 1 << 20


@dataclass(frozen=True)
class InitialWeights:
    """A file of weights that was checked.

    Parameters
    ----------
    file : Path
    subjects : tuple of str or None
        The subjects that the weights were trained on; None if the file does not say.
    sha256 : str
        The whole digest of the file, in lower case, however it was given.
    """

    file: Path
    subjects: tuple[str, ...] | None
    sha256: str

    @classmethod
    def named(cls, init_from: str, init_sha256: str) -> InitialWeights:
        """Return the file that two training parameters name.

        Raises
        ------
        MerBenchError
            It cannot be read, has another digest, or is no safetensors file.
        """
        file = Path(init_from).expanduser()
        actual = _sha256(file, init_from)
        if not init_sha256:
            raise MerBenchError(
                f"init_from={init_from!r} needs the digest of the file, which makes its content part of a result's "
                f"key: set init_sha256={actual}"
            )
        if not _DIGEST.fullmatch(init_sha256.lower()) or not actual.startswith(init_sha256.lower()):
            raise MerBenchError(
                f"init_sha256={init_sha256} is not the digest of init_from={init_from!r}, or not its first 12 or more "
                f"hexadecimal digits; it is {actual}"
            )
        return cls(file, _subjects(file, init_from), actual)

    def check_subjects(self, evaluated: Collection[str]) -> None:
        """Refuse weights that were trained on a subject of the protocol: each of them is a test subject once.

        Raises
        ------
        MerBenchError
            There is one.
        """
        both = sorted(set(self.subjects or ()) & set(evaluated))
        if both:
            more = f" and {len(both) - _NAMED} more" if len(both) > _NAMED else ""
            raise MerBenchError(
                f"the weights in {self.file} were trained on {', '.join(both[:_NAMED])}{more}, which this protocol "
                "tests on; take weights that were trained on other subjects"
            )


def weights_metadata(subjects: Collection[str], facts: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata of a file of weights that were trained on some subjects."""
    return {SUBJECTS: json.dumps(sorted(set(subjects))), **facts}


def _sha256(file: Path, init_from: str) -> str:
    digest = hashlib.sha256()
    try:
        with open_bounded(file, _MOST_BYTES, "weights", "name a file of weights") as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
    except (OSError, MerBenchError) as error:
        raise MerBenchError(f"init_from={init_from!r}: {error}") from error
    return digest.hexdigest()


def _subjects(file: Path, init_from: str) -> tuple[str, ...] | None:
    try:
        with safe_open(file, "numpy") as opened:
            stated = (opened.metadata() or {}).get(SUBJECTS)
    except (OSError, SafetensorError) as error:
        raise MerBenchError(f"init_from={init_from!r} is not a safetensors file: {error}") from error
    if stated is None:
        return None
    try:
        subjects = json.loads(stated)
    except ValueError:
        return None
    return tuple(subjects) if isinstance(subjects, list) and all(isinstance(own, str) for own in subjects) else None
