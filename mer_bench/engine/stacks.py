"""The input of a row's method as a file that every worker maps: its stacked representation, or its features."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from mer_bench.arrays import FloatArray
from mer_bench.databases.base import DataSource
from mer_bench.engine.executors import run_tasks
from mer_bench.engine.listener import Listener
from mer_bench.engine.place import Place
from mer_bench.engine.resources import Resources
from mer_bench.errors import MerBenchError
from mer_bench.evaluation.features import Extracted, ExtractTask, extract, lost_features
from mer_bench.evaluation.protocol_data import fingerprint
from mer_bench.evaluation.rows import Row
from mer_bench.representations.stack import compute_representation, is_stored, stored_representation
from mer_bench.representations.task import count_facts
from mer_bench.store.files import read_json, write_json


class FeaturesGoneError(MerBenchError):
    """Features of single samples were removed before they were stacked."""


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
        """
        key, count = row.features_key, len(row.table.sample_ids)
        if key is not None and is_stored(self.folder, key, self._notice):
            return self.folder / f"{key}.npy", None
        stack = stored_representation(self.folder, row.stack_key, count, lambda: self._arrays(row), self._notice)
        if key is None:
            return stack, None
        tasks = [ExtractTask(row.setting, stack, index, self.folder, key) for index in range(count)]
        try:
            failed = self._extract(row, tasks)
            if failed is not None:
                reason = f"the features of {row.stacked[failed.index]}: {failed.failure}"
                return stack, replace(failed, failure=reason)
            stored_representation(self.folder, key, count, lambda: _features(tasks), self._notice)
        except FeaturesGoneError:
            # Another run that extracts the same features may have stacked them meanwhile.
            if not is_stored(self.folder, key, self._notice):
                raise
        shutil.rmtree(self.folder / key, ignore_errors=True)
        return self.folder / f"{key}.npy", None

    def faces(self, row: Row) -> dict[str, dict[str, int]]:
        """Return how many of a row's faces and key regions each detector found; empty for ready-made data."""
        file = self._facts_file(row)
        return dict(read_json(file)) if file.exists() else {}

    def _extract(self, row: Row, tasks: list[ExtractTask]) -> Extracted | None:
        """Extract the features of all samples; return the first that fails or has features of another shape."""
        jobs, timeout = self.resources.jobs, self.resources.timeout
        with (
            self.listener.steps(f"features of {row.name}", len(tasks)) as step,
            closing(run_tasks(extract, tasks, _place, lost=lost_features, jobs=jobs, timeout=timeout)) as samples,
        ):
            for _, sample in samples:
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
        write_json(self._facts_file(row), count_facts(facts))

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
            raise FeaturesGoneError(
                f"features in {task.parts} were removed or damaged during the run; run the same command again"
            )
        yield features
