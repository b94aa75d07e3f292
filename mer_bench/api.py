"""`run` and its progress, for Python."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mer_bench.engine.listener import Listener
from mer_bench.engine.run import run as run_request
from mer_bench.evaluation.request import Request
from mer_bench.frames import results_frame
from mer_bench.printable import printable_lines
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
    grid: Mapping[str, Iterable[object]] | None = None,
    selection: str | None = None,
    allow_partial: bool = False,
    preprocessing: Mapping[str, object] | None = None,
    baselines: bool = True,
    skip_unsuitable: bool = False,
    results: str | Path | None = None,
    jobs: int | None = None,
    device: str | None = None,
    timeout: float | None = None,
    stack: int | None = None,
    track: str | None = None,
    track_to: str | Path | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Measure methods under a protocol; cells that the results folder already holds are not computed again.

    Arguments that are None are decided as on the command line: by the environment, then the config file, then a
    default. Notices (synthetic data, a damaged file, a training of hours) are issued as warnings.

    Parameters
    ----------
    methods : str or sequence of str
        As ``mer-bench list methods`` names them.
    protocol : str
    data : str or Path, optional
        A folder, or ``"synthetic"``, which is the default.
    data_options : mapping, optional
        Parameters of the reader of the data.
    seeds : int
        How many seeds; they count from 0.
    preset : str, optional
        By default each method's own; on synthetic data ``quick``.
    params : mapping, optional
        ``{"lr": 1e-4}`` or ``{"ahmsa.lr": 1e-4}``.
    grid : mapping, optional
        A sweep: ``{"lr": [1e-5, 1e-4], "ahmsa.blocks": [(2, 2, 8), (1, 1, 4)]}``. Each combination of the values is a
        row of its own.
    selection : {"last", "inner", "oracle"}, optional
        By default the protocol's rule.
    allow_partial : bool
        Continue if the counts of the data differ from the protocol's.
    preprocessing : mapping, optional
        Settings by which frames become representations: ``{"flow": "farneback", "size": 224}``.
    baselines : bool
        Add the baselines (chance, majority class, a support vector machine on raw maps).
    skip_unsuitable : bool
        Leave out the methods whose input the data cannot give, and the combinations of ``grid`` that a method refuses,
        with a warning, instead of raising.
    results : str or Path, optional
        The results folder. By default the config file's, else ``mer-bench-results``.
    jobs : int, optional
        Worker processes; by default one per processor.
    device : {"auto", "cpu", "cuda"}, optional
        ``"auto"`` by default.
    timeout : float, optional
        Seconds that a cell may take.
    stack : int, optional
        How many folds of a network are trained together; by default one on a CPU, and as many as fit on a GPU.
    track : str, optional
        What logs the trainings while they run: ``"tensorboard"``, ``"mlflow"``, or one of a plugin.
    track_to : str or Path, optional
        The folder that it writes to; by default ``tracking`` in the results folder.
    progress : bool
        Show the progress, the time left and failed cells on stderr: a bar in a terminal or a notebook, lines elsewhere.

    Returns
    -------
    pandas.DataFrame
        The results of this request, in the columns of `mer_bench.load_results`.

    Raises
    ------
    MerBenchError
        The request cannot be met. A failed cell raises nothing: it counts in ``folds_failed``.
    """
    request = Request(
        methods=(methods,) if isinstance(methods, str) else tuple(methods),
        protocol=protocol,
        data=None if data is None else str(data),
        data_options={name: str(value) for name, value in (data_options or {}).items()},
        seeds=seeds,
        preset=preset,
        overrides={name: _plain(value) for name, value in (params or {}).items()},
        grid={name: _values(values) for name, values in (grid or {}).items()},
        selection=selection,
        allow_partial=allow_partial,
        preprocessing={name: _plain(value) for name, value in (preprocessing or {}).items()},
        baselines=baselines,
        skip_unsuitable=skip_unsuitable,
        results=None if results is None else str(results),
        jobs=jobs,
        device=device,
        timeout=timeout,
        stack=stack,
        track=track,
        track_to=None if track_to is None else str(track_to),
    )
    session = run_request(request, _Shown() if progress else _Warned())
    rows = session.results()
    asked = zip(rows, session.asked(rows), strict=True)
    return results_frame(session.store, ((row, result) for row, results in asked for result in results))


def _plain(value: object) -> object:
    """Return a path as text, and numpy's numbers and lists as Python's."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (list, tuple)):
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def _values(values: object) -> object:
    """Return the values of a parameter as plain ones; a text is left as it is on the command line."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        return values
    return tuple(map(_plain, values))


class _Warned(Listener):
    def notice(self, text: str) -> None:
        _warn(text)


class _Shown(_Warned, ProgressListener):
    pass


def _warn(text: str) -> None:
    """Warn at the line of the caller: the frames between are mer-bench's."""
    depth, frame = 1, sys._getframe()
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith("mer_bench."):
        depth, frame = depth + 1, frame.f_back
    warnings.warn(printable_lines(text), stacklevel=depth)
