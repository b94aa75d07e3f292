from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.map_folder import IDS, MAPS, message, source, write_png, write_release
from support.release_factory import moved_out_of

from mer_bench.databases.base import InputFacts

STATED = """
name = "Maps of a lab"
source = "example.org/maps"
citation = "Doe 2026"
licence = "CC0"
flow = "farneback"
channels = ["v", "os", "u"]
scale = "per-map-8bit"
"""
FACTS = InputFacts(
    "Maps of a lab", "example.org/maps", "Doe 2026", "CC0", "farneback", ("v", "strain", "u"), "per-map-8bit"
)
USUAL = ("u", "v", "strain")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    root = write_release(tmp_path / "release")
    write_png(root / "maps" / MAPS[2], (10, 20, 30))
    return root


def describe(root: Path, text: str) -> Path:
    (root / "maps.toml").write_text(text, encoding="utf-8")
    return root


def test_the_facts_are_those_of_the_file_before_anything_else_is_read(release: Path) -> None:
    (release / "labels.csv").unlink()

    assert source(describe(release, STATED)).input_facts() == FACTS
    assert source(describe(release, 'name = "Only a name"')).input_facts() == InputFacts("Only a name", channels=USUAL)


def test_maps_without_the_file_are_unnamed_and_have_the_order_of_the_option(release: Path) -> None:
    assert source(release).input_facts() == InputFacts("unnamed maps", channels=USUAL)
    assert source(release, channel_order="os,u,v").input_facts().channels == ("strain", "u", "v")
    assert source(release.parent / "nowhere").input_facts() == InputFacts("unnamed maps")


def test_the_stated_channels_are_the_order_in_which_maps_are_read(release: Path) -> None:
    usual = source(release)
    as_option = source(release, channel_order="v,os,u")
    digests = usual.digest(IDS[0]), as_option.digest(IDS[0])
    stated = source(describe(release, STATED))

    np.testing.assert_allclose(usual.load(IDS[0])[0, 0] * 255, (10, 20, 30), rtol=1e-6)
    np.testing.assert_allclose(stated.load(IDS[0])[0, 0] * 255, (30, 10, 20), rtol=1e-6)
    assert stated.digest(IDS[0]) == digests[1] != digests[0]


def test_an_option_that_contradicts_the_stated_channels_is_refused(release: Path) -> None:
    describe(release, STATED)

    assert source(release, channel_order="v,os,u").read_samples().ids == IDS
    assert message(release, channel_order="u,v,os") == (
        f"the option channel_order=u,v,os contradicts {release}/maps.toml, whose channels are v, strain, u; "
        "leave the option out, or correct the file"
    )


def test_a_magnitude_in_place_of_strain_is_read_and_noted(release: Path) -> None:
    data = source(describe(release, 'name = "HTNet\'s way"\nchannels = ["u", "v", "magnitude"]'))

    assert data.read_samples().ids == IDS
    assert data.input_facts().channels == ("u", "v", "magnitude")
    assert data.notes() == ("maps.toml: the maps hold the flow's magnitude in place of its optical strain",)
    assert source(describe(release, STATED)).notes() == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('flow = "tv-l1"', "key 'name' is missing"),
        ('name = ""', "name = '' is empty"),
        ("name = 7", "name = 7 is not a text"),
        ('name = "a"\nlicense = "MIT"', "unknown key 'license' (did you mean 'licence'?)"),
        ('name = "a"\nscale = "8bit"', "scale = '8bit' is not one of: physical, per-map, per-map-8bit"),
        ('name = "a"\nscale = "physical"', "scale = 'physical' cannot be: the maps are 8-bit images"),
        ('name = "a"\nchannels = "u,v,os"', "channels = 'u,v,os' is not a list of names"),
        ('name = "a"\nchannels = ["u", "v"]', "channels = ['u', 'v'] is not an order of u, v and strain"),
        ('name = "a"\nchannels = ["u", "v", "w"]', "is not an order of u, v and strain (or os, or magnitude)"),
        ('name = "a"\nchannels = ["u", "v", "os", "strain"]', "is not an order of u, v and strain"),
        ('name = "a"\nsource = "\\u001b[2J"', "source = '\\x1b[2J' holds a line break or a character that cannot be"),
        ('name = "a\\nb"', "name = 'a\\nb' holds a line break"),
        ('name = "evil\\u202e"', "name = 'evil\\u202e' holds a line break or a character"),
        (f'name = "{"n" * 201}"', "has 201 characters, more than 200; shorten it"),
        (f'name = "a"\nflow = {["x" * 9000]}', "is not a text"),
        (f'name = "a"\n{"k" * 9000} = 1', "unknown key 'kkk"),
        (f'name = "a"\n{"k." * 4000}k = 1', "is nested too deeply"),
        ('name = "a', "is not TOML: "),
        ("#" * (1 << 20), "has 1048576 bytes, more than 16 KiB, the most for such a file; restore or remove it"),
        ("", "key 'name' is missing; state it"),
    ],
    ids=lambda value: value if len(value) < 60 else "",
)
def test_a_file_that_cannot_be_used_is_refused_with_file_and_key(release: Path, text: str, complaint: str) -> None:
    describe(release, text)
    error = message(release)

    assert complaint in error
    assert str(release / "maps.toml") in error
    assert error.isprintable()
    assert len(error) < 600 + len(str(release))
    assert source(release).input_facts() == InputFacts("unnamed maps")


def test_a_link_out_of_the_folder_and_a_folder_of_this_name_are_refused(release: Path) -> None:
    moved_out_of(describe(release, STATED), "maps.toml")

    assert "leads out of" in message(release)
    (release / "maps.toml").unlink()
    (release / "maps.toml").symlink_to("nowhere")
    assert "maps.toml does not exist" in message(release)
    (release / "maps.toml").unlink()
    (release / "maps.toml").mkdir()
    assert "maps.toml is not a file" in message(release)
