"""Small folders of ready-made maps in the layouts that the reader `flow-maps` knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from mer_bench.databases.flow_maps import FlowMaps
from mer_bench.errors import MerBenchError

HEADER = "dataset,sub,filename_o,label,apex,imagename,sub_filename\n"
ROWS = (
    "smic,s01,s01_ne_01,0,,s01_s1_ne_01.jpg,\n"
    "samm,006,006_1_2,1,,006_006_1_2.jpg,\n"
    "casme2,sub01,EP02_01f,2,,sub01_EP02_01f.jpg,\n"
)
MAPS = ("s01_s01_ne_01 .png", "006_006_1_2 .png", "sub01_EP02_01f .png")
IDS = ["casme2/sub01/EP02_01f", "samm/006/006_1_2", "smic/s1/s1_ne_01"]


def source(root: Path, **options: str) -> FlowMaps:
    return FlowMaps(root, {"channel_order": "as-stated", "labels": "", "maps": "", **options})


def write_png(path: Path, rgb: tuple[int, int, int] = (10, 20, 30)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (28, 28), rgb).save(path)
    return path


def write_release(root: Path, text: str = HEADER + ROWS, maps: tuple[str, ...] = MAPS, folder: str = "maps") -> Path:
    root.mkdir(exist_ok=True)
    (root / "labels.csv").write_text(text, encoding="utf-8")
    for name in maps:
        write_png(root / folder / name)
    return root


def message(root: Path, sample_id: str = "", **options: str) -> str:
    data = source(root, **options)
    with pytest.raises(MerBenchError) as caught:
        data.load(sample_id) if sample_id else data.read_samples()
    text = str(caught.value)
    assert "\n" not in text
    return text
