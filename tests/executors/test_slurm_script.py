"""The script of a Slurm task, run by bash alone, and what is asked of squeue, without any Slurm."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from support.bench import wait_until

from mer_bench.errors import MerBenchError
from mer_bench.executors import slurm
from mer_bench.executors.base import Job, Task
from mer_bench.executors.options import SLURM
from mer_bench.executors.slurm import Slurm

OPTIONS = {parameter.name: parameter.default for parameter in SLURM}
RUN, OTHER = "20260101T000000-abcdef", "20260102T000000-abcdef"


def executor(**changed: object) -> Slurm:
    return Slurm({kind: {**OPTIONS, **changed} for kind in ("preprocess", "cpu", "gpu")})  # type: ignore[dict-item]


def job(tmp_path: Path, *kinds: str, run: str = RUN, after: tuple[Path, ...] = ()) -> Job:
    (tmp_path / "runs" / run).mkdir(parents=True, exist_ok=True)
    return Job(tmp_path, run, tuple(Task(number, kind, 1.0) for number, kind in enumerate(kinds)), {}, after)


class Script:
    """A task's script that runs another program than mer-bench, with a log as Slurm opens it."""

    def __init__(self, tmp_path: Path, code: str, **changed: object) -> None:
        self.log = tmp_path / "runs" / RUN / "slurm-0-0.log"
        own = job(tmp_path, "cpu")
        text = executor(**changed).preview(own)
        text = text.replace(own.shell_command('"$task"'), shlex.join([sys.executable, "-c", code]))
        slow = tmp_path / "cat"
        slow.write_text("#!/bin/sh\nsleep 0.3\nexec /bin/cat\n")
        slow.chmod(0o755)
        requeued = tmp_path / "scontrol"
        requeued.write_text('#!/bin/sh\necho "$@" > "$0.called"\n')
        requeued.chmod(0o755)
        self.called = tmp_path / "scontrol.called"
        path = f"{tmp_path}:{os.environ['PATH']}"
        variables = {"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_JOB_ID": "7", "PATH": path}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", text],
                env={**os.environ, **variables},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def end(self) -> int:
        """Wait for the end of the script; what is left then is killed, as Slurm does it."""
        code = self.process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return code

    def end_by(self, number: int, when: str, *, all_of_it: bool = False) -> int:
        assert wait_until(lambda: when in self.log.read_text(), 20)
        (os.killpg if all_of_it else os.kill)(self.process.pid, number)
        return self.end()


def test_no_file_of_a_task_is_its_log_and_the_last_lines_are_kept(tmp_path: Path) -> None:
    code = """
import os, sys
names = [name for name in os.listdir("/proc/self/fd") if name != "3"]
print(*(os.readlink(f"/proc/self/fd/{name}") for name in names), sep="\\n", flush=True)
open("/dev/stderr", "a").write("said by name\\n")
sys.stderr.write("x" * 30000 + "end")
os._exit(3)
"""
    script = Script(tmp_path, code)

    assert script.end() == 3
    said = script.log.read_text()
    assert "slurm-0-0.log" not in said
    assert said.count("pipe:") == 2
    assert "said by name" in said
    assert said.endswith("x" * 30000 + "end")


WAITS = "import time; print('up', flush=True); time.sleep(30)"
STOPS = (
    "import os, signal, time;"
    "signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'last'), os._exit({code})));"
    "print('up', flush=True); time.sleep(30)"
)


@pytest.mark.parametrize(
    ("code", "number", "exit_code", "requeued"),
    [
        (WAITS, signal.SIGUSR1, 143, True),
        (WAITS, signal.SIGTERM, 143, False),
        (STOPS.format(code=0), signal.SIGUSR1, 0, False),
        (STOPS.format(code=1), signal.SIGUSR1, 1, False),
    ],
)
def test_only_a_task_that_its_time_limit_ended_is_requeued(
    tmp_path: Path, code: str, number: int, exit_code: int, requeued: bool
) -> None:
    script = Script(tmp_path, code)

    assert script.end_by(number, "up") == exit_code
    assert script.called.exists() == requeued
    assert ("last" in script.log.read_text()) == (code != WAITS)
    assert not requeued or script.called.read_text() == "requeue 7_0\n"


def test_the_last_lines_are_kept_if_all_processes_of_a_task_get_the_signal(tmp_path: Path) -> None:
    script = Script(tmp_path, STOPS.format(code=5))

    # Bash may lose the code of a process that ends at the moment of a signal.
    assert script.end_by(signal.SIGTERM, "up", all_of_it=True) in (5, 143)
    assert script.log.read_text().startswith("up\nlast")


def test_what_a_task_leaves_running_does_not_keep_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm, "_LOG_TENTHS", 1)
    script = Script(tmp_path, "import subprocess; print(subprocess.Popen(['sleep', '20']).pid)")

    started = time.monotonic()
    assert script.end() == 0
    assert time.monotonic() - started < 10


def test_a_user_s_variables_change_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SBATCH_JOB_NAME", "mine")
    monkeypatch.setenv("SQUEUE_PARTITION", "gpu")
    monkeypatch.setenv("OF_THE_USER", "kept")
    seen = slurm._call(["env"], "try again later")

    assert "OF_THE_USER=kept" in seen
    assert "SBATCH_" not in seen
    assert "SQUEUE_" not in seen


def test_what_slurm_refuses_is_said_with_the_cure() -> None:
    with pytest.raises(MerBenchError, match=r"^sh refuses: no controller; try again later$"):
        slurm._call(["sh", "-c", "echo no controller >&2; exit 1"], "try again later")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Sequence[str]]]:
    """Replace the calls of Slurm's commands; sbatch gives numbers from 1 on."""
    monkeypatch.setattr(slurm, "_QUEUE", slurm._Queue())

    def replace(squeue: str | MerBenchError) -> list[Sequence[str]]:
        called: list[Sequence[str]] = []

        def call(command: Sequence[str], cure: str, text: str = "") -> str:
            called.append(command)
            if command[0] == "sbatch":
                return str(sum(done[0] == "sbatch" for done in called))
            if isinstance(squeue, MerBenchError):
                raise squeue
            return squeue

        monkeypatch.setattr(slurm, "_call", call)
        return called

    return replace


def test_squeue_is_called_once_a_minute_for_all_runs(
    tmp_path: Path, answers: Callable[..., list[Sequence[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    called = answers("1_0\n2_1\n2_2\n3_7\n")
    first, second = job(tmp_path, "cpu", "cpu"), job(tmp_path, "cpu", "cpu", "cpu", run=OTHER)
    for own in (first, second):
        executor().submit(own)
    found = [sorted(executor().active(own.folder)) for own in (first, second) * 2]
    n_asked = sum(command[0] == "squeue" for command in called)
    monkeypatch.setattr(slurm, "ASK_SECONDS", 0.0)
    executor().active(first.folder)

    assert found == [[0], [1, 2]] * 2
    assert n_asked == 1
    assert sum(command[0] == "squeue" for command in called) == 2


def test_a_queue_that_does_not_answer_is_not_empty_and_is_not_asked_again_at_once(
    tmp_path: Path, answers: Callable[..., list[Sequence[str]]]
) -> None:
    called = answers(MerBenchError("squeue has not answered for 60 s"))
    own = job(tmp_path, "cpu")
    executor().submit(own)
    for _ in range(2):
        with pytest.raises(MerBenchError, match="squeue has not answered"):
            executor().active(own.folder)

    assert sum(command[0] == "squeue" for command in called) == 1
    assert executor().active(tmp_path / "runs" / OTHER) == []


@pytest.mark.parametrize("content", ["", "[]", '{"arrays": [{"job": 3}], "sha256": "00"}'])
def test_a_damaged_record_of_the_jobs_is_not_taken_for_none(
    tmp_path: Path, answers: Callable[..., list[Sequence[str]]], content: str
) -> None:
    answers("1_0\n")
    own = job(tmp_path, "cpu")
    executor().submit(own)
    (own.folder / "slurm.json").write_text(content)

    with pytest.raises(MerBenchError, match=r"slurm\.json, which names the jobs of the run, is damaged"):
        executor().active(own.folder)


def test_cells_wait_for_samples_of_their_own_run_and_of_earlier_ones(
    tmp_path: Path, answers: Callable[..., list[Sequence[str]]]
) -> None:
    called = answers("")
    earlier = job(tmp_path, "preprocess", "cpu", run=OTHER)
    executor().submit(earlier)
    executor(gres="gpu:1").submit(job(tmp_path, "preprocess", "cpu", "gpu", after=(earlier.folder,)))

    waits = [[word for word in command if "dependency" in word] for command in called]
    assert waits == [[], ["--dependency=afterany:1"], [], *[["--dependency=afterany:1:3"]] * 2]


def test_networks_are_an_array_of_their_own_with_its_options(tmp_path: Path) -> None:
    own = Slurm({"preprocess": OPTIONS, "cpu": OPTIONS, "gpu": {**OPTIONS, "gres": "gpu:a100:1", "time": 90}})
    cpu, gpu = own.preview(job(tmp_path, "cpu", "gpu", "gpu")).split("#!/bin/bash\n")[1:]

    assert own.gpus
    assert "#SBATCH --gres=gpu:a100:1\n" in gpu
    assert "#SBATCH --time=90\n" in gpu
    assert "#SBATCH --array=0-1%100\n" in gpu
    assert "task=$((SLURM_ARRAY_TASK_ID + 1))\n" in gpu
    assert "gres" not in cpu
