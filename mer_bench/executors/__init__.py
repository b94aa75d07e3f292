"""The executors and trackers that come with mer-bench, registered as any plugin registers its own."""

from __future__ import annotations

from mer_bench.executors.options import DASK, SLURM
from mer_bench.hookspecs import hookimpl
from mer_bench.specs import ExecutorSpec, TrackerSpec


@hookimpl
def mer_bench_executors() -> tuple[ExecutorSpec, ...]:
    """Register the built-in executors."""
    return (
        ExecutorSpec("slurm", "job arrays on Slurm, submitted by sbatch", "mer_bench.executors.slurm:Slurm", SLURM),
        ExecutorSpec("dask", "tasks on a Dask scheduler (distributed)", "mer_bench.executors.dask:Dask", DASK),
    )


@hookimpl
def mer_bench_trackers() -> tuple[TrackerSpec, ...]:
    """Register the built-in trackers, here for want of an entry point of their own: both kinds are plain specs."""
    return (
        TrackerSpec("tensorboard", "TensorBoard: event files", "mer_bench.tracking.tensorboard:TensorBoard"),
        TrackerSpec(
            "mlflow",
            "MLflow: a folder, or the server that MLFLOW_TRACKING_URI names",
            "mer_bench.tracking.mlflow:MLflow",
            packages=("mlflow",),
            install="pip install mer-bench[mlflow]",
        ),
    )
