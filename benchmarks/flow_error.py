"""Accuracy of optical flow: mean end-point error on synthetic releases, by database and algorithm.

Usage: python benchmarks/flow_error.py [--size small] [--limit N]

All errors are in pixels of the aligned face, which is the input of methods. SMIC annotates no apex, so its pairs are
onset and offset. ``motion`` is the mean length of the true displacement, which is the error of a flow of zero.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.cache import Cache, cache_folder
from mer_bench.databases.open import open_source
from mer_bench.plugin_manager import load_catalogue
from mer_bench.representations.preprocess import computed_entry
from mer_bench.representations.preprocessing import Recipe
from mer_bench.representations.settings import PREPROCESSING
from mer_bench.representations.task import ARRAY, PreprocessTask, preprocess_task
from mer_bench.synthesis.release_writer import write_release
from mer_bench.vision.alignment import aligning_transform
from mer_bench.vision.choices import FLOW_PARAMETERS

_VARIANTS = (*((name, "match") for name in FLOW_PARAMETERS), ("tv-l1", "as-is"))


def main() -> None:
    """Write releases, preprocess them by each algorithm, and compare."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--size", default="small")
    arguments.add_argument("--limit", type=int, help="number of samples per database (default: all)")
    options = arguments.parse_args()
    settings = {parameter.name: parameter.default for parameter in PREPROCESSING}
    print(f"size of the aligned face: {settings['size']} pixels")
    for layout in ("smic", "samm", "casme2", "casme3"):
        with tempfile.TemporaryDirectory() as folder:
            release = Path(folder) / layout
            write_release(layout, release, size=options.size)
            source = open_source(str(release), {}, load_catalogue())
            samples = source.read_samples().ids[: options.limit]
            motion: list[float] = []
            errors: dict[tuple[str, str], list[float]] = {variant: [] for variant in _VARIANTS}
            for sample_id in samples:
                for (name, brightness), measured in errors.items():
                    chosen = {**settings, "flow": name, "brightness": brightness}
                    task = preprocess_task(source, sample_id, Recipe("flow", chosen))
                    flow = computed_entry(task, print).arrays[ARRAY][..., :2]
                    true = truth(np.load(release / "true_motion" / f"{sample_id}.npy").astype(np.float32), task)
                    measured.append(mean_length(flow - true))
                motion.append(mean_length(true))
        print(f"{layout}: {len(samples)} pairs, motion {np.mean(motion):.3f}")
        for (name, brightness), measured in errors.items():
            print(f"  {name}, brightness {brightness}: {np.mean(measured):.3f} (worst {max(measured):.3f})")


def truth(motion: FloatArray, task: PreprocessTask) -> FloatArray:
    """Map a true displacement, (height, width, 2) in pixels of the frame, to the aligned face and its pixels."""
    face = Cache(cache_folder()).read("face", task.recipe.key("face", task.sample_digest))
    assert face is not None
    side = int(str(task.recipe.params["size"]))
    transform = aligning_transform(face.arrays[ARRAY], side)
    aligned = cv2.warpAffine(motion, transform, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(aligned @ transform[:, :2].T, dtype=np.float32)


def mean_length(field: FloatArray) -> float:
    """Return the mean length of a field's vectors."""
    return float(np.linalg.norm(field, axis=-1).mean())


if __name__ == "__main__":
    main()
