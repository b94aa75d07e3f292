"""How far a run is: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from mer_bench.evaluation.run_cells import Outcome
from mer_bench.representations.task import Prepared, PrepareTask

Advance = Callable[[Outcome], None]
Represent = Callable[[Sequence[PrepareTask]], Generator[Prepared, None, None]]

RESUMED = "what was prepared is in the cache; run the same command again to go on"

_PLAIN_INTERVAL_S = 5.0


@contextmanager
def show_progress(stored: int, total: int) -> Iterator[Advance]:
    """Yield a function to be called with each outcome; everything goes to stderr.

    Parameters
    ----------
    stored : int
        Cells that were done before.
    total : int
        All cells of the plan.
    """
    if stored == total:
        click.echo(f"all {total} cells are stored already; nothing to compute", err=True)
        yield lambda outcome: None
    elif sys.stderr.isatty():
        with _bar() as bar:
            task = bar.add_task("cells", total=total, completed=stored, fresh=0)
            yield lambda outcome: _advance_bar(bar, outcome, task)
    else:
        yield _PlainLines(stored, total)


def show_preparation(tasks: Sequence[PrepareTask], represent: Represent) -> list[Prepared]:
    """Prepare samples, showing how far it is on stderr, and return how each went; says nothing where none is left."""
    if not tasks:
        return []
    with closing(represent(tasks)) as samples:
        return _show_bar(samples, len(tasks)) if sys.stderr.isatty() else _show_lines(samples, len(tasks))


def _show_bar(samples: Iterator[Prepared], total: int) -> list[Prepared]:
    done: list[Prepared] = []
    with _bar() as bar:
        task = bar.add_task("representations", total=total, fresh=0)
        for prepared in samples:
            done.append(prepared)
            bar.update(task, advance=1, fresh=len(done))
    return done


def _show_lines(samples: Iterator[Prepared], total: int) -> list[Prepared]:
    done: list[Prepared] = []
    started = said = time.monotonic()
    for prepared in samples:
        done.append(prepared)
        now = time.monotonic()
        if now - said >= _PLAIN_INTERVAL_S or len(done) == total:
            said, rate = now, len(done) / max(now - started, 1e-9)
            left = (total - len(done)) / rate
            failed = sum(bool(prepared.failure) for prepared in done)
            failures = f", {failed} failed" if failed else ""
            click.echo(f"{len(done)}/{total} representations{failures}, {rate:.2f}/s, {left:.0f} s left", err=True)
    return done


class _PlainLines:
    """Done, rate and time left, at most every few seconds, and at the end."""

    def __init__(self, stored: int, total: int) -> None:
        self.stored, self.total, self.fresh = stored, total, 0
        self.started = self.said = time.monotonic()

    def __call__(self, outcome: Outcome) -> None:
        self.fresh += 1
        done, now = self.stored + self.fresh, time.monotonic()
        _say_failure(outcome, click.echo)
        if now - self.said < _PLAIN_INTERVAL_S and done < self.total:
            return
        self.said = now
        rate = self.fresh / max(now - self.started, 1e-9)
        left = (self.total - done) / rate
        click.echo(f"{done}/{self.total} cells, {rate:.2f} cells/s, {left:.0f} s left", err=True)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        elapsed = task.elapsed or 0.0
        return Text(f"{task.fields['fresh'] / elapsed:.2f}/s" if elapsed else "")


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _advance_bar(bar: Progress, outcome: Outcome, task: object) -> None:
    current = bar.tasks[0]
    bar.update(current.id, advance=1, fresh=current.fields["fresh"] + 1)
    _say_failure(outcome, lambda text, err: bar.console.print(text, style="red", markup=False))


def _say_failure(outcome: Outcome, say: Callable[..., object]) -> None:
    if outcome.failure:
        say(f"failed: {outcome.method}, seed {outcome.seed}, fold {outcome.fold}: {outcome.failure}", err=True)
