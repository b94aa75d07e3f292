"""``maps.toml``: what a folder of ready-made maps says about itself."""

from __future__ import annotations

import os
from pathlib import Path

from mer_bench.databases.base import InputFacts
from mer_bench.databases.frame_files import checked_inside
from mer_bench.strict_toml import TomlTable, read_toml
from mer_bench.vision.choices import PHYSICAL, SCALES

MAPS_FILE = "maps.toml"
UNNAMED = InputFacts("unnamed maps")
"""The facts of maps that say nothing about themselves."""

STRAIN, MAGNITUDE = "strain", "magnitude"
_THIRD = (STRAIN, MAGNITUDE)
_ALSO_STRAIN = "os"
# The parser needs the square of a key's length: half a second for this many bytes.
_MOST_BYTES = 16 << 10
_MOST_LETTERS = 200


def read_map_facts(folder: Path) -> InputFacts:
    """Return what `MAPS_FILE` in a folder states, or `UNNAMED` without such a file.

    The folder may come from an archive: a link out of it, a large file and text that no line can show are refused.

    Raises
    ------
    MerBenchError
        The file cannot be used: the message names file and key.
    """
    path = folder / MAPS_FILE
    if not os.path.lexists(path):
        return UNNAMED
    table = read_toml("description of maps", checked_inside(folder, path), "restore or remove it", most=_MOST_BYTES)
    table.expect_fields(InputFacts)
    texts = {key: _line(table, key) for key in ("name", "source", "citation", "licence", "flow") if key in table.keys}
    return InputFacts(
        **texts,
        channels=table.optional("channels", lambda key: _channels(table, key)) or (),
        scale=table.optional("scale", lambda key: _scale(table, key)) or "",
    )


def plane_order(channels: tuple[str, ...]) -> str:
    """Return channels as the option ``channel_order`` names them: ``u,v,os``."""
    return ",".join(_ALSO_STRAIN if channel in _THIRD else channel for channel in channels)


def channels_of(order: str) -> tuple[str, ...]:
    """Return the channels that the option ``channel_order`` names, as `InputFacts` states them."""
    return tuple(STRAIN if channel == _ALSO_STRAIN else channel for channel in order.split(","))


def _line(table: TomlTable, key: str) -> str:
    text = table.text(key)
    if len(text) > _MOST_LETTERS:
        raise table.wrong(key, f"has {len(text)} characters, more than {_MOST_LETTERS}; shorten it")
    if not text.isprintable():
        raise table.wrong(key, "holds a line break or a character that cannot be shown; write one line of text")
    return text


def _scale(table: TomlTable, key: str) -> str:
    scale = table.choice(key, SCALES)
    if scale == PHYSICAL:
        others = " or ".join(f'"{other}"' for other in SCALES if other != PHYSICAL)
        raise table.wrong(key, f"cannot be: the maps are 8-bit images, which hold no pixels of motion; write {others}")
    return scale


def _channels(table: TomlTable, key: str) -> tuple[str, ...]:
    channels = tuple(STRAIN if channel == _ALSO_STRAIN else channel for channel in table.names(key))
    if all(set(channels) != {"u", "v", third} for third in _THIRD) or len(channels) != len(_THIRD) + 1:
        raise table.wrong(key, f"is not an order of u, v and {STRAIN} (or {_ALSO_STRAIN}, or {MAGNITUDE})")
    return channels
