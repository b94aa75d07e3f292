"""What a user asks of a run, on the command line or in Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mer_bench.errors import MerBenchError

MOST_SEEDS = 1000


@dataclass(frozen=True)
class Request:
    """What is to be measured, on which data, where and how.

    Where a field is None, the environment, the config file and then a default decide.

    Parameters
    ----------
    methods : tuple of str
        As ``mer-bench list methods`` names them.
    protocol : str
    data : str, optional
        A folder, or the name of made-up data (``synthetic``).
    data_options : mapping of str to str
        Parameters of the data's reader.
    seeds : int
        How many; seed indices count from 0.
    preset : str, optional
        Used by the methods that have it.
    overrides : mapping of str to value
        ``lr`` or ``ahmsa.lr``, text or typed: see `mer_bench.settings.resolve_settings`.
    selection : str, optional
        One of `mer_bench.rules.SELECTIONS`; without it the protocol's.
    allow_partial : bool
        Go on when the data's counts are not the protocol's.
    preprocessing : mapping of str to object
        Settings by which frames become representations, over their defaults.
    baselines : bool
        Add the baselines that are not named, with their own defaults.
    results : str, optional
        The results folder.
    jobs : int, optional
        Worker processes.
    device : str, optional
        ``auto``, ``cpu`` or ``cuda``.
    timeout : float, optional
        Seconds a cell may take.

    Raises
    ------
    MerBenchError
        The number of seeds is out of reason.
    """

    methods: tuple[str, ...]
    protocol: str = "cde"
    data: str | None = None
    data_options: Mapping[str, str] = field(default_factory=dict)
    seeds: int = 1
    preset: str | None = None
    overrides: Mapping[str, object] = field(default_factory=dict)
    selection: str | None = None
    allow_partial: bool = False
    preprocessing: Mapping[str, object] = field(default_factory=dict)
    baselines: bool = True
    results: str | None = None
    jobs: int | None = None
    device: str | None = None
    timeout: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.seeds <= MOST_SEEDS:
            raise MerBenchError(f"--seeds {self.seeds} is not a number from 1 to {MOST_SEEDS}")
