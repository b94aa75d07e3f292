"""Samples prepared side by side, in this process or in slots."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from mer_bench.engine.executors import carry_out
from mer_bench.errors import MethodError
from mer_bench.representations.task import Prepared, PrepareTask

_LISTED = 3


def prepare(tasks: Sequence[PrepareTask], *, jobs: int) -> Generator[Prepared, None, None]:
    """Prepare samples in up to ``jobs`` processes, and yield how each went; a failed one stops no other."""
    return carry_out(_prepare, tasks, lost=_lost, jobs=jobs)


def listed(sentences: Sequence[str]) -> str:
    """Return the first few sentences as one text."""
    more = f"; and {len(sentences) - _LISTED} more" if len(sentences) > _LISTED else ""
    return "; ".join(sentences[:_LISTED]) + more


def _prepare(task: PrepareTask) -> Prepared:
    # Here, because a run that finds everything in its cache needs no OpenCV, dlib or MediaPipe.
    from mer_bench.representations.prepare import prepare_sample

    return prepare_sample(task)


def _lost(task: PrepareTask, error: MethodError, seconds: float) -> Prepared:
    cure = "the machine may be out of memory; run the same command again, with fewer --jobs if it fails again"
    return Prepared(task.clip.sample_id, f"{task.clip.sample_id}: {error}; {cure}")
