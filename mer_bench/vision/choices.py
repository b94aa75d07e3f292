"""What users may choose in this package: algorithms, their settings, region layouts. It needs no numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mer_bench.errors import MerBenchError
from mer_bench.parameters import Parameter

# Total variation with an L1 data term: Zach, Pock and Bischof, DAGM 2007; Sánchez Pérez et al., IPOL 2013.
_TVL1 = (
    Parameter("tvl1_tau", 0.25, "TV-L1: time step; all TV-L1 defaults are OpenCV's", minimum=1e-6, maximum=1.0),
    Parameter("tvl1_lambda", 0.15, "TV-L1: weight of the data term; smaller is smoother", minimum=1e-6),
    Parameter("tvl1_theta", 0.3, "TV-L1: coupling of the data term and smoothness", minimum=1e-6),
    Parameter("tvl1_scales", 5, "TV-L1: pyramid levels", minimum=1, maximum=20),
    Parameter("tvl1_warps", 5, "TV-L1: warps per level", minimum=1, maximum=100),
    Parameter("tvl1_epsilon", 0.01, "TV-L1: the iteration stops when the change is smaller", minimum=1e-9),
    Parameter("tvl1_inner", 30, "TV-L1: inner iterations", minimum=1, maximum=1000),
    Parameter("tvl1_outer", 10, "TV-L1: outer iterations", minimum=1, maximum=1000),
    Parameter("tvl1_scale_step", 0.8, "TV-L1: scale factor between two levels", minimum=0.1, maximum=0.99),
    Parameter("tvl1_median", 5, "TV-L1: side of the median filter, pixels", choices=(1, 3, 5)),
)
# Polynomial expansion: Farnebäck, SCIA 2003. OpenCV's version reports motion at the right and lower borders where there
# is none: 0.3 pixels between two identical faces.
_FARNEBACK = (
    Parameter("farneback_pyramid_scale", 0.5, "Farneback: scale; all defaults are HTNet's", minimum=0.1, maximum=0.99),
    Parameter("farneback_levels", 3, "Farneback: pyramid levels", minimum=1, maximum=20),
    Parameter("farneback_window", 15, "Farneback: side of the averaging window, pixels", minimum=3, maximum=255),
    Parameter("farneback_iterations", 3, "Farneback: iterations per level", minimum=1, maximum=100),
    Parameter("farneback_poly_n", 5, "Farneback: polynomial neighbourhood, pixels", minimum=3, maximum=15),
    Parameter("farneback_poly_sigma", 1.2, "Farneback: sigma of its Gaussian, pixels", minimum=0.1, maximum=10.0),
)
# Dense inverse search, the fastest of the three: Kroeger et al., ECCV 2016.
_DIS = (Parameter("dis_preset", "medium", "DIS: OpenCV's preset", choices=("ultrafast", "fast", "medium")),)

FLOW_PARAMETERS: Mapping[str, tuple[Parameter, ...]] = MappingProxyType(
    {"tv-l1": _TVL1, "farneback": _FARNEBACK, "dis": _DIS}
)
"""The settings of every algorithm, with defaults and limits, under the names that users give them."""

PHYSICAL = "physical"
SCALES = (PHYSICAL, "per-map", "per-map-8bit")
"""How a flow map is scaled. ``physical``: not at all, displacement in pixels. ``per-map``: each channel of each map by
its own least and largest value, to 0..1. ``per-map-8bit``: the same, rounded to 8 bits, as public maps are."""
UNKNOWN_SCALE = "unknown"
"""The scale of ready-made maps that do not state it; not a choice of a user."""

INTERPOLATIONS = ("graph", "linear")
"""How clips get the same number of frames."""


@dataclass(frozen=True)
class Tile:
    """One region in the result: an index into `REGIONS`, the tile's size, and its upper left corner, in pixels."""

    region: int
    height: int
    width: int
    row: int
    col: int


@dataclass(frozen=True)
class Layout:
    """How regions tile a result of 28×28 pixels: each pixel belongs to one tile.

    A ``transposed`` layout uses each landmark's x as the row and its y as the column, as HTNet's code does.
    """

    tiles: tuple[Tile, ...]
    transposed: bool = False


DEFAULT_LAYOUT = "five-mosaic"
WHOLE_FACE = "whole-face"
"""The layout of one tile, which is the map itself."""

_GRID = 28
"""The side on which layouts are given."""

_CORNERS = (Tile(0, 14, 14, 0, 0), Tile(1, 14, 14, 0, 14), Tile(3, 14, 14, 14, 0), Tile(4, 14, 14, 14, 14))

LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        # Five 14×14 tiles do not fit into 28×28: the eyes have 14×14, the three below share the width.
        DEFAULT_LAYOUT: Layout(
            (
                Tile(0, 14, 14, 0, 0),
                Tile(1, 14, 14, 0, 14),
                Tile(3, 14, 10, 14, 0),
                Tile(2, 14, 8, 14, 10),
                Tile(4, 14, 10, 14, 18),
            )
        ),
        "four-corners": Layout(_CORNERS),
        # HTNet indexes image[x, y]: the window of the right eye shows the lower left of the face. The nose is left out.
        "htnet": Layout(_CORNERS, transposed=True),
        # One tile as large as the map: wherever its landmark lies, its window is the whole map.
        WHOLE_FACE: Layout((Tile(2, 28, 28, 0, 0),)),
    }
)
"""``five-mosaic``: all five; ``four-corners``: no nose; ``htnet``: as HTNet's code; ``whole-face``: the map itself."""


def layout_tiles(name: str, side: int) -> tuple[Tile, ...]:
    """Return the tiles of a layout on a map of ``side``×``side`` pixels; their borders are rounded to whole pixels.

    Raises
    ------
    MerBenchError
        The side is odd, and the layout has tiles on the left and on the right, which must be of one size.
    """
    tiles = LAYOUTS[name].tiles
    if side % 2 and len(tiles) > 1:
        raise MerBenchError(
            f"layout={name} has regions on the left and on the right half of the map, which do not fit equally into "
            f"side={side}; choose an even side"
        )
    return tuple(_resized(tile, side) for tile in tiles)


def _resized(tile: Tile, side: int) -> Tile:
    # Borders and not sizes are rounded, so that neighbours neither overlap nor leave a gap.
    top, bottom, left, right = (
        round(place * side / _GRID) for place in (tile.row, tile.row + tile.height, tile.col, tile.col + tile.width)
    )
    return Tile(tile.region, bottom - top, right - left, top, left)
