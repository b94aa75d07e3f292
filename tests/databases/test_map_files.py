"""CAS(ME)^3 maps by the names of their files: a folder numbers them by onset, or all by apex as HTNet's code does."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.map_folder import message, source, write_png, write_release

CSV = """Subject,Filename,Onset,Apex,Offset,AU,Objective class,emotion,label_for_7,label_for_3,imagename_apex
spNO.3,b,16,25,29,4,III,sad,3,0,spNO.3/b/color/25.jpg
spNO.3,b,25,31,49,38,VII,surprise,2,2,spNO.3/b/color/31.jpg
spNO.9,m,11,11,83,14,VII,happy,1,1,spNO.9/m/color/11.jpg
spNO.9,d,112,83,358,14,VII,fear,5,0,spNO.9/d/color/83.jpg
"""
COMPOSITE = "dataset,sub,filename_o,label,onset,apex\n" + "".join(
    f"casme3,{subject},{clip},{label},{onset},{apex}\n"
    for subject, clip, label, onset, apex in (("3", "b", 0, 16, 25), ("3", "B", 2, 25, 31), ("9", "m", 1, 11, 11))
)
SHADES = {"spNO.3/b@16": 25, "spNO.3/b@25": 31, "spNO.9/m@11": 11, "spNO.9/d@112": 83}
"""Sample to the apex in its file's name, which is also the shade of its map."""
BY_APEX = ("spNO.3_b_25.png", "spNO.3_b_31.png", "spNO.9_m_11.png", "spNO.9_d_83.png")
BY_ONSET = ("spNo.3_b_16.png", "spNo.3_b_25.png", "9_M_11 .png", "spNO.9_d_112.png")


def folder_of(tmp_path: Path, names: tuple[str, ...], text: str = CSV) -> Path:
    """Write maps whose shade is their place in ``names``, with the CSV."""
    root = write_release(tmp_path / "maps3", text, ())
    for name, shade in zip(names, SHADES.values(), strict=False):
        write_png(root / "maps" / name, (shade, 0, 0))
    return root


def shades(root: Path) -> dict[str, int]:
    data = source(root)
    return {name: round(float(data.load(name)[0, 0, 0]) * 255) for name in data.read_samples().ids}


@pytest.mark.parametrize("names", [BY_APEX, BY_ONSET], ids=["apex", "onset"])
@pytest.mark.parametrize("text", [CSV, COMPOSITE], ids=["HTNet's list", "the composite's columns"])
def test_every_sample_has_the_map_with_its_apex_or_its_onset(tmp_path: Path, text: str, names: tuple[str, ...]) -> None:
    """In both namings ``b_25`` is there: of the first sample by apex, of the second by onset."""
    found = shades(folder_of(tmp_path, names, text))

    assert found == {f"casme3/{name}": shade for name, shade in SHADES.items() if f"casme3/{name}" in found}
    assert len(found) == len(text.splitlines()) - 1


@pytest.mark.parametrize("names", [(*BY_ONSET, "spNO.9_d_83.png"), (*BY_APEX, "spNO.9_d_112.png")])
def test_a_second_file_that_fits_a_sample_by_the_other_number_is_refused(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    root = folder_of(tmp_path, names)
    write_png(root / "maps" / names[-1])

    assert message(root).startswith(
        "labels.csv row 5: 'spNO.9_d_112.png' fits casme3/spNO.9/d@112 by its onset and 'spNO.9_d_83.png' by its apex; "
    )


def test_a_folder_that_fits_completely_by_onset_and_by_apex_is_refused_unless_the_names_say_onset(
    tmp_path: Path,
) -> None:
    text = "dataset,sub,filename_o,label,onset,apex\ncasme3,1,a,0,20,30\ncasme3,1,a,2,30,20\n"
    root = folder_of(tmp_path, ("1_a_20.png", "1_a_30.png"), text)

    assert "'1_a_20.png' fits casme3/spNO.1/a@20 by its onset and '1_a_30.png' by its apex" in message(root)
    for number in (20, 30):
        (root / "maps" / f"1_a_{number}.png").rename(root / "maps" / f"1_a@{number}.png")
    assert shades(root) == {"casme3/spNO.1/a@20": 25, "casme3/spNO.1/a@30": 31}


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (BY_APEX[:3], "casme3/spNO.9/d@112 (labels.csv row 5)"),
        ((*BY_APEX[:3], BY_ONSET[3]), "casme3/spNO.3/b@16 (labels.csv row 2)"),
    ],
    ids=["one is gone", "one is named by onset"],
)
def test_a_folder_that_is_complete_by_neither_number_lacks_maps(
    tmp_path: Path, names: tuple[str, ...], missing: str
) -> None:
    root = folder_of(tmp_path, names)

    assert message(root) == (
        f"1 of 4 rows have no map in {root}/maps: {missing}; add the PNGs or remove the rows; the maps of casme3 end "
        "in the onset, or all of them in the apex, which the CSV must then state"
    )


def test_one_map_for_two_rows_of_one_apex_is_refused(tmp_path: Path) -> None:
    text = "dataset,sub,filename_o,label,onset,apex\ncasme3,1,a,0,20,30\ncasme3,1,a,2,25,30\n"
    error = message(folder_of(tmp_path, ("1_a_30.png",), text))

    assert "the map '1_a_30.png' fits both casme3/spNO.1/a@20" in error
    assert "or name those of casme3 by onset" in error
