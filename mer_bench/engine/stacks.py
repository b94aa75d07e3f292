"""The input of a row's method as a file that every worker maps: its stacked representation, or its features."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from mer_bench.arrays import FloatArray
from mer_bench.cache import Cache, CacheError, InputGoneError
from mer_bench.databases.base import DataSource
from mer_bench.engine.listener import Listener
from mer_bench.engine.place import Place
from mer_bench.engine.pool import run_tasks
from mer_bench.engine.resources import Resources
from mer_bench.errors import MerBenchError
from mer_bench.evaluation.features import Extracted, ExtractTask, extract, lost_features
from mer_bench.evaluation.protocol_data import fingerprint
from mer_bench.evaluation.rows import Row
from mer_bench.locks import in_use, remove_unused
from mer_bench.representations.stack import compute_representation, is_stored, stored_representation
from mer_bench.representations.task import count_facts
from mer_bench.store.files import read_json


@dataclass(frozen=True)
class Stacks:
    """The folder of stacks, and the way to compute missing ones.

    Parameters
    ----------
    folder : Path
    source : DataSource
    resources : Resources
        Number of worker processes for features, and the time limit of one sample in seconds.
    listener : Listener
    """

    folder: Path
    source: DataSource
    resources: Resources
    listener: Listener
    _announced: set[str] = field(default_factory=set, init=False)

    def are_stored(self, row: Row) -> bool:
        """Return whether everything that a row needs is stored."""
        return is_stored(self.folder, row.features_key or row.stack_key, self._notice)

    def file(self, row: Row) -> tuple[Path, Extracted | None]:
        """Return the input file of a row's method, computed if it is missing, and the failure of its features, if any.

        Returns
        -------
        Path
            A ``.npy`` file, its first axis in the order of `Row.stacked`.
        Extracted or None
            The sample whose features failed; the row cannot use the file then.

        Raises
        ------
        InputGoneError
            What the file is made from was removed from the cache meanwhile; nothing else is wrong.
        """
        key, count = row.features_key, len(row.table.sample_ids)
        if key is not None and is_stored(self.folder, key, self._notice):
            return self.folder / f"{key}.npy", None
        stack = stored_representation(self.folder, row.stack_key, count, lambda: self._arrays(row), self._notice)
        if key is None:
            return stack, None
        failed = self._store_features(row, key, stack)
        return (stack if failed else self.folder / f"{key}.npy"), failed

    def faces(self, row: Row) -> dict[str, dict[str, int]]:
        """Return how many of a row's faces and key regions each detector found; empty for ready-made data."""
        with suppress(MerBenchError):  # removed with the cache
            return dict(read_json(self._facts_file(row)))
        return {}

    def _store_features(self, row: Row, key: str, stack: Path) -> Extracted | None:
        """Extract and stack features; return the sample whose features failed, if any.

        Those of single samples are kept until the stack is stored, and no other run needs them.
        """
        tasks = [ExtractTask(row.setting, stack, index, self.folder, key) for index in range(len(row.stacked))]
        parts = self.folder / key
        with ExitStack() as used:
            try:
                used.enter_context(in_use(parts))
            except OSError as error:
                raise CacheError.of(parts, error) from error
            failed = self._extract(row, tasks)
            if failed is not None:
                return replace(failed, failure=f"the features of {row.stacked[failed.index]}: {failed.failure}")
            stored_representation(self.folder, key, len(tasks), lambda: _features(tasks), self._notice)
        remove_unused(parts)
        return None

    def _extract(self, row: Row, tasks: list[ExtractTask]) -> Extracted | None:
        """Extract the features of all samples; return the first that fails or has features of another shape."""
        jobs, timeout = self.resources.jobs, self.resources.timeout
        with (
            self.listener.steps(f"features of {row.name}", len(tasks)) as step,
            closing(run_tasks(extract, tasks, _place, lost=lost_features, jobs=jobs, timeout=timeout)) as samples,
        ):
            for _, sample in samples:
                if sample.input_gone:
                    raise InputGoneError(sample.failure)
                step(not sample.failure)
                if sample.failure:
                    return sample
        first = None
        for task, features in zip(tasks, _features(tasks), strict=True):
            first = features.shape if first is None else first
            if features.shape != first:
                return Extracted(
                    task.index, f"extract returns the shape {features.shape} here, but {first} for the first sample"
                )
        return None

    def _arrays(self, row: Row) -> Iterator[FloatArray]:
        facts = []
        record = row.record["representation"]
        for array, of_sample in compute_representation(self.source, row.stacked, record, self._notice):
            facts.append(of_sample)
            yield array
        if fingerprint(row.table, self.source) != row.record["fingerprints"]:
            raise MerBenchError("the data changed while it was read, so nothing was stored; run the same command again")
        Cache(self.folder).write_file(self._facts_file(row), json.dumps(count_facts(facts)).encode())

    def _notice(self, text: str) -> None:
        """Report each sentence once: a damaged stack is checked several times before it is replaced."""
        if text not in self._announced:
            self._announced.add(text)
            self.listener.notice(text)

    def _facts_file(self, row: Row) -> Path:
        return self.folder / f"{row.stack_key}.facts.json"


def _place(task: ExtractTask) -> Place:
    """Extract all samples of a row in one process: features see no label, so that nothing can leak."""
    return Place.of_method(task.setting.spec, f"features {task.features_key}", module=extract.__module__, alone=False)


def _features(tasks: list[ExtractTask]) -> Iterator[FloatArray]:
    for task in tasks:
        features = task.stored()
        if features is None:
            raise InputGoneError(
                f"features in {task.parts / task.features_key} were removed or damaged during the run; run the same "
                "command again"
            )
        yield features
