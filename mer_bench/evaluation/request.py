"""The request for a run, from the command line or from Python."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import SupportsIndex

from mer_bench.errors import MerBenchError
from mer_bench.sweep import Setting

MOST_SEEDS = 1000


@dataclass(frozen=True)
class Request:
    """Which methods to measure, under which protocol, on which data, and how.

    Where a field is None, the environment decides, then the config file, then a default.

    Parameters
    ----------
    methods : tuple of str
        As ``mer-bench list methods`` names them.
    protocol : str
    data : str, optional
        A folder, or the name of synthetic data (``synthetic``).
    data_options : mapping of str to str
        Parameters of the reader of the data.
    seeds : int
        How many seeds; they count from 0.
    preset : str, optional
        Used by the methods that have it; the others keep their own defaults.
    overrides : mapping of str to value
        ``lr`` or ``ahmsa.lr``, text or typed: see `mer_bench.settings.resolve_settings`.
    grid : mapping of str to values
        ``lr`` or ``ahmsa.lr`` to its values: see `mer_bench.sweep.make_variants`. Each combination is a row.
    settings : tuple of mapping
        Combinations that are listed one by one, in place of a grid.
    selection : str, optional
        One of `mer_bench.rules.SELECTIONS`; by default the protocol's.
    allow_partial : bool
        Continue if the counts of the data differ from the protocol's.
    preprocessing : mapping of str to object
        Settings by which frames become representations; the others keep their defaults.
    baselines : bool
        Add the baselines that are not named, with their own defaults.
    skip_unsuitable : bool
        Leave out the methods whose input the data cannot give, and the combinations of a sweep that a method or the
        data refuses, instead of refusing the request.
    results : str, optional
        The results folder.
    jobs : int, optional
        Worker processes.
    device : str, optional
        ``auto``, ``cpu`` or ``cuda``.
    timeout : float, optional
        Seconds that a cell may take.
    stack : int, optional
        How many folds of a network are trained together; by default one on a CPU, and as many as fit on a GPU.
    track : str, optional
        What logs the trainings while they run, as ``mer-bench list trackers`` names it.
    track_to : str, optional
        The folder that it writes to.

    Raises
    ------
    MerBenchError
        ``seeds`` is not a whole number, or out of range.
    """

    methods: tuple[str, ...]
    protocol: str = "cde"
    data: str | None = None
    data_options: Mapping[str, str] = field(default_factory=dict)
    seeds: int = 1
    preset: str | None = None
    overrides: Mapping[str, object] = field(default_factory=dict)
    grid: Mapping[str, object] = field(default_factory=dict)
    settings: tuple[Setting, ...] = ()
    selection: str | None = None
    allow_partial: bool = False
    preprocessing: Mapping[str, object] = field(default_factory=dict)
    baselines: bool = True
    skip_unsuitable: bool = False
    results: str | None = None
    jobs: int | None = None
    device: str | None = None
    timeout: float | None = None
    stack: int | None = None
    track: str | None = None
    track_to: str | None = None

    def __post_init__(self) -> None:
        seed_count(self.seeds)


def seed_count(asked: str | SupportsIndex) -> int:
    """Return a number of seeds, as text or as a number.

    Raises
    ------
    MerBenchError
        It is not a whole number from 1 to `MOST_SEEDS`.
    """
    try:
        if isinstance(asked, str) and not re.fullmatch("-?[0-9]+", asked):
            raise ValueError(asked)
        count = int(asked) if isinstance(asked, str) else operator.index(asked)
    except (TypeError, ValueError):
        raise MerBenchError(
            f"--seeds {asked!r} is not a whole number; it is how many seeds to run, counted from 0: "
            "--seeds 2 (seeds=2 in Python) runs seeds 0 and 1"
        ) from None
    if not 1 <= count <= MOST_SEEDS:
        raise MerBenchError(f"--seeds {count} is not a number from 1 to {MOST_SEEDS}")
    return count
