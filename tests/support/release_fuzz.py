"""What hypothesis puts into the cells and folders of a release."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

FUZZ = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

CUTS = st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), max_size=6)
"""Places in a file, and the bytes to put there."""

KEEP = st.integers(0, 2**20)
"""How much of a file's end is lost."""

_MARKS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/￾￿")

CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**18), 10**18),
    st.floats(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.text(_MARKS, max_size=12),
    st.sampled_from(
        ["/", "=A1", "#REF!", "#DIV/0!", "46", "046", "4.6e1", "../..", "/etc/passwd", "01", "spNO.1", "006", "s1", "."]
    ),
)

NAMES = st.one_of(
    st.text(_MARKS, min_size=1, max_size=20).filter(lambda name: name not in (".", "..")),
    st.sampled_from(
        [
            *("sub02", "EP01_01", "img46.jpg", "img046.JPG", "reg_img46.jpg", "img99999999999999.jpg", "image1.bmp"),
            *("s1", "s01", "micro", "negative", "s1_ne_01", "s01_ne_01", "s1_xx_01", "006", "6", "006_1_2", "6_1_2"),
            *("spNO.1", "spno.01", "b", "color", "166.jpg", "0166.jpg", "HS", "NIR", "Cropped", "~$a.xlsx", ".xlsx"),
            *("CASME2-coding.xlsx", "smic.xlsx", "SAMM_codes.xlsx", "cas(me)3_part_A_label.xlsx", "SYNTHETIC.txt"),
        ]
    ),
)
