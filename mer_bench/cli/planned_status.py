"""What ``mer-bench status`` says of runs on other machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mer_bench.engine.planned import FailedCell, PendingRun, Planned, PreprocessRun
from mer_bench.results import RowResults
from mer_bench.store.schema import failure_text

_MOST = 20
"""How many failed cells, and how many tasks of a run, are named."""


@dataclass(frozen=True)
class PlannedStatus:
    """What is pending of planned runs, and what failed.

    Parameters
    ----------
    pending : sequence of PendingRun
    preprocessing : sequence of PreprocessRun
    failed : sequence of FailedCell
    names : mapping of str to str
        Of rows, by their keys.
    """

    pending: Sequence[PendingRun]
    preprocessing: Sequence[PreprocessRun]
    failed: Sequence[FailedCell]
    names: Mapping[str, str]

    @classmethod
    def of(cls, planned: Planned, rows: Sequence[RowResults], names: Mapping[str, str]) -> PlannedStatus:
        """Return what is known of the planned runs of a store."""
        return cls(planned.pending(rows), list(planned.preprocessing()), list(planned.failed(rows)), names)

    def lines(self) -> Iterator[str]:
        """Yield lines of text."""
        for run in self.pending:
            yield str(run)
            ended = [str(task) for task in run.pending if task.state == "ended"]
            yield from (f"  {text}" for text in ended[:_MOST])
            if len(ended) > _MOST:
                yield f"  {len(ended) - _MOST} more tasks ended"
        yield from map(str, self.preprocessing)
        for one in self.failed[:_MOST]:
            cell = one.cell
            yield f"{self.names[cell['row_key']]}, seed {cell['seed']}, fold {cell['fold']} failed: {_reason(one)}"
            yield from (f"  log: {log}" for log in one.logs)
        if len(self.failed) > _MOST:
            yield f"{len(self.failed) - _MOST} more cells failed"

    def as_json(self) -> dict[str, object]:
        """Return all of it, as an object of JSON."""
        return {
            "runs": [
                {
                    "run": run.run_id,
                    "cells": run.cells,
                    "missing": run.missing,
                    "tasks": run.tasks,
                    "active": None if run.queue.active is None else sorted(run.queue.active),
                    "problem": run.queue.problem,
                    "pending": [
                        {
                            "task": task.number,
                            "state": task.state,
                            "missing": task.missing,
                            "what": task.what,
                            "logs": [*map(str, task.logs)],
                        }
                        for task in run.pending
                    ],
                }
                for run in self.pending
            ],
            "preprocessing": [
                {
                    "run": run.run_id,
                    "samples": run.samples,
                    "tasks": run.tasks,
                    "active": None if run.queue.active is None else sorted(run.queue.active),
                    "problem": run.queue.problem,
                }
                for run in self.preprocessing
            ],
            "failed": [
                {
                    "name": self.names[one.cell["row_key"]],
                    "row_key": one.cell["row_key"],
                    "seed": one.cell["seed"],
                    "fold": one.cell["fold"],
                    "reason": _reason(one),
                    "logs": [*map(str, one.logs)],
                }
                for one in self.failed
            ],
        }


def _reason(failed: FailedCell) -> str:
    error = failed.cell["error"]
    return failure_text(error) if error else "its file names no error"
