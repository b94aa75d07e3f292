"""The progress of a run, for people: a bar in a terminal or a notebook, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from mer_bench.durations import duration_text
from mer_bench.engine.listener import Listener, Part, Step
from mer_bench.engine.time_left import LONG_SECONDS, TimeLeft, has_quicker, quicker_text
from mer_bench.evaluation.plan import Plan
from mer_bench.printable import printable_lines
from mer_bench.training.progress import TrainingProgress

_PLAIN_INTERVAL_S = 5.0
_TRAINING_INTERVAL_S = 30.0
"""From one line on a training to the next; trainings that are shorter are not worth one."""

_Show = Callable[[bool], None]


class ProgressListener(Listener):
    """Shows on stderr the progress of each part of the work, the time left, notices, and what fails."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._quicker: set[str] = set()
        self._left: TimeLeft | None = None
        self._told = -_TRAINING_INTERVAL_S
        self._named: set[str] = set()

    def notice(self, text: str) -> None:
        """Print it at once; above the bar while there is one."""
        self._print(f"note: {text}", "yellow")

    def failed(self, text: str) -> None:
        """Print it at once; above the bar while there is one."""
        self._print(f"failed: {text}", "red")

    def planned(self, plan: Plan, n_pending: int) -> None:
        """Keep which methods have a quicker preset, to name it once they turn out to be slow."""
        self._quicker = {row.name for row in plan.rows if has_quicker(row)}

    def training(self, part: str, fold: str, progress: TrainingProgress) -> None:
        """Estimate the time left from it, and show it now and then if it takes long."""
        if self._left is None:
            return
        if part not in self._named:
            # What is measured on the first steps is known long before the first fold is done.
            self._left.expect(part, progress.seconds_left / max(progress.folds, 1))
        now = time.monotonic()
        if now - self._told < _TRAINING_INTERVAL_S or progress.seconds_left < _TRAINING_INTERVAL_S:
            return
        self._told = now
        first = part not in self._named
        self._named.add(part)
        whole = self._left.of(part)
        of_part = f"; {part} about {duration_text(whole)}" if first and whole else ""
        self._print(
            f"{part}: {training_text(fold, progress)}{of_part}",
            "cyan",
        )

    @contextmanager
    def steps(self, what: str, total: int, done: int = 0, *, parts: Mapping[str, Part] | None = None) -> Iterator[Step]:
        """Show a bar, or lines."""
        left = self._left = TimeLeft(parts or {"": Part(total - done)})
        shown = (
            self._drawn(what, total, done, left) if done < total and _can_draw() else _printed(what, total, done, left)
        )
        before = time.monotonic()
        with shown as show:

            def step(succeeded: bool, part: str = "", seconds: float | None = None) -> None:
                nonlocal before
                now = time.monotonic()
                is_first = left.done(part, now - before if seconds is None else seconds)
                before = now
                show(succeeded)
                if is_first and part in self._quicker and (left.of(part) or 0.0) >= LONG_SECONDS:
                    wait = duration_text(left.of(part) or 0.0)
                    self.notice(f"{part} still takes about {wait}, by its first cell; {quicker_text(part)}")

            yield step

    def _print(self, text: str, colour: str) -> None:
        console = Console(stderr=True) if self._bar is None else self._bar.console
        # Folded at words at the width of a terminal, and never folded in a file.
        folds = console.is_terminal
        text = printable_lines(text)
        console.print(text, style=colour, markup=False, highlight=False, emoji=False, soft_wrap=not folds)

    @contextmanager
    def _drawn(self, what: str, total: int, done: int, left: TimeLeft) -> Iterator[_Show]:
        with _new_bar() as bar:
            self._bar = bar
            task = bar.add_task(what, total=total, completed=done, fresh=0, left=left.text())
            try:
                yield lambda succeeded: bar.update(
                    task, advance=1, fresh=bar.tasks[0].fields["fresh"] + 1, left=left.text()
                )
            finally:
                self._bar = None


def training_text(fold: str, progress: TrainingProgress) -> str:
    """Return how far a training is: ``fold smic/s1, epoch 12 of 800, 430 samples/s, 25 min left``."""
    folds = f"fold {fold}" if progress.folds == 1 else f"{progress.folds} folds"
    return (
        f"{folds}, epoch {progress.epoch} of {progress.epochs}, {progress.samples_per_second:.0f} samples/s, "
        f"{duration_text(progress.seconds_left)} left"
    )


@contextmanager
def _printed(what: str, total: int, done: int, left: TimeLeft) -> Iterator[_Show]:
    """Print what is done, the rate and the time left, every few seconds and at the end."""
    if done == total:
        _tell(f"all {total} {what} are stored already; nothing to compute")
    fresh = n_failed = 0
    started = printed = time.monotonic()

    def show(succeeded: bool) -> None:
        nonlocal fresh, n_failed, printed
        fresh, n_failed, now = fresh + 1, n_failed + (not succeeded), time.monotonic()
        if now - printed < _PLAIN_INTERVAL_S and done + fresh < total:
            return
        printed, rate = now, fresh / max(now - started, 1e-9)
        failures = f", {n_failed} failed" if n_failed else ""
        untimed = f" ({', '.join(left.untimed)} not started)" if left.untimed else ""
        _tell(f"{done + fresh}/{total} {what}{failures}, {rate:.2f}/s, {left.text()}{untimed}")

    yield show


def _tell(line: str) -> None:
    click.echo(printable_lines(line), err=True)


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
        TextColumn("{task.fields[left]}"),
        console=Console(stderr=True),
        expand=True,
    )
