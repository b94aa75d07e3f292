"""From a data source to the arrays that a method eats: the one room that joins databases and vision."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.databases.base import DataSource
from mer_bench.errors import MerBenchError
from mer_bench.specs import MethodSpec, ParameterValue
from mer_bench.store.files import digest, write_bytes
from mer_bench.store.schema import RepresentationRecord
from mer_bench.vision.regions import SIDE, TEMPLATE_LANDMARKS, recombine_regions

TEMPLATE_MARK = "template-landmarks"

_VERSIONS = {"face-flow": 1, "region-flow": 1}
"""Raised whenever a representation's code may give other arrays for the same sample."""

_GIVES = {"face-flow": ("face-flow", "region-flow")}
"""What can be made of each native representation."""

_MAP_SHAPE = (SIDE, SIDE, 3)


def describe_representation(
    spec: MethodSpec, params: Mapping[str, ParameterValue], source: DataSource
) -> RepresentationRecord:
    """Return the representation that a method with these parameters eats.

    Raises
    ------
    MerBenchError
        The data cannot give it.
    """
    name = spec.representation.name
    if name not in _GIVES.get(source.native, ()):
        raise MerBenchError(
            f"method {spec.name} needs the representation {name!r}, which this data (ready-made {source.native!r}) "
            "cannot give; choose another method, or data that holds the frames"
        )
    chosen = {parameter: params[parameter] for parameter in spec.representation.parameters}
    identity = {"name": name, "params": chosen, "version": _VERSIONS[name], "from": source.native}
    return {"name": name, "params": dict(chosen), "hash": digest(identity)}


def representation_marks(record: RepresentationRecord) -> tuple[str, ...]:
    """Return what must be said of figures on this representation.

    Ready-made maps come without landmarks, so that their key regions are cut at constant places.
    """
    cut = record["name"] == "region-flow" and record["params"].get("layout") != "whole-face"
    return (TEMPLATE_MARK,) if cut else ()


def compute_representation(source: DataSource, sample_ids: Sequence[str], record: RepresentationRecord) -> FloatArray:
    """Return the samples' arrays, stacked in the order of ``sample_ids``.

    Returns
    -------
    ndarray of shape (n, 28, 28, 3), float32
        Channels (u, v, os).

    Raises
    ------
    MerBenchError
        A sample cannot be loaded, or what is loaded is no map.
    """
    maps = (_load_map(source, sample_id) for sample_id in sample_ids)
    if record["name"] == "face-flow":
        return np.stack(list(maps))
    layout = str(record["params"]["layout"])
    return np.stack([recombine_regions(flow, TEMPLATE_LANDMARKS, layout) for flow in maps])


def stored_representation(
    folder: Path, key: str, compute: Callable[[], FloatArray], notice: Callable[[str], None]
) -> Path:
    """Return the file of a stacked representation, computing it where it is missing or damaged.

    Parameters
    ----------
    folder : Path
    key : str
        Hash of everything that the array depends on.
    compute : callable
        Makes the array.
    notice : callable
        Told of a damaged file.

    Returns
    -------
    Path
        A ``.npy`` file to be memory-mapped; its SHA-256 stands beside it.
    """
    file, checksum = folder / f"{key}.npy", folder / f"{key}.sha256"
    if file.exists():
        if checksum.exists() and checksum.read_bytes() == _checksum(file.read_bytes()):
            return file
        notice(f"{file} is damaged; it is computed anew")
    buffer = io.BytesIO()
    np.save(buffer, compute(), allow_pickle=False)
    content = buffer.getvalue()
    write_bytes(checksum, _checksum(content))
    write_bytes(file, content)
    return file


def _load_map(source: DataSource, sample_id: str) -> FloatArray:
    """Load a ``face-flow`` map, and make sure that it is one: a reader may come from a plugin."""
    loaded: object = source.load(sample_id)
    if not isinstance(loaded, np.ndarray) or not np.issubdtype(loaded.dtype, np.floating):
        what = f"dtype {loaded.dtype}" if isinstance(loaded, np.ndarray) else type(loaded).__name__
        raise MerBenchError(f"{sample_id}: the data's reader gave {what}, not an array of floats; mend the reader")
    if loaded.shape != _MAP_SHAPE:
        raise MerBenchError(
            f"{sample_id}: the data's reader gave an array of shape {loaded.shape}, not {_MAP_SHAPE}; mend the reader"
        )
    with np.errstate(over="ignore"):
        flow: FloatArray = np.asarray(loaded, dtype=np.float32)
    if not np.isfinite(flow).all():
        raise MerBenchError(f"{sample_id}: the map holds NaN or infinite values; mend the data or its reader")
    return flow


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
