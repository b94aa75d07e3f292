"""The file of a cell's scores of every epoch: safetensors, whose SHA-256 is in the cell."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from mer_bench.arrays import FloatArray
from mer_bench.store.files import write_bytes


def write_scores_file(file: Path, sample_ids: list[str], scores: FloatArray) -> str:
    """Write a file and return its SHA-256; raises as `write_bytes` does.

    Parameters
    ----------
    file : Path
    sample_ids : list of str
        The held-out subject's samples, in the order of axis 1.
    scores : ndarray of shape (n_epochs, n_samples, n_classes), float32
    """
    tensors = {"scores": np.ascontiguousarray(scores, dtype=np.float32)}
    content = safetensors.numpy.save(tensors, {"sample_ids": json.dumps(sample_ids)})
    write_bytes(file, content)
    return hashlib.sha256(content).hexdigest()


def read_scores_file(file: Path, sha256: str | None = None) -> tuple[Any, FloatArray]:
    """Return sample ids, which are not checked, and scores.

    Parameters
    ----------
    file : Path
    sha256 : str, optional
        What the cell states.

    Raises
    ------
    FileNotFoundError
        There is none.
    ValueError
        It cannot be read, or is not the file of its cell.
    """
    try:
        if sha256 is not None and hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
            raise ValueError("its checksum is not the one in its cell: it was damaged or edited")
        with safetensors.safe_open(str(file), framework="numpy") as stream:
            sample_ids = json.loads(stream.metadata()["sample_ids"])
            scores: FloatArray = stream.get_tensor("scores")
    except FileNotFoundError:
        raise
    # AttributeError: a data type that numpy lacks. RecursionError: ids that are nested too deeply.
    except (OSError, SafetensorError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return sample_ids, scores


def read_last_scores(file: Path) -> tuple[Any, int, FloatArray]:
    """Return sample ids, which are not checked, the number of epochs, and the scores of the last one.

    The rest of the file is not read, so its SHA-256 is not known.

    Parameters
    ----------
    file : Path

    Returns
    -------
    sample_ids : object
    n_epochs : int
        At least 1.
    scores : ndarray of shape (n_samples, n_classes), float32

    Raises
    ------
    FileNotFoundError
        There is none.
    ValueError
        It cannot be read.
    """
    try:
        with safetensors.safe_open(str(file), framework="numpy") as stream:
            sample_ids = json.loads(stream.metadata()["sample_ids"])
            scores = stream.get_slice("scores")
            n_epochs, n_samples, n_classes = scores.get_shape()
            last: FloatArray = scores[n_epochs - 1 : n_epochs].reshape(n_samples, n_classes)
    except FileNotFoundError:
        raise
    # As in `read_scores_file`.
    except (OSError, SafetensorError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return sample_ids, n_epochs, last


def scores_digest(file: Path) -> str:
    """Return the SHA-256 of a file, whatever it holds; empty if it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""
