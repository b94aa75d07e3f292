"""Store the result of a cell: here a fold's scores and its sample ids meet."""

from __future__ import annotations

from mer_bench.evaluation.cells import FoldResult, FoldTask
from mer_bench.evaluation.rows import Row
from mer_bench.store import Store, cell_key
from mer_bench.store.schema import SCHEMA, CellRecord, Prediction, failure_text


def store_result(store: Store, row: Row, task: FoldTask, result: FoldResult, *, run_id: str) -> str:
    """Store a cell, even a failed one, unless the store already holds it finished; return why it failed, or nothing.

    Another run on the same store may have finished it, on another device: what was published of it stays.
    """
    record = _record(row, task, result, run_id)
    scores = result.scores
    if _is_finished(store, row, task, epochs=scores is not None and scores.epoch_scores is not None):
        return ""
    if scores is not None and scores.epoch_scores is not None:
        record["epoch_scores"] = store.write_epoch_scores(
            record["key"], _sample_ids(row, task.cell.fold), scores.epoch_scores
        )
    store.write_cell(row.record, record)
    return "" if result.error is None else failure_text(result.error)


def _is_finished(store: Store, row: Row, task: FoldTask, *, epochs: bool) -> bool:
    """Return whether a cell has predictions and, where asked for, its scores of every epoch."""
    silent = Store(store.path)
    stored = silent.read_cell(row.record, task.cell.seed, task.cell.fold)
    if stored is None or stored["status"] != "ok":
        return False
    return not epochs or silent.read_epoch_scores(stored["key"], row.record, stored) is not None


def predictions_of(row: Row, task: FoldTask, result: FoldResult) -> list[Prediction]:
    """Return a fold's scores as they are stored; nothing for a failed one."""
    if result.scores is None:
        return []
    return [
        {"sample_id": sample_id, "y_pred": int(scores.argmax()), "scores": [float(value) for value in scores]}
        for sample_id, scores in zip(_sample_ids(row, task.cell.fold), result.scores.scores, strict=True)
    ]


def _record(row: Row, task: FoldTask, result: FoldResult, run_id: str) -> CellRecord:
    row_key, seed, fold = row.record["row_key"], task.cell.seed, task.cell.fold
    record: CellRecord = {
        "schema": SCHEMA,
        "key": cell_key(row_key, seed, fold),
        "row_key": row_key,
        "seed": seed,
        "fold": fold,
        "status": "ok" if result.error is None else "failed",
        "predictions": [],
        "selected_epoch": None,
        "epoch_scores": "",
        "error": result.error,
        "run_id": run_id,
        "device": task.device,
        "processor": result.processor,
        "stack": 0 if result.scores is None else result.scores.stack,
        "seconds": round(result.seconds, 3),
    }
    if result.scores is not None:
        record["selected_epoch"] = result.scores.selected_epoch
        record["predictions"] = predictions_of(row, task, result)
    return record


def _sample_ids(row: Row, fold: str) -> list[str]:
    """Return the ids of a fold's test set, in the order of its task."""
    return [row.table.sample_ids[i] for i in row.folds[fold].test]
