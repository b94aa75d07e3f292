"""The config file and the environment variables: where data and results are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mer_bench.strict_toml import read_toml

DATA_VARIABLE = "MER_BENCH_DATA"
CONFIG_VARIABLE = "MER_BENCH_CONFIG"
DEFAULT_RESULTS = "mer-bench-results"
RESULTS_DEFAULT = f"'results' in the config file, else ./{DEFAULT_RESULTS}"
"""Where results go if ``--results`` is not given, for help texts."""


@dataclass(frozen=True)
class Config:
    """The settings of a config file, each under its field's name; None if it is not stated."""

    data: str | None = None
    data_options: Mapping[str, str] = field(default_factory=dict)
    preprocess: Mapping[str, str] = field(default_factory=dict)
    results: str | None = None
    jobs: int | None = None
    device: str | None = None


def results_folder(named: str | Path | None, config: Config) -> Path:
    """Return the named results folder, else the config file's, else the default."""
    return Path(named or config.results or DEFAULT_RESULTS)


def load_config() -> Config:
    """Read the config file.

    It is the file named by ``MER_BENCH_CONFIG``, else ``mer-bench.toml`` in the current folder, else
    ``~/.config/mer-bench/config.toml``. The variable ``MER_BENCH_DATA`` replaces the file's ``data`` and
    ``data-options``. Relative paths in the file start from the file's folder.

    Raises
    ------
    MerBenchError
        The file cannot be read, or holds an unknown key or a value of the wrong type.
    """
    file = _config_file()
    config = _read(file) if file is not None else Config()
    named = os.environ.get(DATA_VARIABLE)
    return replace(config, data=named, data_options={}) if named else config


def _config_file() -> Path | None:
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    home = Path(os.environ.get("XDG_CONFIG_HOME") or _expanded("~/.config"))
    places = (Path("mer-bench.toml"), home / "mer-bench" / "config.toml")
    return next((place for place in places if place.is_file()), None)


def _read(file: Path) -> Config:
    top = read_toml("config file", file, cure=f"check its path, or unset {CONFIG_VARIABLE}")
    top.expect_fields(Config)
    data, results = top.optional("data", top.text), top.optional("results", top.text)
    return Config(
        data=None if data is None else _located(data, file.parent),
        data_options=top.optional("data-options", top.settings) or {},
        preprocess=top.optional("preprocess", top.settings) or {},
        results=None if results is None else str(file.parent / _expanded(results)),
        jobs=top.optional("jobs", top.count),
        device=top.optional("device", top.text),
    )


def _located(data: str, base: Path) -> str:
    """Resolve a relative folder from the config file's own; leave a database's name (``synthetic``) as it is."""
    path = base / _expanded(data)
    return str(path) if path.exists() or os.sep in data else data


def _expanded(path: str) -> str:
    # Unlike pathlib's, this leaves `~` as it is if there is no home, instead of raising RuntimeError.
    return os.path.expanduser(path)  # noqa: PTH111
