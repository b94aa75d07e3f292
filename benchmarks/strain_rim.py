"""Strain at the rim of the aligned face on synthetic releases, by margin and algorithm, with the cost of each margin.

Usage: python benchmarks/strain_rim.py [--size tiny] [--limit N]

For each variant: the median of (largest strain on the outermost pixels / largest inside), the share of clips whose
largest strain is on the outermost pixels, the mean end-point error and the mean error of the strain (both on the whole
face and on its outer 8 pixels), and the seconds of the flow. The variants take turns on every clip, so their seconds
can be compared. ``brightness as-is`` is not matched; ``gradient after the cut`` differentiates the flow at the crop's
border one-sidedly; ``margin repeated`` fills the margin with the crop's own border; ``true motion`` is the strain of
the displacement that the release was rendered with.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from flow_error import truth

from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.databases.images import read_image
from mer_bench.databases.open import open_source
from mer_bench.plugin_manager import load_catalogue
from mer_bench.representations.preprocess import computed_entry
from mer_bench.representations.preprocessing import Recipe
from mer_bench.representations.settings import PREPROCESSING
from mer_bench.representations.task import ARRAY, preprocess_task
from mer_bench.strain import optical_strain
from mer_bench.synthesis.release_writer import write_release
from mer_bench.vision.alignment import align, aligning_transform, match_brightness
from mer_bench.vision.optical_flow import optical_flow

_BAND = 8


@dataclass(frozen=True)
class Variant:
    """A way to compute flow and strain of the aligned face."""

    algorithm: str = "tv-l1"
    margin: int = 0
    brightness: str = "match"
    gradient: str = "before the cut"
    filled: str = "frame"

    def __str__(self) -> str:
        other = [f"brightness {self.brightness}"] if self.brightness != "match" else []
        other += [f"gradient {self.gradient}"] if self.gradient != "before the cut" else []
        other += [f"margin {self.filled}"] if self.filled != "frame" else []
        return ", ".join([self.algorithm, f"margin {self.margin}", *other])


_VARIANTS = (
    *(Variant(margin=margin) for margin in (0, 4, 8, 12, 16)),
    Variant(brightness="as-is"),
    Variant(margin=12, gradient="after the cut"),
    Variant(margin=12, filled="repeated"),
    *(Variant(name, margin) for name in ("farneback", "dis") for margin in (0, 12)),
)


@dataclass(frozen=True)
class Pair:
    """The frames of a clip, the transform that aligns them, and the true motion on the aligned face."""

    onset: ByteArray
    apex: ByteArray
    transform: FloatArray
    size: int
    motion: FloatArray


def main() -> None:
    """Measure all variants on the clips of four releases, and print a line for each."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--size", default="tiny")
    arguments.add_argument("--limit", type=int, help="number of samples per database (default: all)")
    options = arguments.parse_args()
    measured: dict[str, list[list[float]]] = defaultdict(list)
    for pair in pairs(options.size, options.limit):
        strain = optical_strain(pair.motion)
        measured["true motion"].append([rim_ratio(strain), 0.0, 0.0, 0.0, 0.0, 0.0])
        for variant in _VARIANTS:
            measured[str(variant)].append(measure(pair, variant, strain))
    print(f"{len(measured['true motion'])} clips")
    print("variant: rim/inside, maximum on the rim; flow error (outer 8 pixels); strain error (outer 8); seconds")
    for name, rows in measured.items():
        ratios = np.array(rows)[:, 0]
        flow, flow_band, strain_error, strain_band, seconds = np.array(rows)[:, 1:].mean(axis=0)
        print(
            f"{name}: {np.median(ratios):.2f}, {np.mean(ratios > 1):.0%}; {flow:.4f} ({flow_band:.4f}); "
            f"{strain_error:.5f} ({strain_band:.5f}); {seconds:.3f}"
        )


def pairs(size: str, limit: int | None) -> Iterator[Pair]:
    """Yield the onset and apex frames of every clip of the four databases."""
    settings = {parameter.name: parameter.default for parameter in PREPROCESSING}
    side = int(str(settings["size"]))
    for layout in ("smic", "samm", "casme2", "casme3"):
        with tempfile.TemporaryDirectory() as folder:
            release = Path(folder) / layout
            write_release(layout, release, size=size)
            source = open_source(str(release), {}, load_catalogue())
            for sample_id in source.read_samples().ids[:limit]:
                task = preprocess_task(source, sample_id, Recipe("face", settings))
                transform = aligning_transform(computed_entry(task, print).arrays[ARRAY], side)
                onset, apex = (read_image(task.clip.frames[index]) for index in (0, task.clip.apex))
                true = np.load(release / "true_motion" / f"{sample_id}.npy").astype(np.float32)
                yield Pair(onset, apex, transform, side, truth(true, task))


def measure(pair: Pair, variant: Variant, true_strain: FloatArray) -> list[float]:
    """Return rim ratio, flow error, the same of the outer pixels, strain error, the same, and seconds."""
    taken = 0 if variant.filled == "repeated" else variant.margin
    onset, apex = (align(image, pair.transform, pair.size, taken) for image in (pair.onset, pair.apex))
    if variant.brightness == "match":
        apex = match_brightness(apex, onset)
    if variant.filled == "repeated":
        onset, apex = (np.pad(image, variant.margin, mode="edge") for image in (onset, apex))
    started = time.process_time()
    flow = optical_flow(onset, apex, variant.algorithm)
    seconds = time.process_time() - started
    inside = slice(variant.margin, variant.margin + pair.size)
    cut = flow[inside, inside]
    strain = optical_strain(cut) if variant.gradient == "after the cut" else optical_strain(flow)[inside, inside]
    flow_error, strain_error = np.linalg.norm(cut - pair.motion, axis=-1), np.abs(strain - true_strain)
    band = np.ones((pair.size, pair.size), dtype=bool)
    band[_BAND:-_BAND, _BAND:-_BAND] = False
    errors = (flow_error, flow_error[band], strain_error, strain_error[band])
    return [rim_ratio(strain), *(float(error.mean()) for error in errors), seconds]


def rim_ratio(strain: FloatArray) -> float:
    """Return the largest value on the outermost pixels divided by the largest of the others."""
    rim = np.ones(strain.shape, dtype=bool)
    rim[1:-1, 1:-1] = False
    return float(strain[rim].max() / strain[~rim].max())


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
