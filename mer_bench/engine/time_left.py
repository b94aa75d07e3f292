"""How long a run will take: from the first cells of each method, and roughly before the first cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil

from mer_bench.durations import duration_text
from mer_bench.engine.listener import Part
from mer_bench.engine.order import sample_passes
from mer_bench.engine.resources import Resources
from mer_bench.evaluation.cells import Cell
from mer_bench.evaluation.plan import Plan
from mer_bench.evaluation.rows import Row
from mer_bench.methods.training_config import TRAINING_NAMES
from mer_bench.specs import QUICK_PRESET

LONG_SECONDS = 3600.0
"""From here on, a run tells of a quicker preset."""

_UNKNOWN_SECONDS = 10.0
"""What 1000 samples may take in a network of unknown cost before its run counts as one that may take hours."""


class TimeLeft:
    """Estimates how long pending steps take, each from the steps of its own part that are done.

    Parameters
    ----------
    parts : mapping of str to Part
        The pending steps of each part, such as a method, by its name.
    """

    def __init__(self, parts: Mapping[str, Part]) -> None:
        self._parts = parts
        self._pending = {name: part.count for name, part in parts.items()}
        self._seconds: dict[str, list[float]] = {}
        self._expected: dict[str, float] = {}

    def expect(self, part: str, seconds: float) -> None:
        """Take in how long a step of a part is expected to take, which counts until one is done."""
        self._expected[part] = seconds

    def done(self, part: str, seconds: float) -> bool:
        """Take in that a step of a part is done, and return whether it is the part's first."""
        self._pending[part] = max(self._pending.get(part, 1) - 1, 0)
        known = self._seconds.setdefault(part, [])
        known.append(seconds)
        return len(known) == 1

    def of(self, part: str) -> float | None:
        """Return the seconds that a part still takes; None if no step of it is done, and nothing is expected."""
        left, known = self._pending[part], self._seconds.get(part, [])
        if not known and part in self._expected:
            known = [self._expected[part]]
        if not known:
            return None
        if not left:
            return 0.0
        own = self._parts[part]
        return sum(known) / len(known) * left / min(own.jobs, ceil(left / own.group))

    @property
    def untimed(self) -> list[str]:
        """The parts with pending steps of which nothing is known."""
        return [part for part, left in self._pending.items() if left and self.of(part) is None]

    def text(self) -> str:
        """Return the time left in words: ``40 s left``, or ``at least 40 s left`` if a part is untimed."""
        known = [seconds for part in self._pending if (seconds := self.of(part)) is not None]
        if not known:
            return "time left not known yet"
        return f"{'at least ' if self.untimed else ''}{duration_text(sum(known))} left"


def has_quicker(row: Row) -> bool:
    """Return whether a row's method has a preset ``quick``, and the row does not use it."""
    return QUICK_PRESET in row.setting.spec.presets and row.record["settings"]["preset"] != QUICK_PRESET


def quicker_text(method: str) -> str:
    """Return how to choose the quick preset of a method."""
    return f"--preset {QUICK_PRESET} (preset={QUICK_PRESET!r} in Python) is a much shorter training of {method}"


def long_trainings(plan: Plan, pending: Sequence[Cell], resources: Resources) -> Iterator[str]:
    """Yield a sentence for each method whose pending cells take hours on a CPU, or may do so; this needs no torch.

    Nothing is yielded where a GPU may be used.
    """
    if resources.may_use_gpu():
        return
    firsts: dict[tuple[str, float | None], Row] = {}
    thousands: dict[tuple[str, float | None], float] = {}
    folds: dict[int, list[str]] = {}
    for cell in pending:
        folds.setdefault(cell.row, []).append(cell.fold)
    for index, row in enumerate(plan.rows):
        cells = folds.get(index, [])
        # Rows of one method that cost the same, as in many a sweep, get one sentence.
        part = (row.name, seconds_per_thousand(row))
        groups = ceil(len(cells) / (resources.stack or 1))
        own = sample_passes(row, cells) / 1000 / min(resources.jobs, max(groups, 1))
        firsts.setdefault(part, row)
        thousands[part] = thousands.get(part, 0.0) + own
    for part, seen in thousands.items():
        cost = part[1]
        if seen * (_UNKNOWN_SECONDS if cost is None else cost) >= LONG_SECONDS:
            yield _long_text(firsts[part], seen, cost, resources.jobs)


def _long_text(row: Row, thousands: float, cost: float | None, jobs: int) -> str:
    cure = f"; {quicker_text(row.name)}" if has_quicker(row) else ""
    if cost is not None:
        wait = duration_text(thousands * cost)
        return f"{row.name} will take hours on a CPU: about {wait} with --jobs {jobs}, as measured on one machine{cure}"
    return (
        f"{row.name} may take hours on a CPU, but how fast it trains is not known: with --jobs {jobs} it takes more "
        f"than an hour if an epoch of 1000 samples takes more than {duration_text(LONG_SECONDS / thousands)} on one "
        f"thread{cure}"
    )


def seconds_per_thousand(row: Row) -> float | None:
    """Return the seconds that the row's network takes for 1000 samples; None where no preset with it was measured."""
    spec, params = row.setting.spec, row.setting.params
    for preset, seconds in spec.training_seconds.items():
        measured = spec.resolve(preset, {})
        if all(params[name] == value for name, value in measured.items() if name not in TRAINING_NAMES):
            return seconds
    return None
