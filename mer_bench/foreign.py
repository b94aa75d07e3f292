"""The fence around plugin code: it may raise anything, and a user is to read one sentence."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from mer_bench.errors import MerBenchError, reason_of

STRICT_VARIABLE = "MER_BENCH_STRICT_PLUGINS"


class ForeignError(MerBenchError):
    """Plugin code failed: the sentence, in ``owner`` whose code it is, and in ``error`` what was raised."""

    def __init__(self, owner: str, sentence: str, error: BaseException) -> None:
        super().__init__(sentence)
        self.owner = owner
        self.error = error


@contextmanager
def foreign_code(
    owner: str,
    what: str,
    cure: str = f"report it to its author, or see where with {STRICT_VARIABLE}=1",
    *,
    recorded: bool = False,
) -> Iterator[None]:
    """Turn what plugin code raises, `SystemExit` included, into a `ForeignError`; what it prints goes to stderr.

    A `MerBenchError` is a sentence already, and Ctrl-C is the user's: both pass as they are. Stdout is for answers,
    such as those of ``--json``.

    Parameters
    ----------
    owner : str
        Whose code it is: ``method ahmsa``.
    what : str
        What it is asked for: ``build_network``.
    cure : str
    recorded : bool
        The caller keeps the traceback, or goes on without: then ``MER_BENCH_STRICT_PLUGINS=1``, by which authors have
        the exception as it is, changes nothing.
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
    """Say whether plugins' exceptions are to be raised as they are, for their authors."""
    return os.environ.get(STRICT_VARIABLE, "") not in ("", "0")


def origin_of(error: BaseException) -> BaseException:
    """Return what plugin code raised, where the fence made a sentence of it; else the error itself."""
    return error.error if isinstance(error, ForeignError) else error


def trace_of(error: BaseException) -> str:
    """Return an error's traceback as text."""
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))
