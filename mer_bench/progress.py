"""The progress of a run, for people: a bar in a terminal or a notebook, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from mer_bench.engine.listener import Listener, Step

_PLAIN_INTERVAL_S = 5.0


class ProgressListener(Listener):
    """Shows on stderr the progress of each part of the work, notices, and what fails."""

    def __init__(self) -> None:
        self._bar: Progress | None = None

    def notice(self, text: str) -> None:
        """Print it at once; above the bar while there is one."""
        self._print(f"note: {text}", "yellow")

    def failed(self, text: str) -> None:
        """Print it at once; above the bar while there is one."""
        self._print(f"failed: {text}", "red")

    def steps(self, what: str, total: int, done: int = 0) -> AbstractContextManager[Step]:
        """Show a bar, or lines."""
        if done < total and _can_draw():
            return self._drawn(what, total, done)
        return _printed(what, total, done)

    def _print(self, text: str, colour: str) -> None:
        console = Console(stderr=True) if self._bar is None else self._bar.console
        # Folded at words at the width of a terminal, and never folded in a file.
        folds = console.is_terminal
        console.print(text, style=colour, markup=False, highlight=False, emoji=False, soft_wrap=not folds)

    @contextmanager
    def _drawn(self, what: str, total: int, done: int) -> Iterator[Step]:
        with _new_bar() as bar:
            self._bar = bar
            task = bar.add_task(what, total=total, completed=done, fresh=0)
            try:
                yield lambda succeeded: bar.update(task, advance=1, fresh=bar.tasks[0].fields["fresh"] + 1)
            finally:
                self._bar = None


@contextmanager
def _printed(what: str, total: int, done: int) -> Iterator[Step]:
    """Print what is done, the rate and the time left, every few seconds and at the end."""
    if done == total:
        click.echo(f"all {total} {what} are stored already; nothing to compute", err=True)
    fresh = n_failed = 0
    started = printed = time.monotonic()

    def step(succeeded: bool) -> None:
        nonlocal fresh, n_failed, printed
        fresh, n_failed, now = fresh + 1, n_failed + (not succeeded), time.monotonic()
        left = total - done - fresh
        if now - printed < _PLAIN_INTERVAL_S and left:
            return
        printed, rate = now, fresh / max(now - started, 1e-9)
        failures = f", {n_failed} failed" if n_failed else ""
        click.echo(f"{done + fresh}/{total} {what}{failures}, {rate:.2f}/s, {left / rate:.0f} s left", err=True)

    yield step


def _can_draw() -> bool:
    console = Console(stderr=True)
    if console.is_jupyter:
        return find_spec("ipywidgets") is not None
    return sys.stderr.isatty()


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        elapsed = task.elapsed or 0.0
        return Text(f"{task.fields['fresh'] / elapsed:.2f}/s" if elapsed else "")


def _new_bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        expand=True,
    )
