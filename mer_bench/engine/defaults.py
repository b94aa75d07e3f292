"""What a user leaves open: the environment, then the config file, then a default; the same for every way in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mer_bench.config import Config, results_folder
from mer_bench.databases.base import CLIP, DataSource
from mer_bench.databases.open import open_source
from mer_bench.engine.resources import DEVICES, Resources
from mer_bench.errors import Notice
from mer_bench.evaluation.request import Request
from mer_bench.plugin_manager import Catalogue

DEFAULT_DATA = "synthetic"
NO_DATA = (
    "No data is configured: this run uses the built-in SYNTHETIC release (one public-domain face, animated). "
    "Its scores say nothing about real micro-expressions. Point --data or MER_BENCH_DATA at your data."
)


@dataclass(frozen=True)
class RunSetup:
    """What a run works with, once nothing is open any more.

    Parameters
    ----------
    source : DataSource
    preprocessing : mapping of str to object
    folder : Path
        The results folder.
    resources : Resources
    """

    source: DataSource
    preprocessing: Mapping[str, object]
    folder: Path
    resources: Resources


def decide(request: Request, config: Config, catalogue: Catalogue, *, jobs: int, notice: Notice) -> RunSetup:
    """Decide what a request leaves open.

    Parameters
    ----------
    request : Request
    config : Config
        The environment's variables stand in it already.
    catalogue : Catalogue
    jobs : int
        Worker processes where neither the request nor the config file names them.
    notice : callable
        Told where the data that is used may not be what was meant.

    Raises
    ------
    MerBenchError
        The data cannot be opened, or a resource is none.
    """
    if request.data is not None and config.data_options:
        notice("--data is given, so the config file's data-options are not used")
    if request.data is None and config.data is None:
        notice(NO_DATA)
    device = request.device or config.device or DEVICES[0]
    resources = Resources(named_jobs(request.jobs, config, jobs), device, request.timeout)
    source = named_source(request.data, request.data_options, config, catalogue)
    return RunSetup(
        source=source,
        preprocessing=named_preprocessing(request.preprocessing, config, source),
        folder=results_folder(request.results, config),
        resources=resources,
    )


def named_source(data: str | None, options: Mapping[str, str], config: Config, catalogue: Catalogue) -> DataSource:
    """Open the data that is named, else the config file's, else the synthetic release.

    The config file's data-options belong to its own data: they are not used where other data is named.

    Raises
    ------
    MerBenchError
        It cannot be opened.
    """
    if data is not None:
        return open_source(data, options, catalogue)
    return open_source(config.data or DEFAULT_DATA, {**config.data_options, **options}, catalogue)


def named_preprocessing(named: Mapping[str, object], config: Config, source: DataSource) -> dict[str, object]:
    """Return the named settings over the config file's; the latter are not meant for ready-made data."""
    return {**(config.preprocess if source.native == CLIP else {}), **named}


def named_jobs(named: int | None, config: Config, otherwise: int) -> int:
    """Return the worker processes that are named, else the config file's, else others."""
    return next(jobs for jobs in (named, config.jobs, otherwise) if jobs is not None)


def all_processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
