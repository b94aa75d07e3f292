"""Errors of plugins may have no end, or break whatever looks at them: what is stored, sent and printed is bounded."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.bench import FOLDS, Bench
from support.hostile import install

from mer_bench.engine.messages import Reply
from mer_bench.errors import MOST_CHARACTERS, MerBenchError, MethodError, error_text, reason_of, shortened
from mer_bench.evaluation.cells import failed_fold
from mer_bench.foreign import trace_of
from mer_bench.store.schema import failure_text

LONG = "first " + "x" * 20_000_000 + " last"


class MuteError(Exception):
    def __str__(self) -> str:
        raise ValueError("nothing to say")


class NumberError(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]


class QuitsError(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class Text(str):
    """Lies about its length, and gives others when it is split."""

    def __len__(self) -> int:
        return 1

    def split(self, *_: object) -> list[str]:  # type: ignore[override]
        return [LONG]


class SubclassedError(Exception):
    def __str__(self) -> str:
        return Text(LONG)


class UntraceableError(Exception):
    @property
    def __suppress_context__(self) -> bool:  # type: ignore[override]
        raise ValueError("not to be looked at")


class _Nameless(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise ValueError("no name")


def caught(error: BaseException | Callable[[], object]) -> BaseException:
    """Return an error as it is when it has been raised."""
    try:
        if isinstance(error, BaseException):
            raise error
        error()
    except BaseException as raised:
        return raised
    raise AssertionError


def deep(depth: int) -> None:
    """Recurse through two functions, of which a traceback leaves out no frame."""
    if not depth:
        raise ValueError("deep down")
    deeper(depth - 1)


def deeper(depth: int) -> None:
    deep(depth)


ERRORS: dict[str, Callable[[], BaseException]] = {
    "a long message": lambda: ValueError(LONG),
    "a long message of mer-bench's own errors": lambda: MerBenchError(LONG),
    "a long message of a broken contract": lambda: MethodError(LONG),
    "a huge repr": lambda: KeyError(("first", "x" * 20_000_000)),
    "a long name": lambda: type("E" * 1_000_000, (Exception,), {})("first"),
    "a name that raises": lambda: _Nameless("Nameless", (Exception,), {})("first"),
    "a message that raises": MuteError,
    "a message that ends the process": QuitsError,
    "a message that is no text": NumberError,
    "a message that is a text of its own kind": SubclassedError,
    "many frames": lambda: caught(lambda: deep(450)),
    "a traceback that cannot be printed": lambda: UntraceableError("odd"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_is_bounded_wherever_it_goes(case: str) -> None:
    error = caught(ERRORS[case]())
    failed = failed_fold(error, 0.0, trace_of(error)).error
    reply = Reply("lost", reason=error_text(error))

    assert failed is not None
    assert all(len(text) <= MOST_CHARACTERS for text in (*failed.values(), failure_text(failed), trace_of(error)))
    assert len(reason_of(error)) <= MOST_CHARACTERS
    assert Reply.unpacked(reply.packed()).reason == reply.reason
    assert failed["message"]


def test_head_and_tail_are_kept_with_a_note() -> None:
    text = shortened(LONG)

    assert len(text) in (MOST_CHARACTERS - 1, MOST_CHARACTERS)
    assert text.startswith("first xxx")
    assert text.endswith("xxx last")
    left_out = len(LONG) - (len(text) - len(" … 19,990,000 characters left out … "))
    assert f" … {left_out:,} characters left out … " in text
    assert shortened(text) == text
    assert shortened("x" * 50, 50) == "x" * 50


def test_a_trace_keeps_the_frames_beside_a_long_message() -> None:
    def raises() -> None:
        try:
            raise KeyError(LONG)
        except KeyError as error:
            raise ValueError(LONG) from error

    trace = trace_of(caught(raises))

    assert trace.count("in raises") == 2
    assert "The above exception was the direct cause" in trace
    assert trace.count("characters left out") == 2
    assert "ValueError: first xxx" in trace
    assert trace.endswith(" last\n")


def test_many_frames_leave_the_first_and_the_last() -> None:
    trace = trace_of(caught(lambda: deep(450)))

    assert trace.startswith("Traceback (most recent call last):")
    assert "characters left out" in trace
    assert trace.endswith("ValueError: deep down\n")


def test_what_one_process_tells_another_is_bounded() -> None:
    reply = Reply("lost", reason=LONG, seconds=1.5)

    assert len(reply.packed()) < 2 * MOST_CHARACTERS
    assert Reply.unpacked(reply.packed()).reason == shortened(LONG)
    # Names of modules, all of which are needed.
    assert Reply.unpacked(Reply("ready", reason=LONG).packed()).reason == LONG


def test_errors_that_break_texts_have_one_all_the_same() -> None:
    assert reason_of(MuteError()) == "MuteError: its message cannot be printed"
    assert reason_of(QuitsError()) == "QuitsError: its message cannot be printed"
    assert reason_of(NumberError()) == "NumberError: its message cannot be printed"
    assert error_text(SubclassedError()) == " ".join(shortened(LONG).split())
    assert trace_of(UntraceableError("odd")) == "UntraceableError: odd; its traceback cannot be printed"
    with pytest.raises(KeyboardInterrupt):
        error_text(InterruptsError())


class InterruptsError(Exception):
    def __str__(self) -> str:
        raise KeyboardInterrupt


LONG_PLUGIN = """
    import numpy as np

    from mer_bench import Method, MethodSpec, Representation, hookimpl

    class Long(Method):
        def fit(self, train, *, seed):
            raise ValueError("first " + "x" * 20_000_000 + " last")

        def predict(self, test):
            return np.zeros((len(test), self.n_classes))

    @hookimpl
    def mer_bench_methods():
        yield MethodSpec("long", "1", "Long", "long_plugin:Long", Representation("face-flow"), "handcrafted")
"""


@pytest.mark.slow
def test_a_method_with_a_message_without_end_leaves_a_small_store(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", "long-plugin", {"long_plugin": LONG_PLUGIN})
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    ended = bench.run("--method", "long")
    sys.modules.pop("long_plugin", None)
    errors = [json.loads(file.read_text())["error"] for file in bench.cell_files()]

    assert ended.code == 1
    assert len(errors) == len(FOLDS)
    for error in errors:
        assert error["message"].startswith("first xxx")
        assert error["message"].endswith("xxx last")
        assert "characters left out" in error["message"]
        assert "in fit" in error["traceback"]
    size = sum(file.stat().st_size for file in bench.results.rglob("*") if file.is_file())
    assert size < 1_000_000
    assert len(ended.out + ended.err) < (len(FOLDS) + 2) * 2 * MOST_CHARACTERS
    assert (bench.results / "report.html").stat().st_size < 1_000_000
