"""Pretrain a network on a protocol's data, and write its weights."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile

import safetensors.numpy

from mer_bench.arrays import FloatArray
from mer_bench.atomic import write_atomically
from mer_bench.config import load_config
from mer_bench.engine.defaults import decide
from mer_bench.engine.groups import network_settings
from mer_bench.engine.inputs import Inputs
from mer_bench.engine.listener import Listener, Part
from mer_bench.engine.place import Place
from mer_bench.engine.pool import run_tasks
from mer_bench.engine.run import check_devices
from mer_bench.errors import MerBenchError
from mer_bench.evaluation.cells import Cell
from mer_bench.evaluation.plan import make_plan
from mer_bench.evaluation.pretraining import PretrainingTask, lost_pretraining, pretrain, pretraining_task
from mer_bench.evaluation.request import Request
from mer_bench.evaluation.rows import Row
from mer_bench.methods.initial_weights import InitialWeights, weights_metadata
from mer_bench.methods.training_config import TrainingConfig
from mer_bench.plugin_manager import load_catalogue
from mer_bench.store.files import digest


def write_weights(request: Request, file: Path, *, seed: int, listener: Listener) -> Sequence[str]:
    """Train a request's one network on all samples of its protocol, and write its weights as safetensors.

    The file says which subjects it was trained on: a protocol that tests on one of them refuses it.

    Parameters
    ----------
    request : Request
        Its seeds, baselines and results folder are not used.
    file : Path
    seed : int
    listener : Listener

    Returns
    -------
    sequence of str
        The subjects.

    Raises
    ------
    MerBenchError
        The request cannot be met, names more than one method or one that is no network, the training fails, or the
        file cannot be written.
    """
    _check_place(file)
    catalogue = load_catalogue()
    setup = decide(request, load_config(), catalogue, notice=listener.notice)
    asked = replace(request, preprocessing=setup.preprocessing, seeds=1, baselines=False)
    # Weights may be trained on with the subjects that they know: nobody is tested on here.
    plan = make_plan(asked, setup.source, catalogue, tests=False)
    if len(plan.rows) != 1 or not plan.rows[0].trains_by_epoch:
        raise MerBenchError("name one method, a network: only a network has weights that another training starts from")
    check_devices(plan, setup.resources)
    (row,) = plan.rows
    inputs = Inputs(plan, setup.resources, listener)
    cells = [Cell(0, 0, next(iter(row.folds)))]
    inputs.preprocess(cells)
    (task,), _ = inputs.tasks(cells)
    weights = _trained(pretraining_task(row, seed=seed, stack=task.stack, device=task.device), row.name, listener)
    try:
        write_atomically(file, safetensors.numpy.save(weights, _metadata(row)))
    except OSError as error:
        raise _unwritable(file, error) from error
    return sorted(set(row.table.subjects))


def _check_place(file: Path) -> None:
    """Refuse a file that cannot be written, before the training: it is written after it.

    Raises
    ------
    MerBenchError
    """
    if file.is_dir():
        raise MerBenchError(f"{file} is a folder; name a file")
    try:
        with TemporaryFile(dir=file.parent):
            pass
    except OSError as error:
        raise _unwritable(file, error) from error


def _unwritable(file: Path, error: OSError) -> MerBenchError:
    return MerBenchError(f"{file} cannot be written: {error.strerror}; name a file in a folder that you may write to")


def _trained(task: PretrainingTask, name: str, listener: Listener) -> dict[str, FloatArray]:
    """Train a network in a worker, and return its weights."""
    with (
        listener.steps("networks", 1, parts={name: Part(1)}) as step,
        closing(
            run_tasks(
                pretrain,
                [task],
                _place,
                lost=lost_pretraining,
                jobs=1,
                message=lambda _, message: listener.training(name, "of all samples", message),
            )
        ) as outcomes,
    ):
        ((_, outcome),) = outcomes
        step(not outcome.error, name)
    if outcome.error:
        raise MerBenchError(f"{name} cannot be trained: {outcome.error}")
    return outcome.arrays


def _place(task: PretrainingTask) -> Place:
    spec = task.setting.spec
    settings = network_settings(task.setting, task.device)
    return Place.of_method(spec, f"pretraining of {spec.target}", module=pretrain.__module__, settings=settings)


def _metadata(row: Row) -> dict[str, str]:
    """Return facts of the weights, with all subjects that they saw, before this training too, if these are known."""
    record, config = row.record, TrainingConfig.from_params(row.setting.params)
    facts = {
        "mer-bench method": f"{record['method']['name']} {record['method']['version']}",
        "mer-bench protocol": f"{record['protocol']['name']}@{record['protocol']['version']}",
        "mer-bench row": digest([record["row_key"]]),
    }
    seen = set(row.table.subjects)
    if config.init_from:
        before = InitialWeights.named(config.init_from, config.init_sha256).subjects
        if before is None:
            return facts
        seen |= set(before)
    return weights_metadata(seen, facts)
