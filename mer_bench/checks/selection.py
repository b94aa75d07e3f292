"""Checks of which epoch counts."""

from __future__ import annotations

from mer_bench.checks.base import Answer, Finding, NotLookedFor, Severity, check
from mer_bench.checks.material import Material
from mer_bench.results import RowResults


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
    cure="Run the row again without editing its cells (`mer-bench rows remove`, then `mer-bench run`). To show what "
    "such a choice would give, use `--selection oracle`, which is kept apart as a diagnostic.",
)
def epoch_on_test_subject(material: Material) -> Answer:
    """Look for cells whose predictions are not those of the last epoch."""
    for row in material.rows:
        if row.selection != "last" or not row.finished:
            continue
        if unknown := len(row.finished) - len(row.epochs.lengths):
            why = f"{unknown} of {len(row.finished)} cells have no usable scores of every epoch"
            yield NotLookedFor((material.name(row),), why)
        if sentence := _other_epochs(row):
            yield Finding((material.name(row),), sentence)


def _other_epochs(row: RowResults) -> str:
    """Return how many cells count another epoch than the last, and the first of them; empty if none does."""
    epochs = row.epochs
    other = [
        (cell, length)
        for cell in row.finished
        if (length := epochs.lengths.get((cell["seed"], cell["fold"]))) and cell["selected_epoch"] != length - 1
    ]
    if not other:
        return ""
    cell, length = other[0]
    of_oracle = sum(cell["selected_epoch"] == epochs.best[cell["seed"], cell["fold"]] for cell, _ in other)
    return (
        f"{len(other)} of {len(row.finished)} cells count another epoch than the last: seed {cell['seed']}, fold "
        f"{cell['fold']} counts epoch {1 + (cell['selected_epoch'] or 0)} of {length}; in {of_oracle} of them it is "
        "the epoch with the most correct samples of the test subject"
    )
