"""Results as pandas frames."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from mer_bench.config import load_config, results_folder
from mer_bench.printable import printable_lines
from mer_bench.result_texts import input_text, result_object
from mer_bench.results import METRICS, RowResults, SeedResult, read_results
from mer_bench.row_names import RowNames
from mer_bench.store import Store

COLUMNS = (
    "method",
    "row",
    "protocol",
    "preset",
    "changed",
    "differs",
    "badge",
    "input",
    "selection",
    "deterministic",
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
    "arithmetic",
    "processors",
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
        A line names the row (``ahmsa-4f2a``), its preset, what was changed in it, what differs from the preset
        ``paper``, and its input: rows with other inputs are not to be averaged.

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
    frame = results_frame(store, ((row, result) for row in read_results(store) for result in (*row.seeds, *row.oracle)))
    for notice in notices:
        warnings.warn(printable_lines(notice), stacklevel=2)
    return frame


def results_frame(store: Store, results: Iterable[tuple[RowResults, SeedResult]]) -> pd.DataFrame:
    """Return results of a store, each with its row, as a frame with a line for each slice."""
    names = RowNames.stored(store.path)
    return pd.DataFrame([line for row, result in results for line in _lines(row, result, names)], columns=list(COLUMNS))


def _lines(row: RowResults, result: SeedResult, names: RowNames) -> Iterator[dict[str, object]]:
    record = result.record
    shared = {
        **result_object(row, result, names.of(record["method"]["name"], record["row_key"])),
        "input": input_text(record),
        "caveats": ", ".join(record["caveats"]),
        "representation": record["representation"]["name"],
        "preprocessing": dict(record["representation"]["params"]),
    }
    for name in record["protocol"]["slices"]:
        scores = result.slices.get(name)
        yield {
            **shared,
            "slice": name,
            **{metric: getattr(scores, metric, float("nan")) for metric in METRICS},
            "n_samples": scores.n_samples if scores else 0,
        }
