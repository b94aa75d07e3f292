"""The short names of rows: four digits of the key, more where another row of the method begins alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from mer_bench.row_names import RowNames, is_meant

KEYS = {"net": ("4f2a9c01aaaa", "4f2a9d02bbbb", "77001122cccc"), "net-2": ("4f2a9c01dddd",)}


@pytest.fixture
def names(tmp_path: Path) -> RowNames:
    for method, keys in KEYS.items():
        for protocol, key in zip(("cde@1", "loso-smic@1", "cde@1"), keys, strict=False):
            folder = tmp_path / "cells" / protocol / method / key
            folder.mkdir(parents=True)
            (folder / "row.json").write_text("{}")
    return RowNames.stored(tmp_path)


def test_a_name_is_as_long_as_the_other_rows_of_the_method_demand(names: RowNames) -> None:
    assert names.all() == ["net-2-4f2a", "net-4f2a9c", "net-4f2a9d", "net-7700"]
    assert names.of("net", "77001122cccc" + "0" * 52) == "net-7700"
    assert names.of("net", "4f2a9c01aaaa" + "0" * 52) == "net-4f2a9c"
    assert names.of("other", "4f2a9c01eeee") == "other-4f2a"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("net-4f2a9", ["4f2a9c01aaaa", "4f2a9d02bbbb"]),
        ("NET_4F2A9C", ["4f2a9c01aaaa"]),
        ("7700", ["77001122cccc"]),
        ("net-770", []),
        ("net", list(KEYS["net"])),
        ("net-2", ["4f2a9c01dddd"]),
        ("net-2-4f2a", ["4f2a9c01dddd"]),
    ],
)
def test_a_text_means_the_rows_of_a_method_or_those_whose_keys_begin_so(text: str, meant: list[str]) -> None:
    assert [key for method, keys in KEYS.items() for key in keys if is_meant(text, method, key)] == meant
