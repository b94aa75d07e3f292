"""Results as pandas frames."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from mer_bench.config import load_config, results_folder
from mer_bench.result_texts import result_object
from mer_bench.results import METRICS, SeedResult, read_results
from mer_bench.store import Store

COLUMNS = (
    "method",
    "protocol",
    "selection",
    "seed",
    "slice",
    *METRICS,
    "n_samples",
    "n_folds",
    "folds_done",
    "folds_failed",
    "caveats",
    "params",
    "representation",
    "preprocessing",
    "row_key",
)


def load_results(results: str | Path | None = None) -> pd.DataFrame:
    """Return every result in a results folder: a row for each method, parameters, data, selection, seed and slice.

    Parameters
    ----------
    results : str or Path, optional
        The results folder. By default the config file's, else ``mer-bench-results``.

    Returns
    -------
    pandas.DataFrame
        UF1, UAR and accuracy are NaN for a seed with missing folds, so that a mean over seeds is over complete seeds.

    Raises
    ------
    MerBenchError
        The folder is not a store, or was written by a mer-bench with another schema.

    Warns
    -----
    UserWarning
        For each file that cannot be used and therefore counts as absent.
    """
    notices: list[str] = []
    store = Store.open(results_folder(results, load_config()), notices.append)
    frame = results_frame(result for row in read_results(store) for result in (*row.seeds, *row.oracle))
    for notice in notices:
        warnings.warn(notice, stacklevel=2)
    return frame


def results_frame(results: Iterable[SeedResult]) -> pd.DataFrame:
    """Return results as a frame with a row for each slice."""
    return pd.DataFrame(
        [_frame_row(result, name) for result in results for name in result.record["protocol"]["slices"]],
        columns=list(COLUMNS),
    )


def _frame_row(result: SeedResult, slice_name: str) -> dict[str, object]:
    scores, representation = result.slices.get(slice_name), result.record["representation"]
    return {
        **result_object(result),
        "slice": slice_name,
        **{metric: getattr(scores, metric, float("nan")) for metric in METRICS},
        "n_samples": scores.n_samples if scores else 0,
        "caveats": ", ".join(result.record["caveats"]),
        "params": dict(result.record["params"]),
        "representation": representation["name"],
        "preprocessing": dict(representation["params"]),
    }
