"""Settings that a request leaves open: the environment decides, then the config file, then a default."""

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
    "no data is named: this run uses the built-in SYNTHETIC release (one public-domain face, animated). "
    "Its scores say nothing about real micro-expressions. Name your data with --data or MER_BENCH_DATA."
)


@dataclass(frozen=True)
class RunSetup:
    """What a run works with, fully decided.

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


def decide(request: Request, config: Config, catalogue: Catalogue, *, notice: Notice) -> RunSetup:
    """Decide the settings that a request leaves open.

    Parameters
    ----------
    request : Request
    config : Config
        With the environment variables already applied.
    catalogue : Catalogue
    notice : callable
        Receives a warning if the data may not be the data that was meant.

    Raises
    ------
    MerBenchError
        The data cannot be opened, or a resource is invalid.
    """
    if request.data is not None and config.data_options:
        notice("--data is given, so the data-options of the config file are not used")
    if request.data is None and config.data is None:
        notice(NO_DATA)
    device = request.device or config.device or DEVICES[0]
    resources = Resources(named_jobs(request.jobs, config), device, request.timeout, request.stack)
    source = named_source(request.data, request.data_options, config, catalogue)
    return RunSetup(
        source=source,
        preprocessing=named_preprocessing(request.preprocessing, config, source),
        folder=results_folder(request.results, config),
        resources=resources,
    )


def named_source(data: str | None, options: Mapping[str, str], config: Config, catalogue: Catalogue) -> DataSource:
    """Open the named data, else the config file's, else the synthetic release.

    The config file's data-options apply to its own data only.

    Raises
    ------
    MerBenchError
        It cannot be opened.
    """
    if data is not None:
        return open_source(data, options, catalogue)
    return open_source(config.data or DEFAULT_DATA, {**config.data_options, **options}, catalogue)


def named_preprocessing(named: Mapping[str, object], config: Config, source: DataSource) -> dict[str, object]:
    """Return the named settings over the config file's, which do not apply to ready-made data."""
    return {**(config.preprocess if source.native == CLIP else {}), **named}


def named_jobs(named: int | None, config: Config) -> int:
    """Return the named number of worker processes, else the config file's, else one per processor."""
    return next(jobs for jobs in (named, config.jobs, all_processors()) if jobs is not None)


def all_processors() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
