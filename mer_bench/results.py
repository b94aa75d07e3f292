"""From stored cells to scores: the one summary behind every table, JSON, frame and report.

Scores are computed from stored predictions and never stored: a fixed metric needs no new run.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np

from mer_bench.arrays import IntArray
from mer_bench.epochs import Epochs, Predictions
from mer_bench.rules import NO_EPOCHS, ORACLE
from mer_bench.scoring.metrics import TABLE_METRICS, Scores, confusion, score_counts
from mer_bench.store import Store
from mer_bench.store.network import NetworkRecord, read_network
from mer_bench.store.schema import CellRecord, RowRecord
from mer_bench.store.verification import Verification, read_verification

METRICS = (*TABLE_METRICS, "accuracy")

Cells = Mapping[tuple[int, str], CellRecord | None]
"""Seed and fold to the cell; None if nothing usable is stored."""

_PRINTED_DECIMALS = 4


@dataclass(frozen=True)
class SeedResult:
    """One row at one seed under one selection rule.

    Parameters
    ----------
    record : RowRecord
    selection : str
        ``last``, ``inner``, ``oracle``, or `mer_bench.rules.NO_EPOCHS`.
    seed : int
    done, failed, total : int
        Number of folds with predictions, of failed folds, and of folds in the protocol.
    slices : mapping of str to Scores
        Empty unless every fold is done: scores of some folds are not scores of the protocol.
    predictions : mapping of str to (int, int)
        Sample id to truth and prediction, for the folds that are done.
    """

    record: RowRecord
    selection: str
    seed: int
    done: int
    failed: int
    total: int
    slices: Mapping[str, Scores]
    predictions: Predictions

    @property
    def complete(self) -> bool:
        """Whether every fold is done."""
        return self.done == self.total


@dataclass(frozen=True)
class Mean:
    """A metric over seeds.

    Parameters
    ----------
    value : float
        In [0, 1].
    std : float or None
        Sample standard deviation over seeds (n - 1); None for a single seed.
    """

    value: float
    std: float | None


Means = Mapping[tuple[str, str], Mean]
"""Slice and metric (of `METRICS`) to the mean over seeds."""


@dataclass(frozen=True, eq=False)
class RowResults:
    """Everything stored for one row, as `read_row` reads it.

    Parameters
    ----------
    record : RowRecord
    cells : Cells
        The cell of each seed and fold.
    store : Store
        Read once more for the scores of every epoch, if the oracle is used, and for what was verified.
    """

    record: RowRecord
    cells: Cells
    store: Store = field(repr=False)

    @property
    def selection(self) -> str:
        """The selection rule of the row's stored predictions."""
        return stored_selection(self.record)

    @cached_property
    def seeds(self) -> tuple[SeedResult, ...]:
        """The result of each seed under the row's own rule, by ascending seed."""
        return self._under(self.selection, partial(_stored_predictions, self.record))

    @cached_property
    def epochs(self) -> Epochs:
        """What the scores of every epoch show, a diagnostic; nothing for a row without an oracle.

        They are read here, once.
        """
        return Epochs.read(self.store, self.record, self.finished) if self.selection == "last" else Epochs()

    @cached_property
    def oracle(self) -> tuple[SeedResult, ...]:
        """The result of each seed under the oracle, a diagnostic; empty for a row without one."""
        if self.selection != "last":
            return ()
        return self._under(ORACLE, lambda cell: self.epochs.chosen.get((cell["seed"], cell["fold"])))

    @cached_property
    def means(self) -> Means:
        """The means over the complete seeds under the row's own rule."""
        return means(self.seeds)

    @cached_property
    def stored(self) -> tuple[CellRecord, ...]:
        """The stored cells, failed ones included; by seed, then fold."""
        return tuple(cell for cell in self.cells.values() if cell is not None)

    @property
    def failures(self) -> tuple[CellRecord, ...]:
        """The failed cells, each with its error."""
        return tuple(cell for cell in self.stored if cell["status"] == "failed")

    @property
    def finished(self) -> tuple[CellRecord, ...]:
        """The stored cells with predictions."""
        return tuple(cell for cell in self.stored if cell["status"] == "ok")

    @cached_property
    def verification(self) -> Verification:
        """Which of the finished cells were computed again, and with what outcome."""
        return read_verification(self.store, self.record).of(self.store, self.record, self.finished)

    @cached_property
    def network(self) -> NetworkRecord | None:
        """The size and cost of the row's network; None for other methods, and where it was not measured."""
        return read_network(self.store, self.record) if self.record["trains_by_epoch"] else None

    @property
    def is_complete(self) -> bool:
        """Whether every seed is complete: a mean over fewer may be lucky."""
        return all(seed.complete for seed in self.seeds)

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The ids of the runs that computed the cells, sorted."""
        return tuple(sorted({cell["run_id"] for cell in self.stored}))

    def under(self, selection: str, seeds: Collection[int] | None = None) -> tuple[SeedResult, ...]:
        """Return the results of a selection rule; for a row without epochs, its only ones.

        Parameters
        ----------
        selection : str
        seeds : collection of int, optional
            The seeds of interest; all by default.
        """
        results = self.oracle if selection == ORACLE and self.selection != NO_EPOCHS else self.seeds
        return tuple(result for result in results if seeds is None or result.seed in seeds)

    def _under(self, selection: str, predict: Callable[[CellRecord], Predictions | None]) -> tuple[SeedResult, ...]:
        stored: dict[int, list[CellRecord]] = {seed: [] for seed in sorted({seed for seed, _ in self.cells})}
        for cell in self.stored:
            stored[cell["seed"]].append(cell)
        return tuple(self._seed_result(seed, cells, selection, predict) for seed, cells in stored.items())

    def _seed_result(
        self,
        seed: int,
        stored: Sequence[CellRecord],
        selection: str,
        predict: Callable[[CellRecord], Predictions | None],
    ) -> SeedResult:
        predicted = [predict(cell) for cell in stored if cell["status"] == "ok"]
        done = [predictions for predictions in predicted if predictions is not None]
        pooled: dict[str, tuple[int, int]] = {}
        for predictions in done:
            pooled.update(predictions)
        total = len(self.record["folds"])
        return SeedResult(
            record=self.record,
            selection=selection,
            seed=seed,
            done=len(done),
            failed=sum(cell["status"] == "failed" for cell in stored),
            total=total,
            slices=_slices(self.record, pooled) if len(done) == total else {},
            predictions=pooled,
        )


def stored_selection(record: RowRecord) -> str:
    """Return the selection rule of a row's stored predictions."""
    if not record["trains_by_epoch"]:
        return NO_EPOCHS
    return "inner" if record["training"] == "inner" else "last"


def read_row(store: Store, record: RowRecord, cells: Cells | None = None) -> RowResults:
    """Read everything that is stored for a row, each file once.

    Parameters
    ----------
    store : Store
    record : RowRecord
    cells : Cells, optional
        Cells that are already known and need no reading.
    """
    known = cells or {}
    seeds = sorted({*store.seeds(record), *(seed for seed, _ in known)})
    places = [(seed, fold) for seed in seeds for fold in record["folds"]]
    return RowResults(
        record,
        {place: known[place] if place in known else store.read_cell(record, *place) for place in places},
        store,
    )


def read_results(store: Store, known: Mapping[str, RowResults] | None = None) -> list[RowResults]:
    """Read every row with a stored seed, in the order of the store.

    Parameters
    ----------
    store : Store
    known : mapping of str to RowResults, optional
        Row key to a row that has been read already.
    """
    rows = [(known or {}).get(record["row_key"]) or read_row(store, record) for record in store.rows()]
    return [row for row in rows if row.cells]


def means(seeds: Sequence[SeedResult]) -> Means:
    """Return the means over the complete seeds for every slice and metric; empty if no seed is complete."""
    complete = [seed for seed in seeds if seed.complete]
    return {
        (name, metric): _mean([getattr(seed.slices[name], metric) for seed in complete])
        for name in (complete[0].slices if complete else ())
        for metric in METRICS
    }


def best(rows: Sequence[RowResults]) -> list[frozenset[tuple[str, str]]]:
    """Return, for each row of one family, the slices and metrics in which it is ahead of all others of the family.

    Only rows with every seed complete are compared: a mean over fewer seeds may be lucky. A row is ahead of another if
    its mean is higher by more than the sum of both standard deviations over seeds. Of a row with one score, be its
    method deterministic or not, no deviation is known; so no row beside it is ahead. Means are compared as they are
    printed. A row with nothing to compare to is ahead in nothing.
    """
    compared = [row for row in rows if row.means and row.is_complete]
    if len(compared) < 2:
        return [frozenset()] * len(rows)
    return [
        frozenset(
            column
            for column, mean in row.means.items()
            if row in compared and all(_is_ahead(mean, other.means[column]) for other in compared if other is not row)
        )
        for row in rows
    ]


def _mean(values: Sequence[float]) -> Mean:
    return Mean(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None)


def _is_ahead(mean: Mean, other: Mean) -> bool:
    lead = round(mean.value, _PRINTED_DECIMALS) - round(other.value, _PRINTED_DECIMALS)
    return mean.std is not None and other.std is not None and lead > mean.std + other.std


def _stored_predictions(record: RowRecord, cell: CellRecord) -> Predictions:
    truth = record["folds"][cell["fold"]]["samples"]
    return {(key := p["sample_id"]): (truth[key], p["y_pred"]) for p in cell["predictions"]}


def _slices(record: RowRecord, predictions: Predictions) -> dict[str, Scores]:
    protocol = record["protocol"]
    pairs: dict[str, list[tuple[int, int]]] = {}
    for key, pair in predictions.items():
        pairs.setdefault(key.split("/", 1)[0], []).append(pair)
    # Counted once for each database, and not again in each slice.
    counts = {database: _counts(known, len(protocol["classes"])) for database, known in pairs.items()}
    parts = {
        name: [counts[database] for database in counts if database in databases]
        for name, databases in protocol["slices"].items()
    }
    scored = {name: np.sum(part, axis=0) for name, part in parts.items() if part}
    scores = score_counts(np.array([*scored.values()]), absent_class=protocol["absent_class"]) if scored else []
    return dict(zip(scored, scores, strict=True))


def _counts(pairs: Sequence[tuple[int, int]], n_classes: int) -> IntArray:
    truth, predicted = zip(*pairs, strict=True)
    return confusion(truth, predicted, n_classes)
