"""The fence around plugin code: plugin code may raise anything, and the user reads one sentence."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from mer_bench.errors import MOST_CHARACTERS, MerBenchError, reason_of, shortened
from mer_bench.printable import printable_lines

STRICT_VARIABLE = "MER_BENCH_STRICT_PLUGINS"


class ForeignError(MerBenchError):
    """Plugin code failed. ``owner`` is whose code it is, ``error`` the exception that it raised."""

    def __init__(self, owner: str, sentence: str, error: BaseException) -> None:
        super().__init__(sentence)
        self.owner = owner
        self.error = error


@contextmanager
def foreign_code(
    owner: str,
    what: str,
    cure: str = f"report it to its author, or set {STRICT_VARIABLE}=1 to see the traceback",
    *,
    recorded: bool = False,
) -> Iterator[None]:
    """Turn whatever plugin code raises, `SystemExit` included, into a `ForeignError`; send what it prints to stderr.

    A `MerBenchError`, which already is one sentence, and Ctrl-C pass unchanged. Stdout is kept for the command's own
    output, such as that of ``--json``.

    Parameters
    ----------
    owner : str
        Whose code it is: ``method ahmsa``.
    what : str
        What it was called for: ``build_network``.
    cure : str
        How to fix it, as the end of the sentence.
    recorded : bool
        True where the caller stores the traceback or can continue without it. ``MER_BENCH_STRICT_PLUGINS=1``, which
        otherwise raises the plugin's exception unchanged, then has no effect.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except (MerBenchError, KeyboardInterrupt):
        raise
    except BaseException as error:  # pytest's Skipped, for one, is no Exception
        if strict() and not recorded:
            raise
        raise ForeignError(owner, f"{owner}: {what} failed ({reason_of(error)}); {cure}", error) from error


def strict() -> bool:
    """Return whether plugins' exceptions are raised unchanged, for their authors."""
    return os.environ.get(STRICT_VARIABLE, "") not in ("", "0")


def origin_of(error: BaseException) -> BaseException:
    """Return the exception that plugin code raised where the fence wrapped it, else the error itself."""
    return error.error if isinstance(error, ForeignError) else error


def trace_of(error: BaseException) -> str:
    """Return an error's traceback as text of bounded length."""
    try:
        parts = traceback.format_exception(type(error), error, error.__traceback__)
    except KeyboardInterrupt:
        raise
    except BaseException:  # a plugin's error may break whatever looks at it
        return f"{reason_of(error)}; its traceback cannot be printed"
    # Each part first, so that a message without end leaves room for the frames.
    return shortened("".join(shortened(part, MOST_CHARACTERS // 5) for part in parts))


def print_trace(error: BaseException) -> None:
    """Print an error's traceback on stderr."""
    print(printable_lines(trace_of(error)), file=sys.stderr)
