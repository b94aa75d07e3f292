"""MLflow: one run for each training, below a run for each row."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from mer_bench.tracking.base import TrackedRun, TrackedTraining, Tracker

_URI = "MLFLOW_TRACKING_URI"
_PARENT, _USER, _NAME = "mlflow.parentRunId", "mlflow.user", "mer_bench.training"
_LONGEST = 500
"""Characters of a parameter's value, which MLflow bounds."""


class MLflow(Tracker):
    """Logs to the server that ``MLFLOW_TRACKING_URI`` names, else to files in the folder of the results.

    The experiment is the protocol. Runs are made by the client, not by ``mlflow.start_run``, which would add the names
    of the user and of the command.
    """

    def __init__(self) -> None:
        # MLflow reports its own use to its authors, unless it is told not to before it is imported.
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
        from mlflow import MlflowClient

        self._make = MlflowClient
        self._client: Any = None
        self._experiment = ""
        self._rows: dict[str, str] = {}
        self._runs: dict[str, str] = {}

    def start(self, run: TrackedRun) -> None:
        """Find or make the experiment."""
        os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
        uri = os.environ.get(_URI) or run.folder.as_uri()
        self._client = self._make(tracking_uri=uri)
        known = self._client.get_experiment_by_name(run.protocol)
        self._experiment = known.experiment_id if known else self._client.create_experiment(run.protocol)

    def log(self, training: TrackedTraining, epoch: int, values: Mapping[str, float]) -> None:
        """Log the values of an epoch."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        metrics = [Metric(name, value, now, epoch) for name, value in values.items()]
        self._client.log_batch(self._run(training), metrics=metrics)

    def finish(self, training: TrackedTraining, status: str) -> None:
        """End the run of the training."""
        if run := self._runs.pop(_name(training), ""):
            self._client.set_terminated(run, "FINISHED" if status == "finished" else "FAILED")

    def end(self) -> None:
        """End all runs; those of trainings that were interrupted go on when these do."""
        for run in self._runs.values():
            self._client.set_terminated(run, "KILLED")
        for run in self._rows.values():
            self._client.set_terminated(run, "KILLED" if self._runs else "FINISHED")

    def _run(self, training: TrackedTraining) -> str:
        name = _name(training)
        if name not in self._runs:
            if training.row not in self._rows:
                self._rows[training.row] = self._found(training.row) or self._new(training.row, training, {})
            self._runs[name] = self._found(name) or self._new(name, training, {_PARENT: self._rows[training.row]})
        return self._runs[name]

    def _found(self, name: str) -> str:
        """Return the unfinished run of that name, or of a row any run."""
        finished = "" if "/" not in name else " and attributes.status != 'FINISHED'"
        runs = self._client.search_runs([self._experiment], f"tags.`{_NAME}` = '{name}'{finished}", max_results=1)
        for run in runs:
            self._client.update_run(run.info.run_id, status="RUNNING")
            return str(run.info.run_id)
        return ""

    def _new(self, name: str, training: TrackedTraining, tags: Mapping[str, str]) -> str:
        from mlflow.entities import Param

        made = self._client.create_run(
            self._experiment, tags={**tags, _NAME: name, _USER: "mer-bench"}, run_name=name.partition("/")[2] or name
        )
        params = {"method": training.method, "preset": training.preset, **training.params}
        if _PARENT in tags:
            params |= {"seed": training.seed, "fold": training.fold}
        self._client.log_batch(
            made.info.run_id, params=[Param(key, str(value)[:_LONGEST]) for key, value in params.items()]
        )
        return str(made.info.run_id)


def _name(training: TrackedTraining) -> str:
    return f"{training.row}/seed-{training.seed}/{training.fold}"
