"""Which entry points are installed: read distribution by distribution, so that a damaged one hides no other."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions

from mer_bench.errors import MerBenchError


@dataclass(frozen=True)
class Damaged:
    """A distribution whose entry points cannot be read: its name, or its folder's where that is unknown too."""

    name: str
    version: str
    error: MerBenchError


def find_entry_points(group: str) -> tuple[list[EntryPoint], list[Damaged]]:
    """Return a group's entry points, sorted by name and distribution, and the distributions that cannot be read.

    As in ``importlib.metadata.entry_points``, the first distribution of a name on the path hides the others; but that
    function gives up at the first damaged one.
    """
    found: list[EntryPoint] = []
    damaged: list[Damaged] = []
    seen: set[str] = set()
    for distribution in distributions():
        folder = _folder(distribution)
        name = re.sub(r"[-_.]+", "-", folder.rpartition(".")[0].partition("-")[0]).lower()
        if name and name in seen:
            continue
        seen.add(name)
        try:
            found += distribution.entry_points.select(group=group)
        except Exception as error:
            refusal = MerBenchError(
                f"entry_points.txt of {folder} cannot be read ({type(error).__name__}: {error}); "
                "each of its lines must be 'name = package.module'; reinstall the distribution"
            )
            refusal.__cause__ = error
            damaged.append(Damaged(*origin(distribution), refusal))
    return sorted(found, key=lambda point: (point.name, origin(point.dist))), damaged


def origin(distribution: Distribution | None) -> tuple[str, str]:
    """Return a distribution's name and version, as far as they can be read."""
    try:
        return ("unknown", "") if distribution is None else _stated_origin(distribution)
    except Exception:
        return _folder(distribution) or "unknown", ""


def check_entry_point(point: EntryPoint) -> None:
    """Refuse what ``EntryPoint.load`` would fail at with a riddle.

    Raises
    ------
    MerBenchError
        The distribution's metadata cannot be read, or the entry point names no object.
    """
    if point.dist is not None:
        try:
            _stated_origin(point.dist)
        except ValueError as error:
            raise MerBenchError(
                f"METADATA of {_folder(point.dist)} cannot be read ({error}); reinstall the distribution"
            ) from error
    if point.pattern.match(point.value) is None:
        raise MerBenchError(
            f"its entry point {point.name!r} is malformed: {point.value!r} is neither 'package.module' nor "
            "'package.module:attribute'"
        )


def _stated_origin(distribution: Distribution) -> tuple[str, str]:
    """Return a distribution's own name and version; hand-made metadata may lack either."""
    metadata = distribution.metadata
    return metadata.get_all("Name", ["unknown"])[0], metadata.get_all("Version", [""])[0]


def _folder(distribution: Distribution | None) -> str:
    """Return ``name-version.dist-info``, for which no file is read; the standard library has no public way."""
    return os.path.basename(str(getattr(distribution, "_path", "")))  # noqa: PTH119  (it may lie in a zip file)
