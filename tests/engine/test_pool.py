"""The pool: every task runs in the process that its place names, and none is lost unless its own process dies."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from support.bench import descendants, living, wait_until
from support.worker_tasks import act, talk

from mer_bench.arithmetic import arithmetic, worker_environment
from mer_bench.engine import pool
from mer_bench.engine import preprocess as preprocess_module
from mer_bench.engine.listener import Interrupted, Listener, Step
from mer_bench.engine.messages import Reply
from mer_bench.engine.place import Place
from mer_bench.engine.pool import run_tasks
from mer_bench.errors import MerBenchError, MethodError
from mer_bench.representations.task import Preprocessed, PreprocessTask

LARGE = "x" * 300_000
"""More than a pipe holds."""
KILLED = (
    "killed (SIGKILL), probably by the system because the memory was full: run the same command again, with fewer "
    "--jobs or on a machine with more memory"
)
ALONE = Place((), "alone", imports=act.__module__, alone=True)


@pytest.fixture(autouse=True, scope="module")
def _own_workers() -> Iterator[None]:
    """Workers of these tests' own, which they end: the idle ones have imported torch, and stay for other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "_IDLE", own := pool._Idle())
        yield
        own.stop()


def lost(task: str, error: MethodError, seconds: float) -> tuple[str, object]:
    return f"{task}: {error}", seconds


def run(*tasks: str, place: Place = ALONE, jobs: int = 1, timeout: float | None = None) -> list[tuple[str, object]]:
    return [outcome for _, outcome in run_tasks(act, tasks, lambda _: place, lost=lost, jobs=jobs, timeout=timeout)]


def test_tasks_run_in_other_processes_and_only_those_that_kill_theirs_are_lost(
    capfd: pytest.CaptureFixture[str],
) -> None:
    pool._IDLE.stop()  # an older worker writes to the stderr of another test
    sizes = range(299_000, 299_010)
    outcomes = dict(run("exit 3", *[LARGE[:size] for size in sizes], "exit 0", "kill", "write noise", jobs=2))
    processes = [outcomes.pop(str(size)) for size in (*sizes, len("write noise"))]
    out, err = capfd.readouterr()

    assert os.getpid() not in processes
    assert len(set(processes)) == len(processes)
    assert (out, "noise" in err) == ("", True)
    assert sorted(outcomes) == [
        "exit 0: its process ended with exit code 0 before it returned",
        "exit 3: its process ended with exit code 3 before it returned",
        f"kill: its process was {KILLED}",
    ]


def test_a_task_alone_finds_nothing_of_others_and_tasks_of_one_home_do() -> None:
    tasks = ["keep a", "keep b"]
    homes = [Place((), "one"), Place((), "other")]

    assert [kept for _, kept in run(*tasks)] == [["a"], ["b"]]
    assert [kept for _, kept in run(*tasks, place=homes[0])] == [["a"], ["a", "b"]]
    outcomes = run_tasks(act, [*tasks, "keep c"], lambda task: homes[task == "keep b"], lost=lost, jobs=1)
    assert [kept for _, (_, kept) in outcomes] == [["a"], ["b"], ["c"]]


def test_the_next_tasks_use_the_same_worker_with_todays_surroundings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("a")
    workers = descendants(os.getpid())
    monkeypatch.setenv("SOME_VARIABLE", "new")
    (tmp_path / "late_module.py").write_text("import os; os.environ['IMPORTED'] = os.getcwd()")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    place = Place((), "late", imports="late_module", alone=True)
    outcomes = dict(run("variable SOME_VARIABLE", "variable IMPORTED", place=place))

    assert outcomes == {"variable SOME_VARIABLE": "new", "variable IMPORTED": str(tmp_path)}
    assert set(workers) & set(descendants(os.getpid()))


def test_libraries_read_the_arithmetic_and_sets_have_one_order() -> None:
    pinned = worker_environment(arithmetic())
    outcomes = dict(run(*[f"variable {name}" for name in pinned]))
    pool._IDLE.stop()

    assert {name.removeprefix("variable "): value for name, value in outcomes.items()} == pinned
    assert pinned["OMP_NUM_THREADS"] == "1"
    here = subprocess.run(
        [sys.executable, "-c", "print(hash('text'))"],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run("hash text") == [("hash text", int(here.stdout))]


@pytest.mark.slow
def test_a_time_out_ends_a_task_with_all_that_it_started(tmp_path: Path) -> None:
    ((reason, seconds),) = run(f"spawn {tmp_path / 'pid'}", timeout=1.0)

    assert reason.endswith("pid: it ran past the time-out of 1 s")
    assert isinstance(seconds, float)
    assert 1.0 <= seconds < 30.0
    assert has_ended(tmp_path / "pid")


def has_ended(file: Path) -> bool:
    """Return whether the process whose number the file holds ends."""
    return wait_until(lambda: not living([int(file.read_text())]), 10)


def test_what_a_task_leaves_running_ends_with_it_and_holds_up_nothing(tmp_path: Path) -> None:
    outcomes = run(task := f"leave-a-child {tmp_path / 'pid'}", "ab")

    assert [name for name, _ in outcomes] == [f"{task}: its process ended with exit code 4 before it returned", "2"]
    assert has_ended(tmp_path / "pid")


def test_a_task_ends_when_the_process_above_it_is_killed(tmp_path: Path) -> None:
    ((outcome, _),) = run(f"kill-home {tmp_path / 'pid'}")

    assert outcome.endswith(f"its process was {KILLED}")
    assert has_ended(tmp_path / "pid")


@pytest.mark.slow
def test_a_module_that_hangs_while_it_is_imported_runs_into_the_time_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hanging_module.py").write_text("import time; time.sleep(60)")
    monkeypatch.syspath_prepend(str(tmp_path))
    place = Place((), "hangs", imports="hanging_module", alone=True)

    assert run(LARGE, place=place, timeout=0.5)[0][0].endswith("it ran past the time-out of 0.5 s")


def test_a_library_that_a_home_imports_is_imported_once_for_the_next_homes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool._IDLE.stop()
    (tmp_path / "timm.py").write_text("import os; PID = os.getpid()")
    (tmp_path / "plugin_module.py").write_text("import os, timm; PID = os.getpid()")
    monkeypatch.syspath_prepend(str(tmp_path))
    place = Place((), "imports", imports="plugin_module", alone=True)
    asked = ("attribute timm:PID", "attribute plugin_module:PID", "ancestors")
    homes, workers = zip(*(dict(run(*asked, place=place))["ancestors"][1:] for _ in range(3)), strict=True)
    outcomes = dict(run(*asked, place=place))
    _, home, worker = outcomes["ancestors"]
    pool._IDLE.stop()  # its path has modules of this test

    assert len({*homes, home}) == 4
    assert {*workers, worker} == {worker}
    assert outcomes["attribute timm:PID"] == worker
    assert outcomes["attribute plugin_module:PID"] == home


def test_an_idle_worker_keeps_no_home() -> None:
    run("a", "b", jobs=2)

    idle = [worker.process.pid for _, worker in pool._IDLE.workers]
    assert len(idle) >= 2
    assert wait_until(lambda: not any(map(descendants, idle)), 10)


def test_a_worker_that_is_killed_is_replaced_and_its_task_tried_again(tmp_path: Path) -> None:
    task = f"kill-worker-once {tmp_path / 'killed'}"

    assert {name for name, _ in run(task, "ab", jobs=2)} == {str(len(task)), "2"}
    assert [name for name, _ in run("kill-worker", "ab")] == [f"kill-worker: its worker was {KILLED}", "2"]


@pytest.mark.parametrize("place", [ALONE, Place((), "shared home")])
def test_a_process_that_mer_bench_kills_because_it_gives_no_answer_is_not_said_to_have_filled_the_memory(
    place: Place,
) -> None:
    assert run("close-connections", "ab", place=place)[0][0] == (
        "close-connections: its process gave no answer that can be read, and did not end; mer-bench ended it"
    )


@pytest.mark.usefixtures("own_workers")
def test_a_worker_that_mer_bench_kills_because_it_gives_no_answer_is_not_said_to_have_filled_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool, "_START", "import os, time; os.close({descriptor}); time.sleep(60) #{path}{run}")
    monkeypatch.setattr(pool, "_ATTEMPTS", 1)

    ((said, _),) = run("ab")
    assert said == "ab: its worker gave no answer that can be read, and did not end; mer-bench ended it"


def test_a_worker_that_dies_while_it_starts_costs_attempts_and_then_its_task(monkeypatch: pytest.MonkeyPatch) -> None:
    pool._IDLE.stop()
    working = pool._START
    starts = []

    class Dying(str):
        def format(self, *args: object, **kwargs: object) -> str:
            starts.append(1)
            return "raise SystemExit(0)" if len(starts) != 2 else working.format(*args, **kwargs)

    monkeypatch.setattr(pool, "_START", Dying())
    assert run("ab")[0][0] == "2"
    pool._IDLE.stop()
    assert run("ab") == [("ab: its worker ended (0)", 0.0)]
    assert len(starts) == 2 + pool._ATTEMPTS


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    except OSError:
        return ""


def test_closing_ends_the_running_tasks_and_no_worker_outlives_its_run() -> None:
    pool._IDLE.stop()
    before = set(descendants(os.getpid()))
    outcomes = run_tasks(act, ["a", *["sleep"] * 5], lambda _: ALONE, lost=lost, jobs=2)
    assert next(outcomes)[1][0] == "1"
    started = set(descendants(os.getpid())) - before
    assert wait_until(lambda: len(set(descendants(os.getpid())) - before) == 5)
    outcomes.close()

    assert started
    assert wait_until(lambda: not any("sleep" in command_of(pid) for pid in descendants(os.getpid())), 10)
    pool._IDLE.stop()
    assert wait_until(lambda: not living(sorted(started)), 10)


@pytest.mark.parametrize("place", [ALONE, Place((), "shared home")])
def test_what_leaves_its_group_ends_with_the_run(place: Place) -> None:
    pool._IDLE.stop()
    assert len(run("daemon 3611", "a", "daemon 3617", place=place)) == 3
    pool._IDLE.stop()

    assert not [pid for pid in living(descendants(1)) if "sleep\x00361" in command_of(pid)]


def test_a_refusal_stops_the_run_and_another_error_loses_its_task(capfd: pytest.CaptureFixture[str]) -> None:
    pool._IDLE.stop()  # an older worker writes to the stderr of another test
    with pytest.raises(MerBenchError, match="width does not fit heads") as refused:
        run("refuse width", "a")
    assert type(refused.value) is MerBenchError
    assert run("fail by zero", "a")[0][0] == "fail by zero: its process failed: ZeroDivisionError: by zero"
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize("place", [ALONE, Place((), "shared home")])
def test_an_outcome_is_the_tasks_own_and_holds_nothing_that_runs_code(place: Place) -> None:
    tasks = ("fork", "object foreign", "object own", "thread")
    (forked, _), (foreign, _), (own, _), (after, _) = run(*tasks, place=place)

    assert forked == "4"
    assert foreign.startswith("object foreign: its outcome cannot be read (")
    assert own.endswith("mer_bench.errors.error_text is no data)")
    assert after == "6"
    assert [outcome for outcome, _ in run("thread", "thread", place=place)] == ["6", "6"]


def test_what_a_module_puts_in_the_place_of_the_messages_reaches_no_other_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_reply.py").write_text(
        "from mer_bench.engine import home, messages\n"
        "class Own(messages.Reply):\n    pass\n"
        "home.Reply = messages.Reply = Own\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    place = Place((), "own", imports="own_reply", alone=True)

    assert [outcome for outcome, _ in run("a", "bc", place=place)] == ["1", "2"]
    assert run("exit 3", place=place)[0][0] == "exit 3: its process ended with exit code 3 before it returned"
    assert "own_reply" not in sys.modules


@pytest.mark.parametrize("content", [b"", b"5", b"[1, 2]", b'["gone", "", 0.0]\n', b"\x80\x04K\x01."])
def test_bytes_that_are_no_reply_are_refused(content: bytes) -> None:
    reply = Reply("done", b"1\n\x00", "two\nlines", 3.5)

    assert Reply.unpacked(reply.packed()) == reply
    with pytest.raises(ValueError, match="no reply"):
        Reply.unpacked(content)


def test_a_variable_that_decides_on_the_arithmetic_may_not_be_changed() -> None:
    changed, other = run("set MKL_CBWR", "set PYTHONHASHSEED")

    assert "decide on libraries' arithmetic (MKL_CBWR)" in changed[0]
    assert other[0] == str(len("set PYTHONHASHSEED"))


def test_what_is_no_text_on_the_path_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pool._IDLE.stop()
    monkeypatch.setattr(sys, "path", [tmp_path, *sys.path])

    assert run("a")[0][0] == "1"


class Interrupting(Listener):
    """The user presses Ctrl-C while a step is shown."""

    def steps(self, what: str, total: int, done: int = 0) -> AbstractContextManager[Step]:
        def interrupt(succeeded: bool) -> None:
            raise KeyboardInterrupt

        return nullcontext(interrupt)


def test_an_interrupt_between_two_samples_stops_their_preprocessing(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    def running(*_: object, **__: object) -> Generator[tuple[None, Preprocessed], None, None]:
        try:
            yield None, Preprocessed("casme2/sub01/EP02_01f", "")
        finally:
            closed.append(True)

    monkeypatch.setattr(preprocess_module, "run_tasks", running)
    task: PreprocessTask = None  # type: ignore[assignment]
    with pytest.raises(Interrupted, match="what was preprocessed is in the cache") as kept:
        preprocess_module.preprocess([task], jobs=1, listener=Interrupting())

    # The exception is still referenced, and with it every frame that it came through.
    assert kept.traceback
    assert closed == [True]


def talking(*tasks: str, jobs: int = 1) -> tuple[list[str], list[tuple[str, int]]]:
    """Run tasks that send numbers; return what came out of them, and each message with its task."""
    heard: list[tuple[str, int]] = []

    def message(task: str, said: tuple[int, str]) -> None:
        assert len(said[1]) == 70_000
        heard.append((task, said[0]))

    outcomes = run_tasks(talk, tasks, lambda _: ALONE, lost=lost, jobs=jobs, message=message)
    return [outcome[0] for _, outcome in outcomes], heard


def test_messages_of_a_running_task_come_in_order_and_before_its_outcome() -> None:
    outcomes, heard = talking("3 ab", "0 abc", "4 abcd", jobs=2)

    assert sorted(outcomes) == ["2", "3", "4"]
    for task, count in (("3 ab", 3), ("0 abc", 0), ("4 abcd", 4)):
        assert [number for of, number in heard if of == task] == list(range(count))


def test_tasks_that_others_have_done_meanwhile_end_the_run() -> None:
    outcomes = run_tasks(act, ["ab", "c"], lambda _: ALONE, lost=lost, jobs=2, rest=lambda task: None)

    assert list(outcomes) == []


def test_a_message_that_is_no_plain_data_is_passed_over() -> None:
    assert talking("2 send-object") == (["11"], [("2 send-object", 0), ("2 send-object", 1)])


def test_a_process_whose_arithmetic_was_changed_sends_nothing_more() -> None:
    task = "2 send-with MKL_CBWR"
    outcomes, heard = talking(task)

    assert [number for _, number in heard] == [0, 1]
    assert "decide on libraries' arithmetic (MKL_CBWR)" in outcomes[0]


def test_a_task_that_dies_after_messages_is_lost_once() -> None:
    outcomes, heard = talking("2 kill", "1 ab")

    assert outcomes == [f"2 kill: its process was {KILLED}", "2"]
    assert heard == [("2 kill", 0), ("2 kill", 1), ("1 ab", 0)]


def test_a_task_whose_worker_is_killed_after_messages_is_done_again(tmp_path: Path) -> None:
    task = f"2 kill-worker-once {tmp_path / 'killed'}"
    outcomes, heard = talking(task)

    assert outcomes == [str(len(task.partition(" ")[2]))]
    # Of the first attempt, the worker may not have passed on all.
    assert [number for _, number in heard][-2:] == [0, 1]
