"""Samples of different subjects that are nearly the same are found in what a run stacks, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.bench import TINY, Bench
from support.real_maps import FOLDER, NEEDS_MAPS

from mer_bench.arrays import FloatArray
from mer_bench.databases.flow_maps import FlowMaps
from mer_bench.engine.near_duplicates import FRAMES_THRESHOLD, LISTED, THRESHOLD, near_duplicates
from mer_bench.store import Store
from mer_bench.store.near_duplicates import read_near_duplicates

IDS = ("casme2/sub01/a", "casme2/sub01/b", "casme2/sub02/a", "samm/006/a", "smic/s1/a", "smic/s2/a")


def noise(n: int = len(IDS), shape: tuple[int, ...] = (28, 28, 3), seed: int = 3) -> FloatArray:
    values: FloatArray = np.random.default_rng(seed).normal(size=(n, *shape)).astype(np.float32)
    return values


def test_a_copy_in_another_database_is_found_whatever_its_scale_and_constant_motion() -> None:
    stack = noise()
    stack[4] = 0.25 * stack[1] + np.array([3.0, -2.0, 0.5], dtype=np.float32)
    found = near_duplicates(IDS, stack)
    assert [pair["samples"] for pair in found["pairs"]] == [["casme2/sub01/b", "smic/s1/a"]]
    assert found["pairs"][0]["correlation"] == pytest.approx(1, abs=1e-5)
    assert (found["found"], found["threshold"]) == (1, THRESHOLD)


def test_a_copy_of_one_subject_is_none_and_other_maps_are_far_apart() -> None:
    stack = noise()
    stack[1] = stack[0]
    found = near_duplicates(IDS, stack)
    assert found["pairs"] == []
    assert 0 < found["highest"] < 0.2


def test_the_highest_correlations_come_first_and_only_so_many_are_listed() -> None:
    n = 9
    stack = np.concatenate([noise(1)] * n) + np.linspace(0.01, 0.2, n, dtype=np.float32)[:, None, None, None] * noise(n)
    found = near_duplicates([f"lab/p{number}/clip" for number in range(n)], stack)
    values = [pair["correlation"] for pair in found["pairs"]]
    assert found["found"] == n * (n - 1) // 2 > LISTED == len(values)
    assert values == sorted(values, reverse=True)
    assert found["pairs"][0]["samples"] == ["lab/p0/clip", "lab/p1/clip"]
    assert found["highest"] == values[0]


def test_a_map_without_contrast_is_like_no_other() -> None:
    stack = np.full((3, 28, 28, 3), 0.1, dtype=np.float32)
    found = near_duplicates(IDS[2:5], stack)
    assert found["found"] == 0


def test_faces_are_alike_only_beyond_what_all_faces_share() -> None:
    face = 40 * noise(1, (1, 28, 28, 1), seed=8)
    frames = face + noise(6, (5, 28, 28, 1))
    assert near_duplicates(IDS, frames)["found"] == 0
    # The middle frame is the same.
    frames[5, 2] = frames[0, 2]
    found = near_duplicates(IDS, frames)
    assert [pair["samples"] for pair in found["pairs"]] == [["casme2/sub01/a", "smic/s2/a"]]
    assert found["threshold"] == FRAMES_THRESHOLD > THRESHOLD


def test_large_maps_are_reduced_and_their_rim_is_left_out() -> None:
    stack = noise(6, (58, 57, 3))
    stack[3] = stack[5]
    stack[3, :, 56] = 1000
    assert [pair["samples"] for pair in near_duplicates(IDS, stack)["pairs"]] == [["samm/006/a", "smic/s2/a"]]


def test_a_run_stores_what_it_finds_and_changes_no_key(bench: Bench, tmp_path: Path) -> None:
    maps = write_maps(tmp_path / "maps", copied=True)
    options = ("--data", maps, "--allow-partial", "--results", bench.results, "--no-baselines", "--jobs", "1")
    assert bench("run", "-m", "majority", *options).code == 0
    store = Store.open(bench.results)
    (row,) = store.rows()
    found = read_near_duplicates(store, row)
    assert found is not None
    assert [pair["samples"] for pair in found["pairs"]] == [["casme2/sub01/EP02_01f", "smic/s1/s1_ne_01"]]

    findings = bench("check-results", bench.results, "--json").objects[0]["findings"]
    (named,) = (finding["sentence"] for finding in findings if finding["code"] == "MER010")
    assert named == "casme2/sub01/EP02_01f and smic/s1/s1_ne_01 correlate by 1.000"


def test_a_run_of_clean_data_stores_that_nothing_was_found(bench: Bench) -> None:
    assert bench("run", *TINY, "-m", "majority", "--results", bench.results, "--no-baselines", "--jobs", "1").code == 0
    store = Store.open(bench.results)
    (row,) = store.rows()
    found = read_near_duplicates(store, row)
    assert found is not None
    assert (found["found"], found["pairs"]) == (0, [])
    assert 0.3 < found["highest"] < 0.6


def write_maps(root: Path, *, copied: bool) -> Path:
    """Write three maps, of which two are the same if asked for."""
    pictures = np.random.default_rng(11).integers(60, 200, size=(3, 28, 28, 3), dtype=np.uint8)
    pictures[2] = pictures[0] if copied else pictures[2]
    rows = (
        "casme2,sub01,EP02_01f,0,,sub01_EP02_01f.jpg,\n"
        "samm,006,006_1_2,1,,006_006_1_2.jpg,\n"
        "smic,s01,s01_ne_01,0,,s01_s1_ne_01.jpg,\n"
    )
    (root / "maps").mkdir(parents=True)
    header = "dataset,sub,filename_o,label,apex,imagename,sub_filename\n"
    (root / "labels.csv").write_text(header + rows, encoding="utf-8")
    for picture, name in zip(pictures, ("sub01_EP02_01f .png", "006_006_1_2 .png", "s01_s01_ne_01 .png"), strict=True):
        Image.fromarray(picture).save(root / "maps" / name)
    return root


class TestRealMaps:
    pytestmark = NEEDS_MAPS

    def test_the_threshold_is_far_above_what_two_subjects_share(self) -> None:
        data = FlowMaps(FOLDER, {"channel_order": "as-stated", "labels": "", "maps": ""})
        ids = list(data.read_samples().frame["sample_id"])
        stack = np.stack([data.load(sample_id) for sample_id in ids])
        found = near_duplicates(ids, stack)
        assert found["highest"] == pytest.approx(0.703, abs=0.001)
        assert found["found"] == 0
