"""Digests of what every numerical step computes, to compare processors: equal digests are results equal to the bit.

Usage: python benchmarks/processor_digest.py [--only TASK ...] [--json FILE] [--against FILE] [--launcher COMMAND]

Runs each task in a process of its own, once with each arithmetic of `mer_bench.arithmetic`, and prints the first digits
of the SHA-256 of its result, and the ratio of the processor times. The inputs are made by integer arithmetic, so that
they are the same everywhere. ``--json`` writes what was printed; ``--against`` names such a file of another processor,
and marks what differs. ``--launcher "qemu-x86_64 -cpu Haswell"`` runs the tasks on an emulated processor.

Digests are comparable only with the same packages (`constraints.txt`), the same C library and the same options.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from mer_bench.arithmetic import AVX2, NATIVE, processor, worker_environment
from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.engine.environment import environment
from mer_bench.methods.method import LabelledSamples, UnlabelledSamples
from mer_bench.methods.setting import MethodSetting
from mer_bench.parameters import ParameterValue
from mer_bench.plugin_manager import load_catalogue
from mer_bench.representations.preprocessing import sample_shape
from mer_bench.specs import QUICK_PRESET, MethodSpec
from mer_bench.threads import one_thread

Task = Callable[[argparse.Namespace], "Sequence[Any]"]
"""Computes arrays from the options."""


class Outcome(TypedDict):
    """What one task gave with one arithmetic."""

    digest: str
    seconds: float
    """Processor time of the fastest round."""


def main() -> None:
    """Run one task in this process, or every task in processes of their own."""
    options = _arguments()
    tasks = {**_network_tasks(), **TASKS}
    if options.task:
        print(json.dumps(run_task(tasks[options.task], options)))
        return
    chosen = options.only or list(tasks)
    if unknown := sorted(set(chosen) - set(tasks)):
        raise SystemExit(f"unknown tasks: {', '.join(unknown)}; these exist: {', '.join(tasks)}")
    before = json.loads(options.against.read_text(encoding="utf-8")) if options.against else None
    measured = {
        "processor": processor(),
        "launcher": options.launcher,
        "libc": " ".join(platform.libc_ver()),
        "packages": environment()["packages"],
        "options": {name: getattr(options, name) for name in ("epochs", "samples", "size")},
        "outcomes": {name: compare(name, options, before) for name in chosen},
    }
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


def compare(name: str, options: argparse.Namespace, before: Mapping[str, Any] | None) -> dict[str, Outcome | str]:
    """Run a task with every arithmetic, print a line, and return what each gave; or why it gave nothing."""
    outcomes = {chosen: _in_process(name, chosen, options) for chosen in options.arithmetic}
    cells, seconds = [], []
    for chosen, outcome in outcomes.items():
        if isinstance(outcome, str):
            cells.append(f"{chosen} failed: {outcome}")
            continue
        seconds.append(outcome["seconds"])
        other = before["outcomes"].get(name, {}).get(chosen, {}) if before else {}
        same = "" if not other else " same" if other["digest"] == outcome["digest"] else " DIFFERS"
        cells.append(f"{chosen} {outcome['digest']}{same}")
    if len(seconds) == 2:
        cells.append(f"{options.arithmetic[1]}/{options.arithmetic[0]} {seconds[1] / seconds[0]:.2f}")
    print(f"{name:<22} {'   '.join(cells)}   ({', '.join(f'{value:.2f} s' for value in seconds)})", flush=True)
    return outcomes


def run_task(task: Task, options: argparse.Namespace) -> Outcome:
    """Compute a task several times, and return its digest and the least processor time."""
    digests, seconds = set(), []
    with one_thread():
        for _ in range(options.rounds):
            started = time.process_time()
            arrays = task(options)
            seconds.append(time.process_time() - started)
            hashed = hashlib.sha256()
            for array in arrays:
                hashed.update(np.ascontiguousarray(array).tobytes())
            digests.add(hashed.hexdigest()[:12])
    return {"digest": "/".join(sorted(digests)), "seconds": round(min(seconds), 4)}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", metavar="TASK", help="these tasks (default: all)")
    parser.add_argument("--arithmetic", nargs="+", default=[NATIVE, AVX2], choices=[NATIVE, AVX2])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--samples", type=int, default=200, help="training samples")
    parser.add_argument("--size", type=int, default=192, help="side of a frame in pixels")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--against", type=Path, metavar="FILE")
    parser.add_argument("--launcher", default="", metavar="COMMAND", help="an emulator and its options")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    return parser.parse_args()


def _in_process(name: str, chosen: str, options: argparse.Namespace) -> Outcome | str:
    pinned = {*worker_environment(AVX2), *worker_environment(NATIVE)}
    inherited = {key: value for key, value in os.environ.items() if key not in pinned}
    same = ("epochs", "samples", "size", "rounds")
    done = subprocess.run(
        [*options.launcher.split(), sys.executable, __file__, "--task", name]
        + [word for option in same for word in (f"--{option}", str(getattr(options, option)))],
        env={**inherited, **worker_environment(chosen)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return f"exit code {done.returncode}: {(done.stderr.strip().splitlines() or [''])[-1]}"
    outcome: Outcome = json.loads(done.stdout.splitlines()[-1])
    return outcome


def _network_tasks() -> dict[str, Task]:
    """Return the training of each installed network, with its preset ``quick``."""
    names = [name for name, spec in load_catalogue().methods.items() if spec.trains_by_epoch]
    return {name: partial(train, name) for name in names}


def train(name: str, options: argparse.Namespace) -> Sequence[FloatArray]:
    """Return a network's probabilities after each epoch, on a test set of 20 samples and on one of a single sample."""
    from mer_bench.methods.instances import make_instance
    from mer_bench.methods.torch_method import TorchMethod
    from mer_bench.training.trainer import train_fold

    spec = load_catalogue().method(name)
    params = spec.resolve(QUICK_PRESET if QUICK_PRESET in spec.presets else None, {"epochs": str(options.epochs)})
    method = make_instance(MethodSetting(spec, params, 3))
    assert isinstance(method, TorchMethod)
    inputs = noise((options.samples, *input_shape(spec, params)))
    fold = LabelledSamples(inputs, labels(options), np.array(["a"] * options.samples))
    return train_fold(
        method, fold, [UnlabelledSamples(inputs[:20]), UnlabelledSamples(inputs[:1])], seed=1, device="cpu"
    )


def fit(name: str, options: argparse.Namespace) -> Sequence[FloatArray]:
    """Return a classical method's features, where it has any, and its scores."""
    from mer_bench.methods.instances import make_instance
    from mer_bench.methods.method import Method

    spec = load_catalogue().method(name)
    params = spec.resolve(None, {})
    setting = MethodSetting(spec, params, 3)
    method = make_instance(setting)
    assert isinstance(method, Method)
    count = options.samples if spec.features is None else options.samples // 10
    inputs = noise((count, *input_shape(spec, params)))
    if spec.representation.name == "frames":
        inputs = np.floor(inputs * 256)
    if spec.features is not None:
        inputs = np.stack([method.extract(sample) for sample in inputs])
    rest, truth = inputs[: count // 4], labels(options)[:count]
    method.fit(LabelledSamples(inputs, truth, np.array([f"s{index % 7}" for index in range(count)])), seed=1)
    return [inputs, method.predict(UnlabelledSamples(rest))]


def scalers(options: argparse.Namespace) -> Sequence[FloatArray]:
    """Return what scikit-learn's scalers and its PCA make of flattened maps."""
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    values = noise((options.samples, 28 * 28 * 3))
    made = [StandardScaler(), MinMaxScaler(), PCA(n_components=10, svd_solver="full")]
    return [scaler.fit_transform(values) for scaler in made]


def flow(algorithm: str, options: argparse.Namespace) -> Sequence[FloatArray]:
    """Return optical flow, its strain, and both reduced to the small maps."""
    from mer_bench.strain import stack_strain
    from mer_bench.vision.optical_flow import optical_flow, shrink_map

    onset, apex = frames(options.size)
    maps = stack_strain(optical_flow(onset, apex, algorithm))
    return [maps, shrink_map(maps)]


def alignment(options: argparse.Namespace) -> Sequence[FloatArray | ByteArray]:
    """Return crops of a face, shrunk by warping alone and by areas first, and one matched to the other's brightness."""
    from mer_bench.vision.alignment import align, aligning_transform, match_brightness

    points = np.array([[204.1, 101.6], [246.9, 103.9], [225.2, 127.8], [201.0, 139.8], [246.0, 141.2]], np.float32)
    near, far = (aligning_transform(points * scale, options.size) for scale in (1, 4))
    image = face()
    crops = [align(image, near, options.size), align(np.repeat(np.repeat(image, 4, 0), 4, 1), far, options.size)]
    return [near, far, *crops, match_brightness(crops[0], crops[1])]


def resizing(options: argparse.Namespace) -> Sequence[Any]:
    """Return what OpenCV's resize, warp and filters make of grey levels and of real numbers."""
    import cv2

    grey, real = frames(options.size)[0], noise((options.size, options.size, 3))
    matrix = np.array([[0.9, 0.1, 3.7], [-0.1, 0.9, 5.3]])
    ways = (cv2.INTER_LINEAR, cv2.INTER_AREA, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
    made = [cv2.resize(image, (77, 61), interpolation=way) for image in (grey, real) for way in ways]
    made += [cv2.warpAffine(image, matrix, (90, 80), flags=cv2.INTER_LINEAR) for image in (grey, real)]
    return [
        *made,
        cv2.GaussianBlur(real, (5, 5), 1.1),
        cv2.medianBlur(real, 5),
        cv2.cvtColor(face(), cv2.COLOR_RGB2GRAY),
    ]


def functions(options: argparse.Namespace) -> Sequence[Any]:
    """Return numpy's elementary functions, in both precisions."""
    values = noise((100_000,))
    both: list[Any] = [values, values.astype(np.float64)]
    names: tuple[Any, ...] = (np.exp, np.log, np.sin, np.cos, np.tanh, np.arctan, np.sqrt, np.cbrt, np.log1p, np.expm1)
    return [function(part + part.dtype.type(0.25)) for part in both for function in names] + [
        np.arctan2(both[1], both[1][::-1]),
        np.power(both[1], 1.7),
        np.hypot(both[0], both[0][::-1]),
    ]


def sums(options: argparse.Namespace) -> Sequence[Any]:
    """Return numpy's reductions, in both precisions."""
    values = noise((301, 777))
    made: list[Any] = []
    for part in (values, values.astype(np.float64)):
        made += [part.sum(), part.sum(0), part.sum(1), part.mean(), part.std(0), part.cumsum(1), np.median(part)]
        made += [np.einsum("ij,ij->i", part, part), np.gradient(part)[0], np.linalg.norm(part)]
    return made


def sorting(options: argparse.Namespace) -> Sequence[Any]:
    """Return the order of values with ties, which numpy's quicksort leaves open."""
    values = np.floor(noise((5000,)) * 50)
    return [np.argsort(values), np.argpartition(values, 100), np.argsort(values.astype(np.int64)), np.sort(values)]


def matrices(options: argparse.Namespace) -> Sequence[Any]:
    """Return products, solutions and decompositions by numpy's and scipy's BLAS and LAPACK."""
    import scipy.linalg

    real = noise((150, 130))
    made: list[Any] = []
    for part in (real, real.astype(np.float64)):
        square = part.T @ part
        made += [square, part @ part[0, :130], np.dot(part[0], part[1]), np.linalg.svd(part)[1]]
        made += [scipy.linalg.blas.get_blas_funcs("gemm", (part,))(1.0, part, part.T), scipy.linalg.eigh(square)[1]]
    return made


def synthetic_maps(options: argparse.Namespace) -> Sequence[FloatArray]:
    """Return the maps of the reader ``synthetic-maps``."""
    from mer_bench.databases.open import open_source

    source = open_source("synthetic-maps", {"size": "tiny"}, load_catalogue())
    return [source.load(sample_id) for sample_id in source.read_samples().frame["sample_id"]]


def landmarks(detector: str, options: argparse.Namespace) -> Sequence[FloatArray]:
    """Return the landmarks of a face that a detector finds."""
    from mer_bench.vision.landmarks import detect_face

    found = detect_face(face(), (detector,))
    if found is None:
        raise SystemExit(f"{detector} finds no face")
    return [found.points]


def input_shape(spec: MethodSpec, params: Mapping[str, ParameterValue]) -> tuple[int, ...]:
    """Return the shape of one of a method's inputs."""
    representation = spec.representation
    return sample_shape(representation.name, {name: params[name] for name in representation.parameters}).shape


@cache
def face() -> ByteArray:
    """Return scikit-image's portrait, as the synthetic releases have it."""
    import skimage.data

    return np.asarray(skimage.data.astronaut(), dtype=np.uint8)


def frames(size: int) -> tuple[ByteArray, ByteArray]:
    """Return a face at rest, and the same whose upper half has moved by a third of a pixel to the right."""
    grey = face()[20 : 20 + size, 130 : 130 + size].astype(np.int64).sum(axis=2) // 3
    moved = grey.copy()
    moved[: size // 2] = (2 * grey + np.roll(grey, 1, axis=1))[: size // 2] // 3
    return grey.astype(np.uint8), moved.astype(np.uint8)


def noise(shape: tuple[int, ...]) -> FloatArray:
    """Return float32 of 0 to 1: multiples of 2**-24, so that no rounding is involved."""
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def labels(options: argparse.Namespace) -> Any:
    """Return a class for each sample."""
    return np.random.default_rng(1).integers(0, 3, options.samples)


TASKS: dict[str, Task] = {
    "svm-flow": partial(fit, "svm-flow"),
    "lbp-top": partial(fit, "lbp-top"),
    "bi-woof": partial(fit, "bi-woof"),
    "sklearn scalers": scalers,
    "flow tv-l1": partial(flow, "tv-l1"),
    "flow farneback": partial(flow, "farneback"),
    "flow dis": partial(flow, "dis"),
    "alignment": alignment,
    "opencv resize": resizing,
    "numpy functions": functions,
    "numpy sums": sums,
    "numpy sorting": sorting,
    "blas and lapack": matrices,
    "synthetic maps": synthetic_maps,
    "dlib": partial(landmarks, "dlib"),
    "mediapipe": partial(landmarks, "mediapipe"),
}

if __name__ == "__main__":
    main()
