"""Give inputs again to the folds whose inputs were removed from the cache during the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mer_bench.cache import STACKS, cache_folder
from mer_bench.engine.inputs import ATTEMPTS, Inputs
from mer_bench.evaluation.cells import Cell, FoldResult, FoldTask

Keep = Callable[[FoldTask, FoldResult], None]


def run_with_inputs(
    run: Callable[[Sequence[FoldTask], Keep], None], tasks: Sequence[FoldTask], inputs: Inputs, keep: Keep
) -> None:
    """Run tasks, and those again whose input was removed before they opened it.

    Parameters
    ----------
    run : callable
        Runs tasks, and hands each with its result to the function that it is given.
    tasks : sequence of FoldTask
    inputs : Inputs
        Makes the inputs again.
    keep : callable
        Receives each task once with its result. After some attempts, a missing input is the failure of its cell.

    Raises
    ------
    MerBenchError
        As ``run`` and `Inputs`.
    """
    for attempt in range(ATTEMPTS):
        lost: list[Cell] = []
        run(tasks, _sieve(keep, lost) if attempt < ATTEMPTS - 1 else keep)
        if not lost:
            return
        folder = cache_folder() / STACKS
        inputs.listener.notice(f"the inputs of {len(lost)} cells were removed from {folder}; they are made again")
        inputs.preprocess(lost)
        tasks, failed = inputs.tasks(lost)
        for task, result in failed:
            keep(task, result)


def _sieve(keep: Keep, lost: list[Cell]) -> Keep:
    def take(task: FoldTask, result: FoldResult) -> None:
        if result.input_gone:
            lost.append(task.cell)
        else:
            keep(task, result)

    return take
