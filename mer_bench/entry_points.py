"""The installed entry points, read one distribution at a time, so that a damaged one does not hide the others."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distributions

from mer_bench.errors import MerBenchError


@dataclass(frozen=True)
class Damaged:
    """A distribution whose entry points cannot be read; ``name`` is its folder's where its own is unreadable too."""

    name: str
    version: str
    error: MerBenchError


def find_entry_points(group: str) -> tuple[list[EntryPoint], list[Damaged]]:
    """Return a group's entry points, sorted by name and distribution, and the distributions that cannot be read.

    As in ``importlib.metadata.entry_points``, the first distribution of a name on ``sys.path`` hides the others. Unlike
    here, that function raises at the first damaged one.
    """
    points: list[EntryPoint] = []
    damaged: list[Damaged] = []
    seen: set[str] = set()
    for distribution in distributions():
        folder = _folder(distribution)
        name = re.sub(r"[-_.]+", "-", folder.rpartition(".")[0].partition("-")[0]).lower()
        if name and name in seen:
            continue
        seen.add(name)
        try:
            points += distribution.entry_points.select(group=group)
        except Exception as error:
            unreadable = MerBenchError(
                f"entry_points.txt of {folder} cannot be read ({type(error).__name__}: {error}); "
                "each line must be 'name = package.module'; reinstall the distribution"
            )
            unreadable.__cause__ = error
            damaged.append(Damaged(*origin(distribution), unreadable))
    return sorted(points, key=lambda point: (point.name, origin(point.dist))), damaged


def origin(distribution: Distribution | None) -> tuple[str, str]:
    """Return a distribution's name and version, as far as they can be read."""
    try:
        return ("unknown", "") if distribution is None else _stated_origin(distribution)
    except Exception:
        return _folder(distribution) or "unknown", ""


def check_entry_point(point: EntryPoint) -> None:
    """Raise a clear error where ``EntryPoint.load`` would raise an obscure one.

    Raises
    ------
    MerBenchError
        The distribution's metadata cannot be read, or the entry point is malformed.
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
            f"entry point {point.name!r} is malformed: {point.value!r} is neither 'package.module' nor "
            "'package.module:attribute'"
        )


def _stated_origin(distribution: Distribution) -> tuple[str, str]:
    """Return the name and version in a distribution's metadata; either may be missing there."""
    try:
        metadata = distribution.metadata
    except FileNotFoundError:
        # The package importlib_metadata, which replaces the standard library's once it is imported, raises this.
        return "unknown", ""
    return metadata.get_all("Name", ["unknown"])[0], metadata.get_all("Version", [""])[0]


def _folder(distribution: Distribution | None) -> str:
    """Return ``name-version.dist-info`` without reading a file; the standard library has no public function."""
    return os.path.basename(str(getattr(distribution, "_path", "")))  # noqa: PTH119  (it may lie in a zip file)
