"""Ready-made flow maps: a folder of 28×28 RGB PNGs and a CSV, in the public HTNet/CausalNet layout or MEGC2019's."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mer_bench.arrays import FLOW_CHANNELS, MAP_SIDE, FloatArray
from mer_bench.bounded_files import read_bounded
from mer_bench.databases.base import FACE_FLOW, DataSource, InputFacts
from mer_bench.databases.frame_files import checked_inside
from mer_bench.databases.label_csv import is_label_csv, read_labels
from mer_bench.databases.map_files import files_in, map_files, match_maps
from mer_bench.databases.maps_toml import MAGNITUDE, MAPS_FILE, UNNAMED, channels_of, plane_order, read_map_facts
from mer_bench.errors import MerBenchError
from mer_bench.samples import SampleTable

READER_VERSION = 1
"""Raised whenever `FlowMaps.load` would give other values for the same file: it is part of every digest."""

AS_STATED = "as-stated"
"""The option ``channel_order`` if `MAPS_FILE` states the order; without such a statement it is u, v, strain."""

_USUAL_ORDER = "u,v,os"
_RGB = 2
_COLOUR_TYPES = {0: "greyscale", _RGB: "RGB", 3: "palette", 4: "greyscale with alpha", 6: "RGBA"}
_MOST_BYTES = 1 << 20
_RESTORE = "restore it from the original data"


class FlowMaps(DataSource):
    """A folder with a label CSV and one PNG per sample, named ``<subject>_<clip>.png``.

    A map belongs to a row if both name the same sample: ``s01_s01_ne_01 .png`` (the public layout has that space),
    ``s01_s1_ne_01.png`` and ``6_006_1_2.png`` are all understood. CAS(ME)^3 maps end in ``@onset`` or ``_onset``, or
    all of them in ``_apex``, as HTNet's code names them. The maps may also be in one subfolder per database. PNGs that
    no row names are ignored. A file `MAPS_FILE` beside the CSV says what the maps are.

    The folder of maps and its subfolders may be links, for data on another disk. A link that is itself a PNG, the CSV
    or `MAPS_FILE` must stay inside the folder: it may come from an archive and name any file of this machine.
    """

    native = FACE_FLOW

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Return whether ``path`` has a label CSV and at least one PNG."""
        try:
            has_labels = path.is_dir() and any(is_label_csv(file) for file in files_in(path, ".csv"))
            return has_labels and any(True for _ in map_files(_maps_folder(path, "")))
        except (OSError, MerBenchError):
            return False

    @classmethod
    def resembles(cls, path: Path) -> bool:
        """Return whether ``path`` has a CSV, a PNG or a folder ``maps``; a workbook alone is for another reader."""
        return (path / "maps").is_dir() or any(file.suffix.lower() in (".csv", ".png") for file in path.iterdir())

    def input_facts(self) -> InputFacts:
        """Return what `MAPS_FILE` states; "unnamed maps" without such a file, or where `read_samples` refuses it."""
        try:
            return self._facts
        except MerBenchError:
            return UNNAMED

    def notes(self) -> tuple[str, ...]:
        """Return that the third channel is no strain, where `MAPS_FILE` says so."""
        if MAGNITUDE not in self.input_facts().channels:
            return ()
        return (f"{MAPS_FILE}: the maps hold the flow's magnitude in place of its optical strain",)

    def read_samples(self) -> SampleTable:
        """Return the samples of the CSV, after checking that each has one map; decodes none.

        Raises
        ------
        MerBenchError
            There is no usable CSV, a row of it cannot be used, a map is missing or ambiguous, or `MAPS_FILE` cannot be
            used or contradicts the option ``channel_order``.
        """
        table, _, _ = self._contents
        return table

    def load(self, sample_id: str) -> FloatArray:
        """Decode one map.

        Returns
        -------
        ndarray of shape (28, 28, 3), float32
            Channels (u, v, os), from the planes that `MAPS_FILE` or the option ``channel_order`` names; the PNG's
            values / 255, so in [0, 1]. The zero of u and v is unknown: each map was min-max scaled on its own.

        Raises
        ------
        MerBenchError
            The sample is not in the CSV, or its PNG is missing, damaged or not 28×28 8-bit RGB.
        """
        path = self._map_of(sample_id)
        content = self._bytes_of(sample_id)
        _check_header(path, content)
        _, _, order = self._contents
        planes = order.split(",")
        pixels = _decode(path, content)[..., [planes.index(channel) for channel in FLOW_CHANNELS]]
        return np.ascontiguousarray(pixels, dtype=np.float32) / np.float32(255)

    def digest(self, sample_id: str) -> str:
        """Return the SHA-256 over the file's bytes, the channel order and `READER_VERSION`."""
        _, _, order = self._contents
        settings = f"flow-maps {READER_VERSION} {order}\n"
        return hashlib.sha256(settings.encode() + self._bytes_of(sample_id)).hexdigest()

    @property
    def _folder(self) -> Path:
        if self.path is None or not self.path.is_dir():
            raise MerBenchError(f"flow-maps: {self.path} is not a folder; name the folder with the CSV and the PNGs")
        return self.path

    @cached_property
    def _facts(self) -> InputFacts:
        """What `MAPS_FILE` states, with the channels in the order in which they are read."""
        stated = read_map_facts(self._folder)
        order = str(self.options["channel_order"])
        if not stated.channels:
            return replace(stated, channels=channels_of(_USUAL_ORDER if order == AS_STATED else order))
        if order not in (AS_STATED, plane_order(stated.channels)):
            raise MerBenchError(
                f"the option channel_order={order} contradicts {self._folder / MAPS_FILE}, whose channels are "
                f"{', '.join(stated.channels)}; leave the option out, or correct the file"
            )
        return stated

    @cached_property
    def _contents(self) -> tuple[SampleTable, dict[str, Path], str]:
        """The samples, the map of each, and what the planes of a map are."""
        order = plane_order(self._facts.channels)
        samples = read_labels(_labels_file(self._folder, str(self.options["labels"])))
        table = SampleTable(samples)
        folder = _maps_folder(self._folder, str(self.options["maps"]))
        return table, match_maps(self._folder, folder, samples), order

    def _bytes_of(self, sample_id: str) -> bytes:
        return read_bounded(self._map_of(sample_id), _MOST_BYTES, f"a {MAP_SIDE}×{MAP_SIDE} map", _RESTORE)

    def _map_of(self, sample_id: str) -> Path:
        _, maps, _ = self._contents
        if sample_id not in maps:
            raise MerBenchError(f"{self.path} has no sample {sample_id!r}; its CSV names {len(maps)} others")
        return maps[sample_id]


def _labels_file(root: Path, chosen: str) -> Path:
    if chosen:
        return checked_inside(root, root / chosen)
    tables = sorted(files_in(root, ".csv"))
    if not tables:
        raise MerBenchError(f"{root} has no CSV of labels; put one there: dataset,sub,filename_o,label")
    if len(tables) > 1:
        names = ", ".join(path.name for path in tables)
        raise MerBenchError(f"{root} has several CSVs ({names}); choose one with the option labels={tables[0].name}")
    return checked_inside(root, tables[0])


def _maps_folder(root: Path, chosen: str) -> Path:
    folder = root / (chosen or "maps")
    if ".." in Path(chosen).parts or not folder.is_relative_to(root):
        raise MerBenchError(f"the option maps={chosen} leads out of {root}; name a folder inside it")
    if folder.is_dir():
        return folder
    if chosen:
        raise MerBenchError(f"{folder} is not a folder; set the option maps to the folder of PNGs inside {root}")
    return root


def _check_header(path: Path, content: bytes) -> None:
    # Read by hand: Pillow would silently halve 16-bit planes, and a huge size must be refused before it allocates.
    if len(content) < 26 or not content.startswith(b"\x89PNG\r\n\x1a\n") or content[12:16] != b"IHDR":
        raise MerBenchError(f"{path} is not a PNG or is cut short; {_RESTORE}")
    width, height, depth, colour = struct.unpack(">IIBB", content[16:26])
    if (width, height) != (MAP_SIDE, MAP_SIDE):
        raise MerBenchError(
            f"{path} is {width}×{height} (width×height) pixels; a flow map must be {MAP_SIDE}×{MAP_SIDE}"
        )
    if colour != _RGB or depth != 8:
        kind = _COLOUR_TYPES.get(colour, f"colour type {colour}")
        raise MerBenchError(f"{path} is a {depth}-bit {kind} PNG; save the map as 8-bit RGB")


def _decode(path: Path, content: bytes) -> NDArray[np.uint8]:
    try:
        # Decoding checks no chunk's checksum, and zlib its own only at the end of the stream, which damage can hide:
        # changed pixels would look like motion.
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            image.verify()
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            return np.array(image, dtype=np.uint8)
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error) as error:
        raise MerBenchError(f"{path} is a damaged PNG ({error}); {_RESTORE}") from error
