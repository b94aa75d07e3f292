"""Preprocessing a whole source ahead of any run, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mer_bench.databases.base import CLIP, DataSource
from mer_bench.errors import MerBenchError, did_you_mean, unknown
from mer_bench.names import normalise_name
from mer_bench.representations.preprocessing import OF_METHOD, Recipe, resolve_preprocessing
from mer_bench.representations.task import Preprocessed, PreprocessTask, count_facts, facts_lines, preprocess_task
from mer_bench.specs import ParameterValue, resolve_parameters


@dataclass(frozen=True)
class Summary:
    """What came of preprocessing.

    Parameters
    ----------
    preprocessed, cached : int
        Computed now, and found in the cache.
    found_by : dict of str to dict of str to int
        For the face (``aligned_by``) and the key regions (``regions_by``), how often each detector found them; what
        was in the cache included.
    seconds : dict of str to float
        Time of each step, summed over the processes.
    failures : list of str
        A sentence each.
    """

    preprocessed: int
    cached: int
    found_by: dict[str, dict[str, int]]
    seconds: dict[str, float]
    failures: list[str]

    def lines(self) -> Iterator[str]:
        """Yield it for people, a line each."""
        yield f"{self.preprocessed} preprocessed, {self.cached} in the cache already, {len(self.failures)} failed"
        yield from facts_lines(self.found_by)
        total = sum(self.seconds.values())
        if total:
            yield "time: " + ", ".join(f"{step} {part / total:.0%}" for step, part in self.seconds.items())
        yield from (f"failed: {failure}" for failure in self.failures)


def preprocessing_tasks(
    source: DataSource, names: Sequence[str], overrides: Mapping[str, str], preprocessing: Mapping[str, object]
) -> tuple[list[PreprocessTask], list[Preprocessed]]:
    """Return what is to be computed for representations of all samples, and what is in the cache already.

    Parameters
    ----------
    source : DataSource
    names : sequence of str
        Representations.
    overrides : mapping of str to str
        What a method may choose of them, such as ``length``.
    preprocessing : mapping

    Raises
    ------
    MerBenchError
        Ready-made data, an unknown representation or setting, or data that cannot be read.
    """
    if source.native != CLIP:
        raise MerBenchError(f"this data is ready-made {source.native!r}: there is nothing to preprocess")
    settings = resolve_preprocessing(preprocessing, source)
    recipes = [
        Recipe(name, {**settings, **own})
        for name, own in _own_parameters([normalise_name(name) for name in names], overrides).items()
    ]
    tasks: list[PreprocessTask] = []
    cached: list[Preprocessed] = []
    ids = source.read_samples().ids
    # Recipe by recipe: two processes must not compute a step of one sample at once that two recipes share.
    for recipe in recipes:
        for sample_id in ids:
            task = preprocess_task(source, sample_id, recipe)
            entry = task.cached(lambda text: None)
            if entry is None:
                tasks.append(task)
            else:
                cached.append(Preprocessed(sample_id, "", entry.facts))
    return tasks, cached


def summary(done: Sequence[Preprocessed], cached: Sequence[Preprocessed]) -> Summary:
    """Sum up how each sample went."""
    seconds: Counter[str] = Counter()
    for preprocessed in done:
        seconds.update(preprocessed.seconds)
    failures = [preprocessed.failure for preprocessed in done if preprocessed.failure]
    found_by = count_facts(preprocessed.facts for preprocessed in (*cached, *done))
    return Summary(len(done) - len(failures), len(cached), found_by, dict(seconds), failures)


def _own_parameters(names: Sequence[str], overrides: Mapping[str, str]) -> dict[str, dict[str, ParameterValue]]:
    """Return, for each representation, what a method may choose of it."""
    for name in names:
        if name not in OF_METHOD:
            raise unknown("representation", name, OF_METHOD)
    takes = {name: {parameter.name for parameter in OF_METHOD[name]} for name in names}
    known = sorted(set().union(*takes.values()))
    for name in overrides:
        if name not in known:
            raise MerBenchError(
                f"--set {name}: none of {', '.join(names)} has a parameter {name!r}{did_you_mean(name, known)}; "
                f"what can be set: {', '.join(known) or 'nothing'}"
            )
    return {
        name: resolve_parameters(
            f"representation {name}", OF_METHOD[name], {key: overrides[key] for key in overrides if key in own}
        )
        for name, own in takes.items()
    }
