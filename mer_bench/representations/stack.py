"""All samples of a row stacked in one file, which every worker maps into memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

import numpy as np

from mer_bench.arrays import MAP_SIDE, FloatArray
from mer_bench.atomic import make_folders, open_atomically, write_in_folders
from mer_bench.cache import CacheError, InputGoneError, file_digest
from mer_bench.databases.base import DataSource
from mer_bench.errors import MerBenchError, Notice
from mer_bench.representations.resolve import recipe_of
from mer_bench.representations.task import ARRAY, preprocess_task
from mer_bench.store.schema import RepresentationRecord
from mer_bench.vision.choices import PHYSICAL
from mer_bench.vision.regions import TEMPLATE_LANDMARKS, recombine_regions
from mer_bench.vision.scaling import as_floats, scale_map

_MAP_SHAPE = (MAP_SIDE, MAP_SIDE, 3)


def compute_representation(
    source: DataSource, sample_ids: Sequence[str], record: RepresentationRecord, notice: Notice
) -> Iterator[tuple[FloatArray, Mapping[str, str]]]:
    """Yield the samples' arrays one by one, in the order of ``sample_ids``, each with its facts.

    What is computed from frames must be in the cache already.

    Facts name the detectors (``aligned_by``, ``regions_by``); a ready-made array has none.

    Yields
    ------
    ndarray, float32
        ``face-flow`` and ``region-flow``: (side, side, 3), channels (u, v, os); ``flow``: (size, size, 3), the same
        channels; ``frames``: (length, size, size, 1), grey levels from 0 to 255. Flow computed from frames is in
        pixels of the aligned face, whatever the size of the map; from 0 to 1 if it is scaled by map.

    Raises
    ------
    MerBenchError
        A sample cannot be loaded, or its reader does not give a map.
    InputGoneError
        The cache lacks what is computed from a sample's frames.
    """
    recipe = recipe_of(record)
    for sample_id in sample_ids:
        if recipe is None:
            yield _ready_made(load_map(source, sample_id), record), {}
        else:
            task = preprocess_task(source, sample_id, recipe)
            entry = task.cached(notice)
            if entry is None:
                # Not computed here: this process lacks the arithmetic of workers.
                raise InputGoneError(
                    f"{sample_id}: its representation in the cache was removed or damaged during the run; run the same "
                    "command again"
                )
            yield entry.arrays[ARRAY], entry.facts


def _ready_made(flow: FloatArray, record: RepresentationRecord) -> FloatArray:
    """Return a ready-made map as its record says: scaled if it is in physical units, and cut into key regions."""
    params = record["params"]
    scaled = scale_map(flow, str(params.get("scale", PHYSICAL))) if params["data_scale"] == PHYSICAL else flow
    if record["name"] == "face-flow":
        return as_floats(scaled)
    return recombine_regions(scaled, TEMPLATE_LANDMARKS, str(params["layout"]))


def stored_representation(
    folder: Path, key: str, count: int, compute: Callable[[], Iterator[FloatArray]], notice: Notice
) -> Path:
    """Return the file of a stacked representation; compute it if it is missing or damaged.

    Holds one sample at a time in memory.

    Parameters
    ----------
    folder : Path
    key : str
        A hash of everything that the array depends on.
    count : int
        Number of samples.
    compute : callable
        Yields their arrays, all of one shape.
    notice : callable
        Called with a sentence about a damaged file.

    Returns
    -------
    Path
        A ``.npy`` file; its SHA-256 is in the file ``<key>.sha256`` next to it.

    Raises
    ------
    CacheError
        The folder cannot be written.
    InputGoneError
        The folder was removed meanwhile.
    """
    file, checksum = folder / f"{key}.npy", folder / f"{key}.sha256"
    if is_stored(folder, key, notice):
        return file
    arrays = compute()
    first = next(arrays)
    try:
        make_folders(folder, 0o700)
        with open_atomically(file, 0o600) as stream:
            written = hashlib.sha256()
            header = {"descr": "<f4", "fortran_order": False, "shape": (count, *first.shape)}
            np.lib.format.write_array_header_1_0(stream, header)
            stream.seek(0)
            written.update(stream.read())
            for array in chain([first], arrays):
                content = np.ascontiguousarray(array, dtype="<f4").tobytes()
                stream.write(content)
                written.update(content)
            # Written before the file is renamed: a file without its checksum would count as damaged.
            write_in_folders(checksum, written.hexdigest().encode(), 0o600, 0o700)
    except FileNotFoundError as error:
        raise InputGoneError(f"{folder} was removed during the run; run the same command again") from error
    except OSError as error:
        raise CacheError.of(file, error) from error
    return file


def is_stored(folder: Path, key: str, notice: Notice) -> bool:
    """Return whether a stack exists and matches its checksum; a damaged one causes a notice."""
    file, checksum = folder / f"{key}.npy", folder / f"{key}.sha256"
    if not file.exists():
        return False
    # Another process may remove both.
    with suppress(OSError):
        if checksum.read_bytes() == file_digest(file).hex().encode():
            return True
    notice(f"{file} is damaged; it is computed again")
    return False


def load_map(source: DataSource, sample_id: str) -> FloatArray:
    """Load a ``face-flow`` map and check it, because the reader may be a plugin.

    Raises
    ------
    MerBenchError
        It is not a finite array of floats of shape (28, 28, 3).
    """
    loaded: object = source.load(sample_id)
    if not isinstance(loaded, np.ndarray) or not np.issubdtype(loaded.dtype, np.floating):
        what = f"dtype {loaded.dtype}" if isinstance(loaded, np.ndarray) else type(loaded).__name__
        raise MerBenchError(f"{sample_id}: the data's reader gave {what}, not an array of floats; fix the reader")
    if loaded.shape != _MAP_SHAPE:
        raise MerBenchError(
            f"{sample_id}: the data's reader gave an array of shape {loaded.shape}, not {_MAP_SHAPE}; fix the reader"
        )
    with np.errstate(over="ignore"):
        flow: FloatArray = np.asarray(loaded, dtype=np.float32)
    if not np.isfinite(flow).all():
        raise MerBenchError(f"{sample_id}: the map holds NaN or infinite values; fix the data or its reader")
    return flow
