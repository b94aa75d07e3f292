"""Samples prepared side by side, in this process or in slots."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from mer_bench.engine.executors import carry_out
from mer_bench.engine.listener import Interrupted, Listener
from mer_bench.errors import MethodError
from mer_bench.representations.task import Prepared, PrepareTask

_LISTED = 3


def prepare(tasks: Sequence[PrepareTask], *, jobs: int, listener: Listener) -> list[Prepared]:
    """Prepare samples in up to ``jobs`` processes, and return how each went; a failed one stops no other.

    Raises
    ------
    Interrupted
        By Ctrl-C.
    """
    if not tasks:
        return []
    done: list[Prepared] = []
    told: set[str] = set()
    try:
        with (
            listener.steps("representations", len(tasks)) as step,
            closing(carry_out(_prepare, tasks, lost=_lost, jobs=jobs)) as samples,
        ):
            for prepared in samples:
                for text in prepared.notices:
                    if text not in told:
                        listener.notice(text)
                told.update(prepared.notices)
                done.append(prepared)
                step(not prepared.failure)
    except KeyboardInterrupt:
        raise Interrupted("what was prepared is in the cache; run the same command again to go on") from None
    return done


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
