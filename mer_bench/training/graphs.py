"""Steps of a training that a GPU repeats by itself: a launch of each kernel from Python would take longer than it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mer_bench.training.batches import Batch

_WARM_UP = 3
"""Steps of a shape before it is captured: libraries choose their kernels, and allocate, at their first call."""


@dataclass(frozen=True)
class _Captured:
    graph: torch.cuda.CUDAGraph
    batch: Batch
    step: Tensor


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether an error of torch or of a CUDA library means that the device's memory is exhausted."""
    texts = ("out of memory", "ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in texts)


class StepGraphs:
    """Runs steps; on a GPU, those of one shape of batch as one CUDA graph, captured once.

    Parameters
    ----------
    step : callable
        Takes a batch on the device, and the number of the step as an int32 tensor there. It must read nothing out of
        the device, and keep no tensor that it makes.
    device : torch.device
    capture : bool
        False for steps that may do what no graph can, such as reading a value out of the device.
    """

    def __init__(self, step: Callable[[Batch, Tensor], None], device: torch.device, *, capture: bool) -> None:
        self._step, self._device = step, device
        self._captures = capture and device.type == "cuda"
        self._counts: dict[tuple[object, ...], int] = {}
        self._captured: dict[tuple[object, ...], _Captured] = {}

    def step(self, batch: Batch, number: int, constants: tuple[object, ...]) -> None:
        """Run one step.

        Parameters
        ----------
        batch : Batch
        number : int
            Of the step.
        constants : tuple
            What a captured step would keep as it was: with others it is captured again.
        """
        if not self._captures:
            self._step(*self._on_device(batch, number))
            return
        shape = (batch.indices.shape, batch.present is None, constants)
        count = self._counts[shape] = self._counts.get(shape, 0) + 1
        if count <= _WARM_UP:
            side = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream(self._device))
            with torch.cuda.stream(side):
                self._step(*self._on_device(batch, number))
            torch.cuda.current_stream(self._device).wait_stream(side)
            return
        if shape not in self._captured:
            try:
                self._captured[shape] = self._capture(batch, number)
            except RuntimeError as error:
                if is_out_of_memory(error):
                    raise
                # Capturing runs nothing: the training is where it was, and goes on step by step.
                torch.cuda.synchronize(self._device)
                self._captures = False
                self._step(*self._on_device(batch, number))
                return
        own = self._captured[shape]
        own.batch.indices.copy_(batch.indices, non_blocking=True)
        if own.batch.present is not None and batch.present is not None:
            own.batch.present.copy_(batch.present, non_blocking=True)
        own.step.fill_(number)
        own.graph.replay()

    def _capture(self, batch: Batch, number: int) -> _Captured:
        """Capture a step; capturing does not run it."""
        own, step = self._on_device(batch, number)
        graph = torch.cuda.CUDAGraph()
        # One pool for all shapes: no tensor of a step is needed after it.
        pool = next((own.graph.pool() for own in self._captured.values()), None)
        with torch.cuda.graph(graph, pool=pool):
            self._step(own, step)
        return _Captured(graph, own, step)

    def _on_device(self, batch: Batch, number: int) -> tuple[Batch, Tensor]:
        present = None if batch.present is None else batch.present.to(self._device)
        step = torch.tensor(number, dtype=torch.int32, device=self._device)
        return Batch(batch.indices.to(self._device), present), step
