"""What a row's method is handed, as a file that every worker maps: its stacked representation, or its features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mer_bench.arrays import FloatArray
from mer_bench.databases.base import DataSource
from mer_bench.engine.executors import carry_out
from mer_bench.errors import MerBenchError
from mer_bench.evaluation.extract import Extracted, ExtractTask, extract, lost_features
from mer_bench.evaluation.plan import Row, fingerprint
from mer_bench.representations.stack import compute_representation, is_stored, stored_representation
from mer_bench.representations.task import count_facts
from mer_bench.store.files import read_json, write_json


@dataclass(frozen=True)
class Inputs:
    """The folder of stacks, and what makes those that are missing.

    Parameters
    ----------
    folder : Path
    source : DataSource
    jobs : int
        Worker processes for features.
    timeout : float or None
        Seconds that one sample's features may take.
    notice : callable
        Told, in a sentence, what a user should know.
    """

    folder: Path
    source: DataSource
    jobs: int
    timeout: float | None
    notice: Callable[[str], None]

    def are_stored(self, row: Row) -> bool:
        """Say whether nothing is left to be made for a row."""
        return is_stored(self.folder, row.features_key or row.stack_key, self.notice)

    def file(self, row: Row) -> tuple[Path, Extracted | None]:
        """Return the file of what a row's method is handed, made where it is missing, and what went wrong.

        Returns
        -------
        Path
            A ``.npy`` file, its first axis in the order of the row's table.
        Extracted or None
            The sample whose features failed: then the file is of no use to the row.
        """
        key, count = row.features_key, len(row.table.sample_ids)
        if key is not None and is_stored(self.folder, key, self.notice):
            return self.folder / f"{key}.npy", None
        stack = stored_representation(self.folder, row.stack_key, count, lambda: self._arrays(row), self.notice)
        if key is None:
            return stack, None
        features = self._extracted(row, stack)
        if isinstance(features, Extracted):
            return stack, features
        return stored_representation(self.folder, key, count, lambda: iter(features), self.notice), None

    def faces(self, row: Row) -> dict[str, dict[str, int]]:
        """Return how often each detector found a row's faces and key regions; nothing for ready-made data."""
        file = self._facts_file(row)
        return dict(read_json(file)) if file.exists() else {}

    def _extracted(self, row: Row, stack: Path) -> list[FloatArray] | Extracted:
        """Return the features of all samples, or the first failure."""
        count = len(row.table.sample_ids)
        self.notice(f"{row.setting.spec.name}: extracting the features of {count} samples")
        tasks = [ExtractTask(row.setting, stack, index) for index in range(count)]
        features: dict[int, FloatArray] = {}
        with closing(carry_out(extract, tasks, lost=lost_features, jobs=self.jobs, timeout=self.timeout)) as samples:
            for sample in samples:
                if sample.features is None:
                    return sample
                features[sample.index] = sample.features
        shapes = sorted({array.shape for array in features.values()})
        if len(shapes) > 1:
            return Extracted(0, None, f"extract gives features of different shapes: {shapes[0]}, {shapes[1]}")
        return [features[index] for index in range(count)]

    def _arrays(self, row: Row) -> Iterator[FloatArray]:
        facts = []
        record = row.record["representation"]
        for array, found in compute_representation(self.source, row.table.sample_ids, record, self.notice):
            facts.append(found)
            yield array
        if fingerprint(row.table, self.source) != row.record["fingerprints"]:
            raise MerBenchError("the data changed while it was read; nothing of it is kept: run the same command again")
        write_json(self._facts_file(row), count_facts(facts))

    def _facts_file(self, row: Row) -> Path:
        return self.folder / f"{row.stack_key}.facts.json"
