"""Whatever is in the cells, bytes and folders of a release: samples and problems, never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.release_factory import (
    CASME2_WORKBOOK,
    CASME3_WORKBOOK,
    SAMM_WORKBOOK,
    SMIC_EXTENDED_WORKBOOK,
    casme2_annotation,
    casme2_row,
    casme3_annotation,
    casme3_row,
    opened,
    samm_annotation,
    samm_row,
    smic_annotation,
    smic_extended_annotation,
    smic_extended_row,
    smic_row,
    write_casme2,
    write_casme3,
    write_samm,
    write_smic,
)

from mer_bench.databases.releases import Releases

FUZZ = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Kind(NamedTuple):
    """A release of at least one sample: how it and its workbook are written, and where its frames are."""

    write: Callable[[Path], Path]
    annotate: Callable[..., Path]
    row: list[object]
    workbook: str
    frames: str
    sample_id: str


def write_nested_samm(root: Path) -> Path:
    """Subjects' folders may not be links themselves; the folder that holds them may."""
    write_samm(root / "frames")
    (root / "frames" / SAMM_WORKBOOK).rename(root / SAMM_WORKBOOK)
    return root


KINDS = {
    "smic": Kind(
        *(write_smic, smic_annotation, smic_row(), "smic.xlsx"),
        *("SMIC_all_raw/HS/s1/micro/negative/s1_ne_01", "smic/s1/s1_ne_01"),
    ),
    "smic extended": Kind(
        *(write_smic, smic_extended_annotation, smic_extended_row(1, "s1_ne_01", 8, 10), SMIC_EXTENDED_WORKBOOK),
        *("SMIC_all_raw/HS/s1/micro/negative/s1_ne_01", "smic/s1/s1_ne_01"),
    ),
    "samm": Kind(
        *(write_nested_samm, samm_annotation, samm_row(), SAMM_WORKBOOK),
        *("frames/006/006_1_2", "samm/006/006_1_2"),
    ),
    "casme2": Kind(
        *(write_casme2, casme2_annotation, casme2_row(), CASME2_WORKBOOK),
        *("CASME2_RAW_selected/sub01/EP02_01f", "casme2/sub01/EP02_01f"),
    ),
    "casme3": Kind(
        *(write_casme3, casme3_annotation, casme3_row(), CASME3_WORKBOOK),
        *("part_A/spNo.1/b/color", "casme3/spNO.1/b@166"),
    ),
}

MARKS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/￾￿")
CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**18), 10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.text(MARKS, max_size=12),
    st.sampled_from(["/", "=A1", "#REF!", "46", "046", "4.6e1", "../..", "/etc/passwd", "01", "spNO.1", "s1", "."]),
)
NAMES = st.one_of(
    st.text(MARKS, min_size=1, max_size=20).filter(lambda name: name not in (".", "..")),
    st.sampled_from(
        [
            *("sub02", "EP01_01", "img46.jpg", "img046.JPG", "reg_img46.jpg", "img99999999999999.jpg", "image1.bmp"),
            *("s1", "s01", "micro", "negative", "s1_ne_01", "s01_ne_01", "s1_xx_01", "006", "6", "006_1_2", "6_1_2"),
            *("spNO.1", "spno.01", "b", "color", "166.jpg", "0166.jpg", "HS", "NIR", "Cropped", "~$a.xlsx", ".xlsx"),
            *("CASME2-coding.xlsx", "smic.xlsx", "SAMM_codes.xlsx", "cas(me)3_part_A_label.xlsx", "SYNTHETIC.txt"),
        ]
    ),
)


def read_all(path: Path) -> Releases:
    """Read everything of a release that may be faulty: nothing is raised, and something is reported."""
    Releases.recognises(path)
    assert Releases.resembles(path)
    source = opened(path)
    for sample_id in source.read_samples().ids:
        clip = source.clip(sample_id)
        assert 0 <= clip.apex < len(clip.frames)
    sentences = (*source.problems(), *source.notes())
    assert not any("\n" in sentence for sentence in sentences)
    assert len(source.read_samples()) + len(source.problems()) > 0
    return source


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture(scope="module")
def sound(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = kind.write(tmp_path_factory.mktemp("sound"))
    kind.annotate(root, kind.row)
    return root


def linked(sound: Path, root: Path) -> Path:
    """A release with the frames of another, and no workbook."""
    for child in sound.iterdir():
        if child.is_dir() and child.name != "annotation":
            (root / child.name).symlink_to(child)
    return root


@FUZZ
@given(data=st.data())
def test_any_cells_leave_the_sound_row_readable(kind: Kind, sound: Path, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(CELLS, min_size=1, max_size=len(kind.row)), min_size=1, max_size=4))
    with TemporaryDirectory() as folder:
        root = linked(sound, Path(folder))
        kind.annotate(root, kind.row, *rows)
        assert kind.sample_id in read_all(root).read_samples().ids


@FUZZ
@given(names=st.lists(NAMES, max_size=4, unique=True))
def test_any_names_of_files_and_folders_are_read_or_reported(kind: Kind, names: list[str]) -> None:
    with TemporaryDirectory() as folder:
        root = kind.write(Path(folder))
        frames = Path(kind.frames)
        for place in (frames, *frames.parents, Path(kind.workbook).parent):
            for number, name in enumerate(names):
                target = root / place / name
                if target.parent.is_dir() and not target.exists():
                    target.write_bytes(b"") if number % 2 else target.mkdir()
        read_all(root)
