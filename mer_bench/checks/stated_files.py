"""Read the scores of measured rows from a report's JSON and CSV files, which anybody may have written."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mer_bench.results import METRICS

FILES = ("report.json", "report.csv")
_MEAN = "mean"


class UnreadableError(Exception):
    """A report that cannot be read; the message says why."""


@dataclass(frozen=True)
class Stated:
    """One score that a file states.

    Parameters
    ----------
    file : str
    row_key : str
    seeds : tuple of int
        The seed; or those of the mean, as far as the file has their scores.
    part, metric : str
        Slice and metric.
    value : float
    """

    file: str
    row_key: str
    seeds: tuple[int, ...]
    part: str
    metric: str
    value: float


def read_stated(file: Path) -> tuple[Stated, ...]:
    """Return the scores that a report states of measured rows; nothing if there is no such file.

    Parameters
    ----------
    file : Path
        One of `FILES` in a results folder.

    Raises
    ------
    UnreadableError
    """
    try:
        state = file.stat()
    except OSError:
        return ()
    return _read(file, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _read(file: Path, changed: int, size: int) -> tuple[Stated, ...]:
    try:
        text = file.read_text(encoding="utf-8")
        return tuple(_of_json(file.name, text) if file.suffix == ".json" else _of_csv(file.name, text))
    except (OSError, ValueError, RecursionError, csv.Error, AttributeError, TypeError, LookupError) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from error


def _of_json(name: str, text: str) -> Iterator[Stated]:
    for comparison in json.loads(text)["comparisons"]:
        for row in comparison["rows"]:
            scored = [seed for seed in row["seeds"] if seed["slices"]]
            if not scored:
                continue
            key = str(scored[0]["row_key"])
            for seed in scored:
                yield from _of_slices(name, key, (int(seed["seed"]),), seed["slices"])
            seeds = tuple(int(seed["seed"]) for seed in scored)
            means = {part: {m: known["value"] for m, known in own.items()} for part, own in row["mean"].items()}
            yield from _of_slices(name, key, seeds, means)


def _of_slices(name: str, key: str, seeds: tuple[int, ...], slices: dict[str, dict[str, Any]]) -> Iterator[Stated]:
    for part, own in slices.items():
        for metric in METRICS:
            if own.get(metric) is not None:
                value = float(own[metric])
                yield Stated(file=name, row_key=key, seeds=seeds, part=str(part), metric=metric, value=value)


def _of_csv(name: str, text: str) -> Iterator[Stated]:
    lines = [line for line in csv.DictReader(io.StringIO(text)) if line["kind"] == "measured" and line["uf1"]]
    seeds: dict[str, dict[int, None]] = {}
    for line in lines:
        if line["seed"] != _MEAN:
            seeds.setdefault(line["row_key"], {})[int(line["seed"])] = None
    for line in lines:
        key = line["row_key"]
        of_line = tuple(seeds.get(key, ())) if line["seed"] == _MEAN else (int(line["seed"]),)
        yield from _of_slices(name, key, of_line, {line["slice"]: {m: line[m] or None for m in METRICS}})
