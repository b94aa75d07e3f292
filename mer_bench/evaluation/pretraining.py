"""Train a network on all samples of a protocol's data, for weights that other trainings start from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.cache import open_stack
from mer_bench.errors import MethodError, error_text
from mer_bench.evaluation.cells import fenced, load_method, seed_value
from mer_bench.evaluation.rows import Row
from mer_bench.foreign import ForeignError
from mer_bench.isolation import isolated
from mer_bench.methods.instances import make_instance
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.training.progress import Tell


@dataclass(frozen=True)
class PretrainingTask:
    """Everything that a process needs to train a network on all samples.

    Parameters
    ----------
    setting : MethodSetting
    stack : Path
        The row's stacked representation.
    places : tuple of int
        Of all samples in the stack.
    labels : tuple of int
    seed : int
    device : str
        A torch device.
    """

    setting: MethodSetting
    stack: Path
    places: tuple[int, ...]
    labels: tuple[int, ...]
    seed: int
    device: str


@dataclass(frozen=True)
class PretrainedWeights:
    """Weights and buffers by name, or why there are none."""

    arrays: dict[str, FloatArray]
    error: str = ""


def pretraining_task(row: Row, *, seed: int, stack: Path, device: str) -> PretrainingTask:
    """Return the task of a row."""
    return PretrainingTask(
        setting=row.setting,
        stack=stack,
        places=row.places,
        labels=tuple(row.table.labels),
        seed=seed_value(row.record["protocol"]["name"], "all samples", seed),
        device=device,
    )


def pretrain(task: PretrainingTask, tell: Tell) -> PretrainedWeights:
    """Train, and return the weights after the last epoch; what the method raises is returned as an error.

    Raises
    ------
    MerBenchError
        The method refuses a setting.
    """
    load_method(task.setting)
    try:
        with fenced(task.setting, "training"):
            return PretrainedWeights(_trained(task, tell))
    except ForeignError as failure:
        return PretrainedWeights({}, error_text(failure.error))


def lost_pretraining(task: PretrainingTask, error: MethodError, seconds: float) -> PretrainedWeights:
    """Return the outcome of a training whose process died."""
    return PretrainedWeights({}, error_text(error))


def _trained(task: PretrainingTask, tell: Tell) -> dict[str, FloatArray]:
    from mer_bench.training.folds import TrainingFold
    from mer_bench.training.trainer import train_weights

    with isolated(task.seed):
        method = make_instance(task.setting, task.device)
        assert isinstance(method, TorchMethod)
        places = np.array(task.places, dtype=np.int64)
        fold = TrainingFold(
            method=method,
            inputs=open_stack(task.stack),
            train=places,
            labels=np.array(task.labels, dtype=np.int64),
            held_out=(places[:1],),
            seed=task.seed,
        )
        return train_weights(fold, device=task.device, tell=tell)
