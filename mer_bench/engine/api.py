"""The Python interface: run, and get a pandas frame."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path

import pandas as pd

from mer_bench.config import DEFAULT_RESULTS, load_config
from mer_bench.engine.chosen import chosen_preparation, chosen_preset, chosen_source
from mer_bench.engine.session import Resources, Session
from mer_bench.evaluation.plan import Request, make_plan
from mer_bench.frames import results_frame
from mer_bench.plugin_manager import load_catalogue
from mer_bench.store import Store


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
    preparation: Mapping[str, object] | None = None,
    sanity: bool = True,
    results: str | Path | None = None,
    jobs: int = 1,
    device: str = "auto",
    timeout: float | None = None,
) -> pd.DataFrame:
    """Measure methods under a protocol; what the results folder holds already is not computed again.

    Parameters
    ----------
    methods : str or sequence of str
        As ``mer-bench list methods`` names them.
    protocol : str
    data : str or Path, optional
        A folder, or ``"synthetic"``; without it ``MER_BENCH_DATA`` or the config file, else, with a warning,
        a synthetic release.
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
    preparation : mapping, optional
        Settings by which frames become representations: ``{"flow": "farneback", "size": 224}``.
    results : str or Path, optional
        The results folder; ``mer-bench-results`` by default.
    jobs : int
        With more than one, worker processes are spawned: a script must then keep this call under
        ``if __name__ == "__main__":``.
    sanity : bool
        Add the sanity methods (chance, majority class, a support vector machine on raw maps).
    device : {"auto", "cpu", "cuda"}
    timeout : float, optional
        Seconds a cell may take.

    Returns
    -------
    pandas.DataFrame
        As `load_results` gives it, of this request alone.

    Raises
    ------
    MerBenchError
        Anything that cannot be used; a failed cell raises nothing and shows in ``folds_failed``.
    """
    config = load_config()
    catalogue = load_catalogue()
    if data is None and config.data is None:
        warnings.warn("no data is configured: a SYNTHETIC release is made and used", stacklevel=2)
    options = {key: str(value) for key, value in (data_options or {}).items()}
    source = chosen_source(None if data is None else str(data), options, config, catalogue)
    names = (methods,) if isinstance(methods, str) else tuple(methods)
    request = Request(
        methods=names,
        protocol=protocol,
        seeds=seeds,
        preset=chosen_preset(preset, names, source, catalogue),
        overrides={key: _text(value) for key, value in (params or {}).items()},
        selection=selection,
        allow_partial=allow_partial,
        preparation=chosen_preparation(preparation or {}, config, source),
        sanity=sanity,
    )
    resources = Resources(jobs, device, timeout)
    plan = make_plan(request, source, catalogue)
    store = Store.create(Path(results or config.results or DEFAULT_RESULTS))
    session = Session(plan, store, catalogue, resources)
    with closing(session.represent(session.to_prepare())) as samples, closing(session.execute()) as outcomes:
        for _ in chain(samples, outcomes):
            pass
    return results_frame(result for seeds in session.asked(session.results()) for result in seeds)


def _text(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(str(part) for part in value)
    return str(value)
