"""Settings that do not fit each other end a command with one sentence, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bench import Bench

MAPS = ("--data", "synthetic-maps")
CLIPS = ("--data", "synthetic", "--data-option", "size=tiny")
SHORT_CLIP = ("--set", "length=9", "--set", "radii_of=planes", "--set", "radii=1,6,5")
PATCHES = "htnet: patch=5 cuts a 28×28 map into 5.6 patches a side, which 3 levels (blocks=(2, 2, 8)) do not halve"
SHORT = "the clip, which is 9 long along T; set a smaller R_XT and R_YT, or --set length=13 or more"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run", "--method", "htnet", "--set", "patch=5", *MAPS), PATCHES),
        (("describe", "htnet", "--set", "htnet.patch=5"), PATCHES),
        (("check", "htnet", "--set", "patch=5"), PATCHES),
        (("run", "--method", "ahmsa", "--set", "width=100", *MAPS), "ahmsa: width=100 is not a multiple of heads=3"),
        (("run", "--method", "inceptr", "--set", "paths=", *MAPS), "inceptr: paths=() leaves no inception module"),
        (("run", "--method", "ststnet", "--set", "streams=", *MAPS), "ststnet: streams=() must name at least one"),
        (
            ("run", "--method", "timm-backbone", "--set", "weights=absent.pth", *MAPS),
            "timm-backbone: weights='absent.pth' cannot be read: No such file",
        ),
        (
            ("run", "--method", "lbp-top", *CLIPS, *SHORT_CLIP),
            SHORT,
        ),
        (
            ("run", "--method", "lbp-top", "--set", "neighbours=4,11,4", *CLIPS),
            "lbp-top: neighbours=4,11,4 have up to 2048 raw codes in every block",
        ),
    ],
)
def test_a_command_refuses_in_one_sentence_and_computes_nothing(
    bench: Bench, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    run = ("--protocol", "cde", "--results", str(tmp_path / "results"), "--dry-run")
    ended = bench(*arguments, *(run if arguments[0] == "run" else ()))

    assert (ended.code, ended.out) == (2, "")
    assert len(ended.errors) == 1
    assert sentence in ended.errors[0]
    assert not (tmp_path / "results").exists()
