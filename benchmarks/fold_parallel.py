"""Training of many folds: a plain loop as the field writes it, and the trainer, with the same folds, epochs and batch.

Usage: python benchmarks/fold_parallel.py [--networks NAME ...] [--folds N] [--epochs N] [--rounds N] [--data PATH]
       [--device cpu|cuda] [--name NAME]

(a) The plain loop trains fold after fold: a DataLoader, the network as published (`plain_networks.py`), torch's own
choice of threads and kernels, Adam or SGD as torch makes it, and the held-out subject evaluated after each epoch. (b)
The trainer: on the CPU as many processes as cores, held as workers are (`mer_bench.arithmetic`); on CUDA one stack.

Both run in each round, one after the other, with few and with more epochs: the difference is the time of the epochs
without what a fold needs before its first. It is extrapolated from the folds that ran to an epoch over all folds.
FLOP/s are the plain network's operations over either time, next to what a large product of matrices reaches in the
same round. Writes benchmarks/results/NAME.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from composite import FOLD_SIZES

from mer_bench.arithmetic import AVX2, arithmetic, processor, settings_of, worker_environment
from mer_bench.arrays import FloatArray, IntArray

EPOCHS = {"ahmsa": 2, "htnet": 1, "ststnet": 20, "rcn-a": 6}
"""Of each fold, beside the first, which does not count: more where an epoch is short."""
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run one part in this process, or all parts in processes of their own."""
    options = _arguments()
    if options.part:
        _answer(options)
        return
    networks = {name: compare(name, options) for name in options.networks}
    named = {**_shared(options), "data": _source(options.data).input_facts().name if options.data else "random maps"}
    measured = {"hardware": hardware(options.device), "options": named, "networks": networks}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{options.name}.json"
    path.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")


def compare(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Time both ways in turns, print a line, and return the medians over the rounds."""
    rounds: list[dict[str, Any]] = []
    for _ in range(options.rounds):
        own = {part: epoch_over_all_folds(part, name, options) for part in ("plain", "trainer")}
        rounds.append({**own, "peak": _ask("peak", name, options, 0, 1)[0]["flops"]})
    operations = _ask("operations", name, options, 0, 1)[0]["operations"]
    found: dict[str, Any] = {}
    for part in ("plain", "trainer"):
        seconds = statistics.median(each[part]["seconds"] for each in rounds)
        share = statistics.median(operations / each[part]["seconds"] / each["peak"] for each in rounds)
        memory = max(each[part]["memory"] for each in rounds)
        found[part] = {
            "seconds_per_epoch": round(seconds, 3),
            "share_of_peak": round(share, 4),
            "memory_mib": round(memory / 2**20),
            "seconds_of_rounds": [round(each[part]["seconds"], 3) for each in rounds],
        }
    ratios = [each["plain"]["seconds"] / each["trainer"]["seconds"] for each in rounds]
    found |= {
        "ratio": round(statistics.median(ratios), 3),
        "operations_per_epoch": operations,
        "peak_flops": round(statistics.median(each["peak"] for each in rounds)),
    }
    texts = (f"{part} {found[part]['seconds_per_epoch']:8.2f} s an epoch" for part in ("plain", "trainer"))
    shares = " and ".join(f"{found[part]['share_of_peak']:.0%}" for part in ("plain", "trainer"))
    print(f"{name:<8} {'   '.join(texts)}   × {found['ratio']:.2f}   {shares} of the peak", flush=True)
    return found


def epoch_over_all_folds(part: str, name: str, options: argparse.Namespace) -> dict[str, float]:
    """Return the seconds of one epoch over all folds, and the most memory that the processes had together."""
    processes = (os.cpu_count() or 1) if part == "trainer" and options.device == "cpu" else 1
    epochs = options.epochs * EPOCHS[name]
    few, more = (_ask(part, name, options, each, processes) for each in (1, 1 + epochs))
    seconds = max(each["end"] for each in more) - min(each["start"] for each in more)
    seconds -= max(each["end"] for each in few) - min(each["start"] for each in few)
    trained = epochs * len(chosen_folds(options))
    return {"seconds": seconds / trained * len(FOLD_SIZES), "memory": sum(each["memory"] for each in more)}


def chosen_folds(options: argparse.Namespace) -> list[int]:
    """Return the folds to train, from the smallest subject to the largest."""
    return [int(index) for index in np.linspace(0, len(FOLD_SIZES) - 1, options.folds)]


def _ask(part: str, name: str, options: argparse.Namespace, epochs: int, processes: int) -> list[dict[str, Any]]:
    """Start processes, let them begin together once all are ready, and return their answers."""
    held = {*worker_environment(AVX2)} | {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
    environment = {key: value for key, value in os.environ.items() if key not in held}
    if part == "trainer":
        environment |= {**worker_environment(arithmetic()), **dict(settings_of(options.precision))}
    folds = chosen_folds(options)
    # Of folds ordered by size, each process gets a like share.
    shares = [",".join(map(str, folds[start::processes])) for start in range(processes)]
    started = [
        subprocess.Popen(
            [sys.executable, __file__, "--part", part, "--networks", name, "--share", share]
            + [word for key, value in _shared(options).items() for word in (f"--{key}", str(value))]
            + ["--epochs", str(epochs)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for share in shares
    ]
    for process in started:
        assert process.stdout
        if process.stdout.readline() != "ready\n":
            raise SystemExit(f"{part} of {name} did not start")
    for process in started:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    return [json.loads(process.communicate()[0]) for process in started]


def _answer(options: argparse.Namespace) -> None:
    """Prepare a part, wait for the word, run it and print what came of it."""
    run = PARTS[options.part](options)
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.monotonic()
    answer = run()
    end = time.monotonic()
    print(json.dumps({**answer, "start": start, "end": end, "memory": _memory(options.device)}))


def plain(options: argparse.Namespace) -> Callable[[], dict[str, Any]]:
    """Prepare the plain loop over the folds of a share."""
    import torch
    from plain_networks import plain_network
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    method = _method(options)
    inputs, labels, subjects = maps(options)
    batch, lr = method.training.batch_size, method.training.lr

    def one_fold(fold: int) -> None:
        torch.manual_seed(fold)
        out = subjects == fold
        train, held_out = (
            TensorDataset(torch.from_numpy(_nchw(method, inputs, ~out, part)), torch.from_numpy(labels[part]))
            for part in (~out, out)
        )
        network = plain_network(method).to(options.device)
        loss_of = nn.CrossEntropyLoss()
        kind = torch.optim.Adam if method.training.optimizer == "adam" else partial(torch.optim.SGD, momentum=0.9)
        optimizer = kind(network.parameters(), lr=lr)
        batches, held_out_batches = DataLoader(train, batch, shuffle=True), DataLoader(held_out, batch)
        for _ in range(options.epochs):
            network.train()
            for x, y in batches:
                optimizer.zero_grad()
                loss = loss_of(network(x.to(options.device)), y.to(options.device))
                loss.backward()
                optimizer.step()
            network.eval()
            with torch.no_grad():
                for x, _y in held_out_batches:
                    network(x.to(options.device)).argmax(1).cpu()

    def run() -> dict[str, Any]:
        for fold in _share(options):
            one_fold(fold)
        return {}

    return run


def trainer(options: argparse.Namespace) -> Callable[[], dict[str, Any]]:
    """Prepare the trainer for the folds of a share: on CUDA, one stack."""
    from mer_bench.training.folds import TrainingFold
    from mer_bench.training.trainer import train_folds

    inputs, labels, subjects = maps(options)
    places = np.arange(len(subjects))

    def fold_of(number: int) -> TrainingFold:
        out = subjects == number
        return TrainingFold(
            method=_method(options),
            inputs=inputs,
            train=places[~out],
            labels=labels[~out],
            held_out=(places[out],),
            seed=number,
            peers=tuple(len(subjects) - size for size in set(FOLD_SIZES)),
        )

    folds = [fold_of(number) for number in _share(options)]

    def run() -> dict[str, Any]:
        for _ in train_folds(folds, device=options.device, stacked=options.device == "cuda"):
            pass
        return {}

    return run


def peak(options: argparse.Namespace) -> Callable[[], dict[str, Any]]:
    """Prepare the largest rate of operations in float32 that a product of matrices reaches."""
    import torch

    side = 8192 if options.device == "cuda" else 1536
    a, b = (torch.randn(side, side, device=options.device) for _ in range(2))

    def run() -> dict[str, Any]:
        best = float("inf")
        for _ in range(12):
            begun = time.perf_counter()
            a @ b
            if options.device == "cuda":
                torch.cuda.synchronize()
            best = min(best, time.perf_counter() - begun)
        return {"flops": 2 * side**3 / best}

    return run


def operations(options: argparse.Namespace) -> Callable[[], dict[str, Any]]:
    """Prepare a count of the operations of an epoch over all folds: training and evaluation."""
    import torch
    from plain_networks import plain_network
    from torch.utils.flop_counter import FlopCounterMode

    network, count = plain_network(_method(options)), 8

    def run() -> dict[str, Any]:
        x = torch.randn(count, 3, 28, 28)
        with FlopCounterMode(display=False) as forward, torch.no_grad():
            network(x)
        with FlopCounterMode(display=False) as both:
            network(x).sum().backward()
        total = sum(FOLD_SIZES)
        trained = (len(FOLD_SIZES) - 1) * total
        return {"operations": (trained * both.get_total_flops() + total * forward.get_total_flops()) // count}

    return run


PARTS: Mapping[str, Callable[[argparse.Namespace], Callable[[], dict[str, Any]]]] = {
    "plain": plain,
    "trainer": trainer,
    "peak": peak,
    "operations": operations,
}


def maps(options: argparse.Namespace) -> tuple[FloatArray, IntArray, IntArray]:
    """Return maps of 28×28 (u, v, strain), their classes, and subjects, numbered from the smallest to the largest."""
    if not options.data:
        draws = np.random.default_rng(0)
        subjects = np.repeat(np.arange(len(FOLD_SIZES)), FOLD_SIZES)
        inputs = draws.random((len(subjects), 28, 28, 3), dtype=np.float32)
        return inputs, draws.integers(0, 3, len(subjects)), subjects
    source = _source(options.data)
    frame = source.read_samples().frame
    inputs = np.stack([source.load(sample_id) for sample_id in frame["sample_id"]])
    labels = np.unique(frame["emotion"].to_numpy(dtype=str), return_inverse=True)[1].astype(np.int64)
    of, sizes = np.unique(frame["subject"].to_numpy(dtype=str), return_inverse=True, return_counts=True)[1:]
    rank = np.argsort(np.argsort(sizes, kind="stable"), kind="stable")
    return inputs.astype(np.float32), labels, rank[of]


def _source(data: str) -> Any:
    from mer_bench.databases.open import open_source
    from mer_bench.plugin_manager import load_catalogue

    return open_source(data, {}, load_catalogue())


def hardware(device: str) -> dict[str, Any]:
    """Return what the figures depend on."""
    import timm
    import torch

    named = {"processor": processor(), "cores": os.cpu_count(), "arithmetic": arithmetic()}
    if device == "cuda":
        named["gpu"] = torch.cuda.get_device_name()
    return {**named, "python": platform.python_version(), "torch": torch.__version__, "timm": timm.__version__}


def _memory(device: str) -> int:
    import torch

    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _method(options: argparse.Namespace) -> Any:
    from mer_bench.plugin_manager import load_catalogue
    from mer_bench.testing import make_method

    (name,) = options.networks
    own = {"precision": options.precision} if options.part == "trainer" else {}
    return make_method(load_catalogue().method(name), preset=options.preset, epochs=options.epochs or 1, **own)


def _nchw(method: Any, inputs: FloatArray, train: IntArray, part: IntArray) -> FloatArray:
    from mer_bench.training.normalisation import Normaliser

    own = Normaliser.fit(inputs[train], method.training.normalisation)
    return np.ascontiguousarray(np.moveaxis((inputs[part] - own.mean) / own.deviation * own.factor, -1, 1))


def _share(options: argparse.Namespace) -> list[int]:
    return [int(fold) for fold in options.share.split(",")]


def _shared(options: argparse.Namespace) -> dict[str, Any]:
    return {
        key: getattr(options, key) for key in ("folds", "epochs", "rounds", "data", "device", "preset", "precision")
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=tuple(EPOCHS), choices=tuple(EPOCHS), metavar="NAME")
    parser.add_argument("--folds", type=int, default=4, help="of the 68; a multiple of the cores is fair to both")
    parser.add_argument("--epochs", type=int, default=1, metavar="N", help="times those of `EPOCHS`")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", default="", metavar="PATH", help="flow maps of CDE (default: random ones)")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "tf32", "bf16"), help="of the trainer")
    parser.add_argument("--name", default="fold_parallel", help="of the JSON file")
    parser.add_argument("--part", choices=tuple(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--share", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
