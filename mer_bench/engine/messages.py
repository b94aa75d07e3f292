"""What a run tells a worker, and what processes answer: a pickle from below may run what a plugin put there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from mer_bench.engine.place import Place
from mer_bench.errors import shortened

Kind = Literal["ready", "part", "done", "refused", "lost"]
"""``ready``: a task may come, or is here. ``part``: a pickled message of a running task. ``done``: the pickled outcome.
``refused``: the sentence of a `MerBenchError`. ``lost``: why the task's process gave no outcome."""


@dataclass(frozen=True)
class Order:
    """What a worker needs to know of a task; the pickled function and task follow as bytes.

    Parameters
    ----------
    place : Place
    run : str
        Which call of `mer_bench.engine.pool.run_tasks` it belongs to: calls share no home.
    timeout : float or None
        Seconds that the task may take, including what its home has to import first.
    folder : str
        The current folder.
    path : tuple of str
        Where modules are looked for.
    environment : mapping of str to str
    held : tuple of str
        Variables of the environment that no task may change.
    sends : bool
        The function takes a second argument, by which it sends messages while it runs.
    """

    place: Place
    run: str
    timeout: float | None
    folder: str
    path: tuple[str, ...]
    environment: Mapping[str, str]
    held: tuple[str, ...]
    sends: bool

    @property
    def surroundings(self) -> tuple[object, ...]:
        """What a home takes over when it starts: an order with other ones needs another home."""
        return self.place, self.run, self.folder, self.path, tuple(self.environment.items())


@dataclass(frozen=True)
class Reply:
    """What a process says to the one above it. It goes as bytes: a pickle may run what a plugin put there."""

    kind: Kind
    outcome: bytes = b""
    """The pickled outcome of a task that is done, or its message."""
    reason: str = ""
    """A sentence; of ``ready``, the modules that the next homes should have too."""
    seconds: float = 0.0
    """How long a lost task took; others measure it themselves."""

    def packed(self) -> bytes:
        """Return the reply as bytes."""
        reason = self.reason if self.kind == "ready" else shortened(self.reason)
        return json.dumps([self.kind, reason, self.seconds]).encode() + b"\n" + self.outcome

    @classmethod
    def unpacked(cls, content: bytes) -> Reply:
        """Return the reply that was packed.

        Raises
        ------
        ValueError
            The bytes are no reply.
        """
        head, _, outcome = content.partition(b"\n")
        try:
            kind, reason, seconds = json.loads(head)
            if kind in get_args(Kind):
                return cls(kind, outcome, str(reason), float(seconds))
        except (TypeError, ValueError):
            pass
        raise ValueError("these bytes are no reply")
