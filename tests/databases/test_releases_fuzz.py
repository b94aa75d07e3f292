"""Whatever is in the cells and folders of a release: samples and problems, never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.release_factory import (
    casme2_annotation,
    casme2_row,
    casme3_annotation,
    casme3_row,
    opened,
    samm_annotation,
    samm_row,
    smic_extended_annotation,
    smic_extended_row,
    write_casme2,
    write_casme3,
    write_samm,
    write_smic,
)


class Kind(NamedTuple):
    """How a release and its workbook are written; a sound row, its sample, and the folder of its frames."""

    write: Callable[[Path], Path]
    annotate: Callable[..., Path]
    row: list[object]
    sample_id: str
    frames: str


KINDS = (
    Kind(
        *(write_smic, smic_extended_annotation, smic_extended_row(1, "s1_ne_01", 8, 10)),
        *("smic/s1/s1_ne_01", "SMIC_all_raw/HS/s1/micro/negative/s1_ne_01"),
    ),
    Kind(write_samm, samm_annotation, samm_row(), "samm/006/006_1_2", "006/006_1_2"),
    Kind(write_casme2, casme2_annotation, casme2_row(), "casme2/sub01/EP02_01f", "CASME2_RAW_selected/sub01/EP02_01f"),
    Kind(write_casme3, casme3_annotation, casme3_row(), "casme3/spNO.1/b@166", "part_A/spNo.1/b/color"),
)
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/\ufffe\uffff"), max_size=12)
CELLS = st.one_of(
    *(st.none(), st.booleans(), st.integers(-(10**18), 10**18), st.dates(), TEXTS),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["/", "=A1", "#REF!", "046", "4.6e1", "../..", "/etc/passwd", "01", "spNO.1", "s1", "."]),
)
NAMES = TEXTS.filter(lambda name: name not in ("", ".", "..")) | st.sampled_from(
    [
        *("sub02", "EP01_01", "img046.JPG", "reg_img46.jpg", "img99999999999999.jpg", "spno.01", "color", "0166.jpg"),
        *("s01", "micro", "s1_xx_01", "6", "6_1_2", "NIR", "~$a.xlsx", ".xlsx", "smic.xlsx", "SAMM_codes.xlsx"),
    ]
)


@settings(max_examples=12, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.sample_id)
def test_any_cells_and_names_are_read_or_reported_in_one_line(kind: Kind, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(CELLS, min_size=1, max_size=len(kind.row)), max_size=4))
    with TemporaryDirectory() as folder:
        root = kind.write(Path(folder))
        kind.annotate(root, kind.row, *rows)
        assert kind.sample_id in opened(root).read_samples().ids
        for place in (kind.frames, *Path(kind.frames).parents):
            for name in data.draw(st.lists(NAMES, max_size=2)):
                if not (root / place / name).exists():
                    (root / place / name).mkdir()
        source = opened(root)
        assert all(source.clip(sample_id).frames for sample_id in source.read_samples().ids)
        assert not any("\n" in sentence for sentence in (*source.problems(), *source.notes()))
