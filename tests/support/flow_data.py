"""A small folder of ready-made maps, for `loso-smic`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

ROWS = tuple(
    f"smic,s0{subject},s0{subject}_{code}_01,{label}"
    for subject in (1, 2, 3)
    for label, code in enumerate(("ne", "po", "sur"))
)


def write_flow_data(folder: Path, rows: Sequence[str] = ROWS) -> Path:
    """Write one map for each of `ROWS`, and a CSV of ``rows``."""
    maps = folder / "maps"
    maps.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for row in ROWS:
        _, subject, clip, _ = row.split(",")
        pixels = generator.integers(0, 256, size=(28, 28, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(maps / f"{subject}_{clip}.png")
    (folder / "labels.csv").write_text("dataset,sub,filename_o,label\n" + "".join(f"{row}\n" for row in rows))
    return folder
