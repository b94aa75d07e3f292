"""Preprocess samples, in this process or in parallel in workers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from mer_bench.engine.listener import Interrupted, Listener
from mer_bench.engine.place import Place
from mer_bench.engine.pool import run_tasks
from mer_bench.errors import MethodError
from mer_bench.representations.task import Preprocessed, PreprocessTask

_LISTED = 3


def preprocess(tasks: Sequence[PreprocessTask], *, jobs: int, listener: Listener) -> list[Preprocessed]:
    """Preprocess samples in up to ``jobs`` processes, and return all outcomes; a failure does not stop the others.

    Raises
    ------
    Interrupted
        The user pressed Ctrl-C.
    """
    if not tasks:
        return []
    done: list[Preprocessed] = []
    announced: set[str] = set()
    try:
        with (
            listener.steps("representations", len(tasks)) as step,
            closing(run_tasks(_preprocess, tasks, _place, lost=_lost, jobs=jobs)) as samples,
        ):
            for _, preprocessed in samples:
                for text in preprocessed.notices:
                    if text not in announced:
                        listener.notice(text)
                announced.update(preprocessed.notices)
                done.append(preprocessed)
                step(not preprocessed.failure)
    except KeyboardInterrupt:
        raise Interrupted("what was preprocessed is in the cache; run the same command again to go on") from None
    return done


def listed(sentences: Sequence[str]) -> str:
    """Return the first three sentences as one text, with the number of the others."""
    more = f"; and {len(sentences) - _LISTED} more" if len(sentences) > _LISTED else ""
    return "; ".join(sentences[:_LISTED]) + more


def _preprocess(task: PreprocessTask) -> Preprocessed:
    # Imported here: a run whose samples are all in the cache needs no OpenCV, dlib or MediaPipe.
    from mer_bench.representations.preprocess import preprocess_sample

    return preprocess_sample(task)


def _place(task: PreprocessTask) -> Place:
    return Place((), "preprocessing")


def _lost(task: PreprocessTask, error: MethodError, seconds: float) -> Preprocessed:
    cure = "the machine may be out of memory; run the same command again, with fewer --jobs if it fails again"
    return Preprocessed(task.clip.sample_id, f"{task.clip.sample_id}: {error}; {cure}")
