"""Which settings fit a clip; imports no numpy, so that a plan can ask it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mer_bench import MerBenchError

PLANES = {"XY": (1, 2), "XT": (0, 2), "YT": (0, 1)}
"""The axes of a clip (time, y, x) that are a plane's rows and columns."""

_RADII_OF = {"axes": ("X", "Y", "T"), "planes": tuple(PLANES)}
"""What the three radii belong to. A radius reaches along every axis in its name."""

_CURES = {"T": "--set length", "Y": "--preprocess size", "X": "--preprocess size"}
_MOST_RAW_NEIGHBOURS = 10


def validate(params: Mapping[str, Any]) -> None:
    """Refuse settings that fit no clip of the requested length, whatever its size.

    Raises
    ------
    MerBenchError
        There are too many raw codes, or ``length`` is too short for the radii or the blocks.
    """
    neighbours, radii, blocks = params["neighbours"], params["radii"], params["blocks"]
    if params["mapping"] == "raw" and max(neighbours) > _MOST_RAW_NEIGHBOURS:
        raise MerBenchError(
            f"lbp-top: neighbours={_listed(neighbours)} have up to {2 ** max(neighbours)} raw codes in every block, "
            f"too many for memory; set mapping=uniform, or {_MOST_RAW_NEIGHBOURS} neighbours at most"
        )
    usable_span("T", params["length"], radii, params["radii_of"], blocks)


def usable_span(
    axis: str, size: int, radii: tuple[int, ...], radii_of: str, blocks: tuple[int, ...]
) -> tuple[int, int, int]:
    """Return how far positions keep from a clip's ends along an axis, how many are left, and in how many blocks.

    Parameters
    ----------
    axis : str
        ``T``, ``Y`` or ``X``.
    size : int
        How long the clip is along it.
    radii, radii_of, blocks
        As in the method's spec.

    Raises
    ------
    MerBenchError
        The clip is too short for the radii or the blocks.
    """
    reaching = {name: radius for name, radius in zip(_RADII_OF[radii_of], radii, strict=True) if axis in name}
    border = max(reaching.values())
    left = size - 2 * border
    if left <= 0:
        too_large = " and ".join(f"R_{name}" for name, radius in reaching.items() if size <= 2 * radius)
        raise MerBenchError(
            f"lbp-top: radii={_listed(radii)} leave no position whose neighbours lie inside the clip, which is "
            f"{size} long along {axis}; set a smaller {too_large}, or {_CURES[axis]}={2 * border + 1} or more"
        )
    count = blocks["YXT".index(axis)]
    if count > left:
        raise MerBenchError(
            f"lbp-top: blocks={_listed(blocks)} (rows,columns,temporal) ask for {count} blocks along {axis}, where "
            f"radii={_listed(radii)} leave {left} positions; ask for at most {left}, or for a larger clip"
        )
    return border, left, count


def _listed(values: tuple[int, ...]) -> str:
    return ",".join(map(str, values))
