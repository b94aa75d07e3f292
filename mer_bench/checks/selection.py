"""Checks of which epoch counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.checks.base import Answer, Finding, NotLookedFor, Severity, check
from mer_bench.checks.material import LastEpoch, Material
from mer_bench.results import RowResults
from mer_bench.store.schema import CellRecord


@check(
    "MER001",
    "epoch chosen on the held-out subject",
    Severity.ERROR,
    meaning="The epoch that does best on the test subject is an upper bound, not a result: on the composite database "
    "a guesser that may choose among 100 epochs reaches a UF1 of about 0.75. Ten of nineteen of the field's public "
    "evaluation codes choose this way, so such a score must not stand beside others.",
    looks_at="For rows with the selection rule `last`, the scores of every epoch that are stored beside each cell: "
    "the predictions that count must be those of the last epoch. It cannot see a method that chooses an epoch inside "
    "its own `fit`, which gets no test label, and not why the rule `inner` chose an epoch.",
    cure="Run the row again without editing its cells (`mer-bench rows rm`, then `mer-bench run`). To show what such "
    "a choice would give, use `--selection oracle`, which is kept apart as a diagnostic.",
)
def epoch_on_test_subject(material: Material) -> Answer:
    """Look for cells whose predictions are not those of the last epoch."""
    for row in material.rows:
        if row.selection != "last" or not row.finished:
            continue
        known = [(cell, material.last_epochs[cell["key"]]) for cell in row.finished]
        if unknown := sum(last is None for _, last in known):
            why = f"{unknown} of {len(known)} cells have no usable scores of every epoch"
            yield NotLookedFor((material.name(row),), why)
        other = [cell for cell, last in known if last is not None and not _is_last(cell, last)]
        if other:
            first = other[0]
            yield Finding(
                (material.name(row),),
                f"{len(other)} of {len(known)} cells do not count the last epoch: seed {first['seed']}, fold "
                f"{first['fold']} {_counted(material, row, first)}",
            )


def _is_last(cell: CellRecord, last: LastEpoch) -> bool:
    scores = {prediction["sample_id"]: prediction["scores"] for prediction in cell["predictions"]}
    return cell["selected_epoch"] == last.n_epochs - 1 and np.array_equal(
        last.scores, _in_order(scores, last.sample_ids)
    )


def _counted(material: Material, row: RowResults, cell: CellRecord) -> str:
    """Return which epoch a cell counts, by its predictions or else by what it states."""
    stored = material.store.read_epoch_scores(cell["key"])
    if stored is None:
        return f"states epoch {cell['selected_epoch']}"
    ids, scores = stored
    predicted = _in_order({each["sample_id"]: each["scores"] for each in cell["predictions"]}, ids)
    same = [epoch for epoch in range(len(scores)) if np.array_equal(scores[epoch], predicted)]
    if not same:
        return f"has predictions of none of its {len(scores)} epochs"
    if len(scores) - 1 in same:
        return f"has the predictions of the last epoch, and states epoch {1 + (cell['selected_epoch'] or 0)}"
    epoch = same[0]
    truth = row.record["folds"][cell["fold"]]["samples"]
    correct = (scores.argmax(axis=2) == np.array([truth[key] for key in ids])).sum(axis=1)
    best = ", which has the most correct samples of the test subject" if correct[epoch] == correct.max() else ""
    return f"counts epoch {epoch + 1} of {len(scores)}{best}"


def _in_order(scores: Mapping[str, Sequence[float]], sample_ids: Sequence[str]) -> FloatArray:
    """Return the scores of samples in the order of the file of every epoch; nothing if it has other samples."""
    known = sample_ids if scores.keys() == set(sample_ids) else []
    return np.array([scores[key] for key in known], dtype=np.float32)
