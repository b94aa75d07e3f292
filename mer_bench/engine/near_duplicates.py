"""Look for samples of different subjects that are nearly the same, in the inputs that a run stacks anyway."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from mer_bench.arrays import BoolArray, FloatArray, StringArray
from mer_bench.cache import InputGoneError, open_stack
from mer_bench.evaluation.cells import FoldTask
from mer_bench.evaluation.rows import Row
from mer_bench.store import Store
from mer_bench.store.near_duplicates import NearDuplicates, read_near_duplicates, write_near_duplicates

THRESHOLD = 0.95
"""Of the correlation of maps. Among the 442 maps of the composite database, the highest of two subjects is 0.70 (0.69
if their databases differ), and the highest of one subject's maps is 0.88; a map with noise of a fifth of its standard
deviation correlates with itself by 0.98."""
FRAMES_THRESHOLD = 0.98
"""Of frames: generated subjects, who are drawn from one face, reach 0.94. It was not tried on real frames."""
LISTED = 20
"""Pairs that a record holds."""
_SIDE = 28
"""Larger pictures are reduced to about this side."""
_AT_ONCE = 512
_FRAMES_AXES = 5
"""Of a stack of frames; one of maps has four."""
_ROUNDING = 1e-5
"""A contrast below this share of the largest value is rounding."""


def store_near_duplicates(store: Store, rows: Sequence[Row], tasks: Sequence[FoldTask], stacks: Path) -> None:
    """Compare the samples of each row that has a task and no record yet, and store what is found.

    A stack that is not in the cache, because only features of it are used, stays out: no score depends on it.

    Parameters
    ----------
    store : Store
    rows : sequence of Row
        Those of the plan.
    tasks : sequence of FoldTask
        Those of the run.
    stacks : Path
        The folder of stacked inputs.

    Raises
    ------
    MerBenchError
        The store cannot be written.
    """
    known: dict[str, NearDuplicates] = {}
    for row in [rows[number] for number in sorted({task.cell.row for task in tasks})]:
        if read_near_duplicates(store, row.record) is not None:
            continue
        with suppress(InputGoneError):
            if row.stack_key not in known:
                known[row.stack_key] = near_duplicates(row.stacked, open_stack(stacks / f"{row.stack_key}.npy"))
            write_near_duplicates(store, row.record, known[row.stack_key])


def near_duplicates(sample_ids: Sequence[str], stack: FloatArray) -> NearDuplicates:
    """Return the pairs of samples of different subjects whose inputs are nearly the same.

    Parameters
    ----------
    sample_ids : sequence of str
        In the order of the stack.
    stack : ndarray of shape (n, side, side, channels) or (n, frames, side, side, channels), float32
        Maps, or frames, of which the middle one is taken.
    """
    pictures, threshold = standardised(stack), FRAMES_THRESHOLD if stack.ndim == _FRAMES_AXES else THRESHOLD
    subjects = np.array([sample_id.rpartition("/")[0] for sample_id in sample_ids])
    highest, pairs = -1.0, []
    for first, correlations, counted in _blocks(pictures, subjects):
        highest = max(highest, float(correlations[counted].max(initial=-1.0)))
        pairs += [
            (float(correlations[i, j]), first + int(i), int(j))
            for i, j in np.argwhere(counted & (correlations >= threshold))
        ]
    pairs.sort(key=lambda pair: (-pair[0], pair[1:]))
    return {
        "threshold": threshold,
        "highest": round(highest, 6),
        "found": len(pairs),
        "pairs": [
            {"samples": sorted((sample_ids[i], sample_ids[j])), "correlation": round(value, 6)}
            for value, i, j in pairs[:LISTED]
        ],
    }


def standardised(stack: FloatArray) -> FloatArray:
    """Return one small picture of each sample, whose products are correlations.

    Each channel has mean 0, and each picture length 1, so that neither scale nor a head's constant motion counts. From
    frames, the mean over all samples is taken off first: faces are alike wherever they come from.

    Parameters
    ----------
    stack : ndarray
        As of `near_duplicates`.

    Returns
    -------
    ndarray of shape (n, n_values), float32
        A picture without any contrast is zero, and so like no other.
    """
    is_frames = stack.ndim == _FRAMES_AXES
    pictures = np.asarray(stack[:, stack.shape[1] // 2] if is_frames else stack, dtype=np.float32)
    step = max(1, min(pictures.shape[1:3]) // _SIDE)
    height, width = (side // step for side in pictures.shape[1:3])
    blocks = pictures[:, : height * step, : width * step].reshape(len(pictures), height, step, width, step, -1)
    small = blocks.mean(axis=(2, 4))
    if is_frames:
        small = small - small.mean(axis=0)
    flat = small.reshape(len(small), height * width, -1)
    centred = flat - flat.mean(axis=1, keepdims=True)
    contrast = np.sqrt((centred**2).mean(axis=1, keepdims=True))
    has_contrast = contrast > _ROUNDING * np.abs(flat).max(axis=1, keepdims=True)
    values = np.divide(centred, contrast, out=np.zeros_like(centred), where=has_contrast).reshape(len(flat), -1)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    found: FloatArray = np.divide(values, lengths, out=np.zeros_like(values), where=lengths > 0)
    return found


def _blocks(pictures: FloatArray, subjects: StringArray) -> Iterator[tuple[int, FloatArray, BoolArray]]:
    """Yield the correlations of some samples with all, the place of the first, and which pairs count, each once."""
    places = np.arange(len(pictures))
    for first in range(0, len(pictures), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        later = places[None] > places[part, None]
        yield first, pictures[part] @ pictures.T, later & (subjects[part, None] != subjects[None])
