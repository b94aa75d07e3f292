"""The options of the built-in executors; those of Slurm have the names that submitit gives them."""

from __future__ import annotations

from mer_bench.parameters import Parameter

SLURM = (
    Parameter("partition", "", "where jobs run; empty for the cluster's default"),
    Parameter("account", "", "the account that is charged"),
    Parameter("qos", "", "the quality of service"),
    Parameter("constraint", "", "features that a node must have"),
    # Slurm may send the signal that ends a task in time a minute too early.
    Parameter("time", 60, "the time limit of a task in minutes; a training goes on in the next job", minimum=3),
    Parameter("gres", "", "generic resources, such as gpu:1"),
    Parameter("gpus_per_node", "", "how many GPUs, or of which type: 1, a100:1"),
    Parameter("cpus_per_task", 1, "processors, and worker processes, of a task", minimum=1),
    Parameter("mem", "4G", "memory of a task; empty for the cluster's default"),
    Parameter("array_parallelism", 100, "how many tasks of one array run at a time", minimum=1),
    Parameter("max_array", 1000, "how many tasks an array may have: the cluster's MaxArraySize less one", minimum=1),
    Parameter("requeues", 10, "how often a task that reaches its time limit goes on in a new job", minimum=0),
    Parameter("additional_parameters", "", "a table of other options of sbatch"),
    Parameter("setup", "", "lines of shell that come first, such as module load or the activation of an environment"),
)

DASK = (
    Parameter("address", "", "of a scheduler, such as tcp://login:8786; empty to start Dask workers on this machine"),
    Parameter("workers", 2, "how many Dask workers to start on this machine", minimum=1),
    Parameter("gpu_resource", "", "the Dask workers' resource that stands for a GPU, such as GPU; empty for none"),
    Parameter("retries", 2, "how often a task whose process was killed is started again", minimum=0),
)
