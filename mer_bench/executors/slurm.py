"""Slurm: the tasks of a run as job arrays, one for each kind of task, submitted by plain ``sbatch``."""

from __future__ import annotations

import math
import os
import re
import shlex
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mer_bench.errors import MerBenchError
from mer_bench.executors.base import ASK_SECONDS, Executor, Job
from mer_bench.parameters import ParameterValue
from mer_bench.store.files import read_record, write_record
from mer_bench.store.run_plan import KINDS

_WARNING_SECONDS = 60
"""How long before its time limit a task is told."""
_TIMEOUT = 60.0
_OF_USER = ("SBATCH_", "SQUEUE_")
"""Seconds that sbatch and squeue may take."""
_LOG_TENTHS = 100
"""Tenths of a second that the last lines of a task may take to its log."""
_SUBMITTED = "slurm.json"
_COPIED = ("partition", "account", "qos", "constraint", "gres", "mem")
"""Options that sbatch has under the same names; left out where they are empty."""

_SWITCHES = {"True": True, "true": True}
"""How a table of further options states one without a value."""

_OWNED = (
    *("array", "job-name", "output", "error", "open-mode", "requeue", "no-requeue", "signal", "dependency"),
    *("clusters", "parsable", "test-only", "wait", "wrap", "help", "usage", "version"),
)
"""Options of sbatch on which the script, the logs, or what is asked of Slurm later depend."""
_OF_KEYS = (*_COPIED, "time", "cpus-per-task", "gpus-per-node")
"""Options that have keys of their own."""
_WHOLE = "gpus"
"""An option of sbatch that is allowed, although its name begins that of another."""

_BODY = """\
{setup}
task=$((SLURM_ARRAY_TASK_ID + {first}))
stop() {{ kill -TERM "$work" 2>/dev/null; }}
late=
trap stop TERM
trap 'late=1; stop' USR1
# A pipe, so that no process of the task holds the log, which is a file in the results folder.
exec 3> >(trap '' HUP INT TERM USR1; exec cat)
logger=$!
{command} >&3 2>&3 3>&- &
work=$!
exec 3>&-
while kill -0 "$work" 2>/dev/null; do wait "$work" || true; done
code=0
wait "$work" || code=$?
# Bash may lose the code of a process that ends at the moment of a signal.
[ "$code" -ge 0 ] || code=143
# Not for ever: what the task has started may hold the pipe.
for _ in {{1..{log_tenths}}}; do kill -0 "$logger" 2>/dev/null || break; sleep 0.1; done
if [ -n "$late" ] && [ "$code" -gt 128 ] && [ "${{SLURM_RESTART_COUNT:-0}}" -lt {requeues} ]; then
    echo "mer-bench: task $task reached its time limit, and goes on in a new job"
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit "$code"
"""


@dataclass(frozen=True)
class _Array:
    """One job array: tasks of one kind with consecutive numbers.

    Parameters
    ----------
    kind : str
    first : int
        The number of its first task, which has index 0 in the array.
    count : int
    job : str
        Slurm's id; empty before it is submitted.
    """

    kind: str
    first: int
    count: int
    job: str = ""


class Slurm(Executor):
    """Submits one job array for each kind of task; those of cells wait until samples are preprocessed."""

    def __init__(self, options: Mapping[str, Mapping[str, ParameterValue]]) -> None:
        super().__init__(options)
        for own in options.values():
            _additional(own)

    @property
    def gpus(self) -> bool:
        """Whether ``gres`` or ``gpus_per_node`` asks for a GPU."""
        options = self.options["gpu"]
        return bool(options["gpus_per_node"]) or "gpu" in str(options["gres"])

    def preview(self, job: Job) -> str:
        """Return the scripts that would be submitted."""
        return "\n".join(self._script(job, array) for array in self._arrays(job))

    def submit(self, job: Job) -> str:
        """Submit the arrays, and remember their ids in the run's folder."""
        earlier = [array.job for folder in job.after for array in _read(folder) if array.kind == "preprocess"]
        submitted: list[_Array] = []
        for array in self._arrays(job):
            own = [done.job for done in submitted if done.kind == "preprocess"]
            before = [] if array.kind == "preprocess" else [*earlier, *own]
            # Not afterok: cells can be computed even if a task before them failed; they say what is missing.
            after = [f"--dependency=afterany:{':'.join(before)}"] if before else []
            answer = _call(["sbatch", "--parsable", *after], "correct the cluster file", self._script(job, array))
            submitted.append(_Array(array.kind, array.first, array.count, answer.strip().partition(";")[0]))
            _write(job.folder, submitted)
        _QUEUE.forget()
        return f"Slurm job{'s' if len(submitted) > 1 else ''} {', '.join(array.job for array in submitted)}"

    def active(self, folder: Path) -> Collection[int]:
        """Return the tasks that squeue shows.

        Raises
        ------
        MerBenchError
            It does not answer, or which jobs are the run's is not known any more.
        """
        arrays = {array.job: array for array in _read(folder)}
        shown = (name.partition("_") for name in (_QUEUE.tasks() if arrays else ()))
        return [arrays[job].first + int(index) for job, _, index in shown if job in arrays and index.isdecimal()]

    def log(self, folder: Path, number: int) -> Sequence[Path]:
        """Return the file to which the jobs of a task write; a job that goes on appends."""
        of_task = [own for own in _read(folder) if own.first <= number < own.first + own.count]
        return [folder / f"slurm-{own.first}-{number - own.first}.log" for own in of_task]

    def _arrays(self, job: Job) -> Iterator[_Array]:
        for kind in KINDS:
            numbers = [task.number for task in job.of_kind(kind)]
            size = self._number(kind, "max_array")
            for start in range(0, len(numbers), size):
                own = numbers[start : start + size]
                yield _Array(kind, own[0], len(own))

    def _script(self, job: Job, array: _Array) -> str:
        options = self.options[array.kind]
        lines = [f"#SBATCH {_directive(name, value)}" for name, value in self._options(job, array).items()]
        exported = [f"export {name}={shlex.quote(value)}" for name, value in job.environment.items()]
        body = _BODY.format(
            setup="\n".join(filter(None, [*exported, str(options["setup"]).strip()])),
            first=array.first,
            command=job.shell_command('"$task"', jobs=self._number(array.kind, "cpus_per_task")),
            log_tenths=_LOG_TENTHS,
            requeues=options["requeues"],
        )
        return "\n".join(["#!/bin/bash", *lines, body])

    def _options(self, job: Job, array: _Array) -> dict[str, ParameterValue]:
        """Return the options of sbatch for an array."""
        own = self.options[array.kind]
        seconds = 60 * self._number(array.kind, "time")
        return {
            "job-name": _job_name(array.kind),
            "array": f"0-{array.count - 1}%{own['array_parallelism']}",
            "output": _pattern(job.folder) + f"/slurm-{array.first}-%a.log",
            "open-mode": "append",
            "requeue": "",  # a cluster may forbid it by default
            "time": own["time"],
            "signal": f"B:USR1@{min(_WARNING_SECONDS, seconds // 4)}",
            "cpus-per-task": own["cpus_per_task"],
            **{name: own[name] for name in _COPIED if own[name] != ""},
            **({"gpus-per-node": own["gpus_per_node"]} if own["gpus_per_node"] else {}),
            **_additional(own),
        }

    def _number(self, kind: str, name: str) -> int:
        value = self.options[kind][name]
        assert isinstance(value, int)
        return value


def _additional(options: Mapping[str, ParameterValue]) -> dict[str, ParameterValue]:
    """Return the further options of sbatch.

    Raises
    ------
    MerBenchError
        One is no name of an option, or is one that mer-bench or another key sets.
    """
    found: dict[str, ParameterValue] = {}
    for line in str(options["additional_parameters"]).splitlines():
        written, _, value = line.partition("=")
        name = written.replace("_", "-")
        if problem := _problem(name):
            raise MerBenchError(f"slurm_additional_parameters: {written!r} {problem}")
        found[name] = _SWITCHES.get(value, value)
    return found


def _problem(name: str) -> str:
    """Return why an option of sbatch is refused; sbatch takes the beginning of a name for the whole."""
    if not re.fullmatch("[a-z][a-z0-9-]*", name):
        return "is no name of an option of sbatch; write it without hyphens in front"
    if name == _WHOLE:
        return ""
    if any(owned.startswith(name) for owned in _OWNED):
        return "is set by mer-bench, which needs it to find tasks and their logs again; leave it out"
    key = next((key for key in _OF_KEYS if key.startswith(name)), "").replace("-", "_")
    return f"has a key of its own; write slurm_{key}" if key else ""


def _job_name(kind: str) -> str:
    """Return the name of all jobs of a kind, so that squeue is asked once for all runs."""
    return f"mer-bench-{kind}"


def _pattern(folder: Path) -> str:
    """Return a folder as a part of ``--output``, where signs that stand for job numbers are doubled.

    Raises
    ------
    MerBenchError
        Its path has a sign that a directive cannot hold.
    """
    # After a backslash, sbatch replaces no number in the whole path.
    if wrong := next((sign for sign in "\\\n" if sign in str(folder)), None):
        raise MerBenchError(
            f"results folder {str(folder)!r} has {wrong!r} in its path, which sbatch cannot write to; "
            "choose another with --results"
        )
    return str(folder).replace("%", "%%")


def _directive(name: str, value: ParameterValue) -> str:
    """Return an option as a directive of sbatch takes it; one without a value is a switch.

    Raises
    ------
    MerBenchError
        The value has several lines: what comes after the first would be shell.
    """
    if "\n" in str(value):
        raise MerBenchError(f"slurm_{name.replace('-', '_')} = {value!r} has several lines; write one")
    if value == "" or value is True:
        return f"--{name}"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'--{name}="{escaped}"' if re.search(r"[^\w.,:;%/@+=*&|()\[\]-]", str(value)) else f"--{name}={value}"


def _call(command: Sequence[str], cure: str, text: str = "") -> str:
    """Run a command of Slurm, and return what it prints.

    It sees none of the variables with which a user changes its options: they stand over a script, and hide tasks.

    Raises
    ------
    MerBenchError
        It cannot be run, fails, or does not answer.
    """
    variables = {name: value for name, value in os.environ.items() if not name.startswith(_OF_USER)}
    try:
        done = subprocess.run(
            command, env=variables, input=text, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except OSError as error:
        raise MerBenchError(
            f"{command[0]} cannot be run ({error.strerror}); submit on a login node of the cluster"
        ) from error
    except subprocess.TimeoutExpired:
        raise MerBenchError(f"{command[0]} has not answered for {_TIMEOUT:g} s; try again later") from None
    if done.returncode != 0:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise MerBenchError(f"{command[0]} refuses: {said}; {cure}")
    return done.stdout


class _Queue:
    """The tasks of all runs, for which squeue is called at most once in `ASK_SECONDS`."""

    def __init__(self) -> None:
        self._asked = -math.inf
        self._answer: Sequence[str] | MerBenchError = ()

    def forget(self) -> None:
        """Receive that tasks were submitted, which squeue did not show yet."""
        self._asked = -math.inf

    def tasks(self) -> Sequence[str]:
        """Return tasks as squeue names them: ``12_3``.

        Raises
        ------
        MerBenchError
            It does not answer, or did not when it was called last.
        """
        if time.monotonic() - self._asked >= ASK_SECONDS:
            names = ",".join(map(_job_name, KINDS))
            try:
                self._answer = _call(
                    ["squeue", "--noheader", "--array", f"--name={names}", "--format=%i"], "try again later"
                ).split()
            except MerBenchError as error:
                self._answer = error
            self._asked = time.monotonic()
        if isinstance(self._answer, MerBenchError):
            raise self._answer
        return self._answer


_QUEUE = _Queue()


def _write(folder: Path, arrays: Sequence[_Array]) -> None:
    write_record(folder / _SUBMITTED, {"arrays": [asdict(array) for array in arrays]})


def _read(folder: Path) -> list[_Array]:
    """Return the arrays of a run; none if it was not submitted to Slurm.

    Raises
    ------
    MerBenchError
        The file that names them is damaged.
    """
    file = folder / _SUBMITTED
    if not file.exists():
        return []
    try:
        return [_Array(**entry) for entry in read_record(file)["arrays"]]
    except (MerBenchError, KeyError, TypeError) as error:
        raise MerBenchError(
            f"{file}, which names the jobs of the run, is damaged; delete it when squeue shows none of them any more"
        ) from error
