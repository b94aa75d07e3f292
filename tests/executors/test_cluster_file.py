"""The cluster file: which executor it names, with which options, and what is said of a wrong one."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest
from support.bench import Bench

from mer_bench.errors import MerBenchError
from mer_bench.executors.cluster_file import open_executor
from mer_bench.executors.slurm import Slurm
from mer_bench.plugin_manager import load_catalogue


def opened(text: str) -> Slurm:
    """Return the executor of a file with this text."""
    Path("cluster.toml").write_text(dedent(text), encoding="utf-8")
    executor = open_executor(Path("cluster.toml"), load_catalogue()).own
    assert isinstance(executor, Slurm)
    return executor


def test_each_kind_of_task_has_the_common_options_and_its_own() -> None:
    executor = opened("""
        slurm_time = 90
        slurm_mem = "2G"
        slurm_setup = ["module load cuda", "source bin/activate"]
        slurm_additional_parameters = { exclude = "node[1-3]", nice = 5 }
        [gpu]
        slurm_time = 400
        slurm_gres = "gpu:a100:1"
        [preprocess]
        slurm_mem = "1G"
    """)
    options = executor.options

    assert {kind: own["time"] for kind, own in options.items()} == {"preprocess": 90, "cpu": 90, "gpu": 400}
    assert {kind: own["mem"] for kind, own in options.items()} == {"preprocess": "1G", "cpu": "2G", "gpu": "2G"}
    assert {kind: own["gres"] for kind, own in options.items()} == {"preprocess": "", "cpu": "", "gpu": "gpu:a100:1"}
    assert options["cpu"]["setup"] == "module load cuda\nsource bin/activate"
    assert options["cpu"]["additional_parameters"] == "exclude=node[1-3]\nnice=5"
    assert options["cpu"]["cpus_per_task"] == 1
    assert executor.gpus


def test_without_a_gpu_in_the_file_networks_are_trained_on_processors() -> None:
    assert not opened("slurm_gres = 'license:2'").gpus
    assert opened("slurm_gpus_per_node = '1'").gpus


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("slurm_tme = 5", "has no parameter 'tme' (did you mean 'time'?)"),
        ("slurm_time = 'soon'", "time='soon' is not a whole number"),
        ("slurm_time = 1", "time=1 is below the smallest allowed value, 3"),
        ("[gpu]\nslurm_time = 2.5\n[cpu]\nslurm_time = 9", "time=2.5 is not a whole number"),
        ("slurm_time = 5\ndask_workers = 2", "its keys name dask, slurm; begin each key with the name of one executor"),
        ("slurm_time = 5\n[gpu]\ndask_workers = 2", "its keys name dask, slurm"),
        ("", "it has no key; begin each key with the name of one executor: dask_…, slurm_…"),
        ("partition = 'long'", "unknown executor 'partition'; known: dask, slurm"),
        ("slurrm_time = 5", "did you mean 'slurm'?"),
        ("gpu = 1\nslurm_time = 5", "gpu = 1 is not a table"),
        ("slurm_time = [1, 2]", "slurm_time = [1, 2] is not a text"),
        ("slurm_time = ", "is not TOML"),
        *(
            (f"slurm_additional_parameters = {{ '{name}' = 1 }}", f"{name!r} is set by mer-bench")
            for name in ("array", "arr", "output", "error", "signal", "requeue", "no-requeue", "no_requeue", "job_name")
        ),
        *(
            (f"slurm_additional_parameters = {{ '{name}' = 1 }}", f"{name!r} is set by mer-bench")
            for name in ("dependency", "depend", "parsable", "wrap", "wait", "clusters", "open-mode")
        ),
        (
            "[cpu]\nslurm_additional_parameters = { cpus-per-task = 2 }",
            "has a key of its own; write slurm_cpus_per_task",
        ),
        ("slurm_additional_parameters = { 'nice --array' = 2 }", "is no name of an option of sbatch"),
        ("slurm_additional_parameters = { '--nice' = 2 }", "is no name of an option of sbatch"),
        ('slurm_additional_parameters = { nice = "2\\narray=0-9" }', "'array' is set by mer-bench"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(MerBenchError) as refused:
        opened(text)

    assert said in str(refused.value)
    assert "cluster.toml" in str(refused.value)


def test_a_file_that_is_not_there_is_refused_before_anything_is_written(bench: Bench) -> None:
    ended = bench.run("--method", "majority", "--cluster", "absent.toml")

    assert ended.code == 2
    assert ended.errors == ["error: cluster file absent.toml does not exist; check its path"]
    assert not bench.results.exists()


def test_a_class_that_is_no_executor_is_named(bench: Bench, desk: Path) -> None:
    desk.write_text("chair_hours = 4\n", encoding="utf-8")
    ended = bench.run("--method", "majority", "--cluster", desk)

    assert ended.code == 2
    assert ended.errors == [
        f"error: cluster file {desk}: executor chair: desk_plugin:Chair is not a mer_bench.Executor; correct its plugin"
    ]


def test_the_list_of_executors_has_each_option_with_type_default_and_use(bench: Bench, desk: Path) -> None:
    listed = json.loads(bench("list", "executors", "--json").out)
    found = {entry["option"]: entry for entry in listed}

    assert found["desk_hours"] == {
        "name": "desk",
        "option": "desk_hours",
        "type": "a whole number",
        "default": "2",
        "what": "how long the desk is open",
        "from": "desk-plugins",
    }
    assert (found["slurm_time"]["default"], found["dask_workers"]["default"]) == ("60", "2")
    assert [entry["what"] for entry in listed if entry["name"] == "stool"] == ["an executor without options"]
    lines = bench("list", "executors").out.splitlines()
    assert any(line.split()[:2] == ["slurm", "slurm_requeues"] and " 10 " in line for line in lines)
