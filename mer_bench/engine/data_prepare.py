"""Preparing a whole source ahead of any run, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mer_bench.databases.base import CLIP, DataSource
from mer_bench.errors import MerBenchError, did_you_mean, unknown
from mer_bench.names import normalise_name
from mer_bench.representations.preparation import OF_METHOD, Recipe, resolve_preparation
from mer_bench.representations.task import Prepared, PrepareTask, count_facts, facts_lines, prepare_task
from mer_bench.specs import ParameterValue, resolve_parameters


@dataclass(frozen=True)
class Summary:
    """What came of preparing.

    Parameters
    ----------
    prepared, cached : int
        Computed now, and found in the cache.
    found_by : dict of str to dict of str to int
        For the face (``aligned_by``) and the key regions (``regions_by``), how often each detector found them; what
        was in the cache included.
    seconds : dict of str to float
        Time of each step, summed over the processes.
    failures : list of str
        A sentence each.
    """

    prepared: int
    cached: int
    found_by: dict[str, dict[str, int]]
    seconds: dict[str, float]
    failures: list[str]

    def lines(self) -> Iterator[str]:
        """Yield it for people, a line each."""
        yield f"{self.prepared} prepared, {self.cached} in the cache already, {len(self.failures)} failed"
        yield from facts_lines(self.found_by)
        total = sum(self.seconds.values())
        if total:
            yield "time: " + ", ".join(f"{step} {part / total:.0%}" for step, part in self.seconds.items())
        yield from (f"failed: {failure}" for failure in self.failures)


def preparation_tasks(
    source: DataSource, names: Sequence[str], overrides: Mapping[str, str], preparation: Mapping[str, object]
) -> tuple[list[PrepareTask], list[Prepared]]:
    """Return what is to be computed for representations of all samples, and what is in the cache already.

    Parameters
    ----------
    source : DataSource
    names : sequence of str
        Representations.
    overrides : mapping of str to str
        What a method may choose of them, such as ``length``.
    preparation : mapping

    Raises
    ------
    MerBenchError
        Ready-made data, an unknown representation or setting, or data that cannot be read.
    """
    if source.native != CLIP:
        raise MerBenchError(f"this data is ready-made {source.native!r}: there is nothing to prepare")
    settings = resolve_preparation(preparation, source)
    recipes = [
        Recipe(name, {**settings, **own})
        for name, own in _own_parameters([normalise_name(name) for name in names], overrides).items()
    ]
    tasks: list[PrepareTask] = []
    cached: list[Prepared] = []
    ids = source.read_samples().ids
    # Recipe by recipe: two processes must not compute a step of one sample at once that two recipes share.
    for recipe in recipes:
        for sample_id in ids:
            task = prepare_task(source, sample_id, recipe)
            entry = task.cached(lambda text: None)
            if entry is None:
                tasks.append(task)
            else:
                cached.append(Prepared(sample_id, "", entry.facts))
    return tasks, cached


def summary(done: Sequence[Prepared], cached: Sequence[Prepared]) -> Summary:
    """Sum up how each sample went."""
    seconds: Counter[str] = Counter()
    for prepared in done:
        seconds.update(prepared.seconds)
    failures = [prepared.failure for prepared in done if prepared.failure]
    found_by = count_facts(prepared.facts for prepared in (*cached, *done))
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
