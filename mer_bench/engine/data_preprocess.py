"""Preprocess a whole data source before any run, and summarise the outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mer_bench.databases.base import CLIP, DataSource
from mer_bench.errors import MerBenchError, did_you_mean, unknown
from mer_bench.names import normalise_name
from mer_bench.parameters import ParameterValue, resolve_parameters
from mer_bench.representations.preprocessing import Recipe, resolve_preprocessing
from mer_bench.representations.settings import OF_METHOD
from mer_bench.representations.task import Preprocessed, PreprocessTask, count_facts, facts_lines, preprocess_task


@dataclass(frozen=True)
class Summary:
    """The outcome of preprocessing a data source.

    Parameters
    ----------
    preprocessed, cached : int
        Number of samples computed now, and of those that were in the cache already.
    found_by : dict of str to dict of str to int
        For faces (``aligned_by``) and key regions (``regions_by``), how many each detector found, cached samples
        included.
    seconds : dict of str to float
        Seconds spent in each step, summed over the processes.
    failures : list of str
        One sentence per failed sample.
    """

    preprocessed: int
    cached: int
    found_by: dict[str, dict[str, int]]
    seconds: dict[str, float]
    failures: list[str]

    def lines(self) -> Iterator[str]:
        """Yield the summary as lines of text."""
        yield f"{self.preprocessed} preprocessed, {self.cached} in the cache already, {len(self.failures)} failed"
        yield from facts_lines(self.found_by)
        total = sum(self.seconds.values())
        if total:
            yield "time: " + ", ".join(f"{step} {part / total:.0%}" for step, part in self.seconds.items())
        yield from (f"failed: {failure}" for failure in self.failures)


def preprocessing_tasks(
    source: DataSource, names: Sequence[str], overrides: Mapping[str, str], preprocessing: Mapping[str, object]
) -> tuple[list[PreprocessTask], list[Preprocessed]]:
    """Return the tasks for representations of all samples, and those that are in the cache already.

    Parameters
    ----------
    source : DataSource
    names : sequence of str
        Names of representations.
    overrides : mapping of str to str
        Settings that methods may choose, such as ``length``.
    preprocessing : mapping
        Settings of preprocessing.

    Raises
    ------
    MerBenchError
        The data is ready-made or cannot be read, or a representation or setting is unknown.
    """
    if source.native != CLIP:
        raise MerBenchError(
            f"this data is ready-made {source.native!r}: there is nothing to preprocess; choose data with frames"
        )
    settings = resolve_preprocessing(preprocessing, source)
    recipes = [
        Recipe(name, {**settings, **own})
        for name, own in _own_parameters([normalise_name(name) for name in names], overrides).items()
    ]
    tasks: list[PreprocessTask] = []
    cached: list[Preprocessed] = []
    ids = source.read_samples().ids
    # Recipe by recipe: recipes share steps, and two processes should not compute the same step of a sample at once.
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
    """Summarise the outcomes of all samples."""
    seconds: Counter[str] = Counter()
    for preprocessed in done:
        seconds.update(preprocessed.seconds)
    failures = [preprocessed.failure for preprocessed in done if preprocessed.failure]
    found_by = count_facts(preprocessed.facts for preprocessed in (*cached, *done))
    return Summary(len(done) - len(failures), len(cached), found_by, dict(seconds), failures)


def _own_parameters(names: Sequence[str], overrides: Mapping[str, str]) -> dict[str, dict[str, ParameterValue]]:
    """Return, for each representation, the settings that a method may choose."""
    for name in names:
        if name not in OF_METHOD:
            raise unknown("representation", name, OF_METHOD)
    takes = {name: {parameter.name for parameter in OF_METHOD[name]} for name in names}
    known = sorted(set().union(*takes.values()))
    for name in overrides:
        if name not in known:
            owner = f"representation {names[0]} has no" if len(names) == 1 else f"none of {', '.join(names)} has a"
            raise MerBenchError(
                f"{owner} parameter {name!r}{did_you_mean(name, known)}; parameters: {', '.join(known) or 'none'}"
            )
    return {
        name: resolve_parameters(
            f"representation {name}", OF_METHOD[name], {key: overrides[key] for key in overrides if key in own}
        )
        for name, own in takes.items()
    }
