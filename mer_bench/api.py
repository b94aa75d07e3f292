"""Python's way to run: a pandas frame comes back."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mer_bench.engine.listener import Listener
from mer_bench.engine.run import run as carry_out
from mer_bench.evaluation.request import Request
from mer_bench.frames import results_frame
from mer_bench.progress import ProgressListener

if TYPE_CHECKING:
    import pandas as pd


def run(
    methods: str | Sequence[str],
    protocol: str = "cde",
    *,
    data: str | Path | None = None,
    data_options: Mapping[str, object] | None = None,
    seeds: int = 1,
    preset: str | None = None,
    params: Mapping[str, object] | None = None,
    selection: str | None = None,
    allow_partial: bool = False,
    preprocessing: Mapping[str, object] | None = None,
    baselines: bool = True,
    results: str | Path | None = None,
    jobs: int | None = None,
    device: str | None = None,
    timeout: float | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Measure methods under a protocol; what the results folder holds already is not computed again.

    What is None is decided as on the command line: by the environment, then the config file, then the default. What a
    user should know (synthetic data, a damaged file) is warned of.

    Parameters
    ----------
    methods : str or sequence of str
        As ``mer-bench list methods`` names them.
    protocol : str
    data : str or Path, optional
        A folder, or ``"synthetic"``, which is the default.
    data_options : mapping, optional
        Parameters of the data's reader.
    seeds : int
        How many.
    preset : str, optional
        Without it a method's own default; on synthetic data ``quick``.
    params : mapping, optional
        ``{"lr": 1e-4}`` or ``{"ahmsa.lr": 1e-4}``.
    selection : {"last", "inner", "oracle"}, optional
        Without it, the protocol's rule.
    allow_partial : bool
    preprocessing : mapping, optional
        Settings by which frames become representations: ``{"flow": "farneback", "size": 224}``.
    baselines : bool
        Add the baselines (chance, majority class, a support vector machine on raw maps).
    results : str or Path, optional
        The results folder; ``mer-bench-results`` by default.
    jobs : int, optional
        By default one. With more, worker processes are spawned: a script must then keep this call under
        ``if __name__ == "__main__":``.
    device : {"auto", "cpu", "cuda"}, optional
        ``"auto"`` by default.
    timeout : float, optional
        Seconds a cell may take.
    progress : bool
        Show on stderr how far it is, and what fails: a bar in a terminal or a notebook, lines elsewhere.

    Returns
    -------
    pandas.DataFrame
        As `mer_bench.load_results` gives it, of this request alone.

    Raises
    ------
    MerBenchError
        Anything that cannot be used; a failed cell raises nothing and shows in ``folds_failed``.
    """
    request = Request(
        methods=(methods,) if isinstance(methods, str) else tuple(methods),
        protocol=protocol,
        data=None if data is None else str(data),
        data_options={name: str(value) for name, value in (data_options or {}).items()},
        seeds=seeds,
        preset=preset,
        overrides={name: _plain(value) for name, value in (params or {}).items()},
        selection=selection,
        allow_partial=allow_partial,
        preprocessing={name: _plain(value) for name, value in (preprocessing or {}).items()},
        baselines=baselines,
        results=None if results is None else str(results),
        jobs=jobs,
        device=device,
        timeout=timeout,
    )
    session = carry_out(request, _Shown() if progress else _Warned())
    return results_frame(chain.from_iterable(session.asked(session.results())))


def _plain(value: object) -> object:
    """Return a path as text, and numpy's numbers and lists as Python's: they are as good as plain ones."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (list, tuple)):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


class _Warned(Listener):
    def notice(self, text: str) -> None:
        _warn(text)


class _Shown(_Warned, ProgressListener):
    pass


def _warn(text: str) -> None:
    """Warn at the caller's own line: the frames between are mer-bench's."""
    depth, frame = 1, sys._getframe()
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith("mer_bench."):
        depth, frame = depth + 1, frame.f_back
    warnings.warn(text, stacklevel=depth)
