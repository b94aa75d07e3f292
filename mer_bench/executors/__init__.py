"""The executors that come with mer-bench, registered as any plugin registers its own."""

from __future__ import annotations

from mer_bench.executors.options import DASK, SLURM
from mer_bench.hookspecs import hookimpl
from mer_bench.specs import ExecutorSpec


@hookimpl
def mer_bench_executors() -> tuple[ExecutorSpec, ...]:
    """Register the built-in executors."""
    return (
        ExecutorSpec("slurm", "job arrays on Slurm, submitted by sbatch", "mer_bench.executors.slurm:Slurm", SLURM),
        ExecutorSpec("dask", "tasks on a Dask scheduler (distributed)", "mer_bench.executors.dask:Dask", DASK),
    )
