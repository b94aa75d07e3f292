"""Where data and results are: command line, then environment, then a config file."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mer_bench.errors import MerBenchError, did_you_mean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DATA_VARIABLE = "MER_BENCH_DATA"
CONFIG_VARIABLE = "MER_BENCH_CONFIG"
DEFAULT_RESULTS = "mer-bench-results"

_KEYS: Mapping[str, type] = {
    "data": str,
    "data-options": dict,
    "prepare": dict,
    "results": str,
    "jobs": int,
    "device": str,
}


@dataclass(frozen=True)
class Config:
    """The settings of a config file; None where it is silent."""

    data: str | None = None
    data_options: Mapping[str, str] = field(default_factory=dict)
    prepare: Mapping[str, str] = field(default_factory=dict)
    results: str | None = None
    jobs: int | None = None
    device: str | None = None


def load_config() -> Config:
    """Read the config file: ``MER_BENCH_CONFIG``, else ``mer-bench.toml`` here, else the user's own.

    The environment's ``MER_BENCH_DATA`` stands over the file's ``data`` and ``data-options``. Relative paths in the
    file are taken from the file's folder.

    Raises
    ------
    MerBenchError
        The file cannot be read, or holds an unknown key or a value of the wrong type.
    """
    file = _config_file()
    content: dict[str, Any] = _read(file) if file is not None else {}
    base = file.parent if file is not None else Path()
    named = os.environ.get(DATA_VARIABLE)
    options = {} if named else content.get("data-options", {})
    return Config(
        data=named or (_located(content["data"], base) if "data" in content else None),
        data_options={key: str(value) for key, value in options.items()},
        prepare={key: str(value) for key, value in content.get("prepare", {}).items()},
        results=str(base / _expanded(content["results"])) if "results" in content else None,
        jobs=content.get("jobs"),
        device=content.get("device"),
    )


def _config_file() -> Path | None:
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    home = Path(os.environ.get("XDG_CONFIG_HOME") or _expanded("~/.config"))
    places = (Path("mer-bench.toml"), home / "mer-bench" / "config.toml")
    return next((place for place in places if place.is_file()), None)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        _check(file, content)
    except (OSError, ValueError) as error:
        raise MerBenchError(
            f"config file {file} cannot be read ({error}); mend it, or unset {CONFIG_VARIABLE}"
        ) from error
    except RecursionError:
        raise MerBenchError(f"config file {file} is nested too deeply; its values are texts and numbers") from None
    return content


def _check(file: Path, content: Mapping[str, Any]) -> None:
    for key, value in content.items():
        if key not in _KEYS:
            raise MerBenchError(
                f"config file {file}: unknown key {key!r}{did_you_mean(key, _KEYS)}; known: {', '.join(_KEYS)}"
            )
        if not isinstance(value, _KEYS[key]) or isinstance(value, bool):
            raise MerBenchError(f"config file {file}: {key} = {value!r} is not of type {_KEYS[key].__name__}")
        if value == "":
            raise MerBenchError(f"config file {file}: {key} is empty; give it a value, or remove the line")
        for name, part in value.items() if isinstance(value, dict) else [(key, value)]:
            if isinstance(part, (dict, list)):
                raise MerBenchError(
                    f"config file {file}: {key} {name} = {part!r} is not a text, a number or a yes or no"
                )
            if "\0" in str(part):
                raise MerBenchError(f"config file {file}: {name} = {part!r} holds a NUL character; remove it")


def _located(data: str, base: Path) -> str:
    """Take a relative folder from the config file's own; a database's name (``synthetic``) is left alone."""
    path = base / _expanded(data)
    return str(path) if path.exists() or os.sep in data else data


def _expanded(path: str) -> str:
    # Unlike pathlib's, this one leaves a home that cannot be found as it is, instead of raising RuntimeError.
    return os.path.expanduser(path)  # noqa: PTH111
