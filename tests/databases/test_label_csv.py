from __future__ import annotations

from pathlib import Path

import pytest

from mer_bench.databases.label_csv import is_label_csv, read_labels
from mer_bench.errors import MerBenchError

HEADER = "dataset,sub,filename_o,label,apex,imagename\n"
IDS = ["smic/s1/s1_ne_01", "samm/006/006_1_2", "casme2/sub01/EP02_01f"]
ROWS = "smic,s01,s01_ne_01,0\nsamm,006,006_1_2,1\ncasme2,sub01,EP02_01f,2\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        HEADER + ROWS,
        "\ufeff" + HEADER + ROWS,
        "label,FILENAME_O,Dataset,sub\n0,s1_ne_01,SMIC,S1\n1,6_1_2,samm,6\n2,ep02_01F,casme2,1\n",
        ROWS.replace("\n", "\n\n"),
    ],
    ids=["HTNet", "byte order mark", "other columns and capitals", "MEGC 2019"],
)
def test_every_layout_gives_the_same_samples_in_the_file_s_order(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    samples = read_labels(path)

    assert [sample.sample_id for sample in samples] == IDS
    assert [sample.emotion for sample in samples] == ["negative", "positive", "surprise"]
    assert is_label_csv(path)


def test_the_origin_is_the_row_of_the_file_and_casme3_adds_the_onset(tmp_path: Path) -> None:
    text = "dataset,sub,filename_o,label,onset\ncasme3,spNO.1,a,0,116\n\ncasme3,1,A,2,240\n"
    first, second = read_labels(written(tmp_path, text))

    assert (first.sample_id, first.origin) == ("casme3/spNO.1/a@116", "labels.csv row 2")
    assert (second.sample_id, second.origin) == ("casme3/spNO.1/a@240", "labels.csv row 4")


@pytest.mark.parametrize(
    "text",
    [
        "Subject,Filename,Onset,Apex,Offset,emotion,label_for_7,label_for_3,imagename_apex\n"
        "spNO.3,b,16,25,29,sad,3,0,spNO.3/b/color/25.jpg\nspNO.9,m,11,11,83,happy,1,1,\n",
        "dataset,sub,filename_o,label,apex,onset\ncasme3,spNO.3,B,0,25,16\ncasme3,9,m,1,11,11\n",
    ],
    ids=["HTNet's list", "the composite's columns"],
)
def test_casme3_may_state_the_apex(tmp_path: Path, text: str) -> None:
    samples = read_labels(written(tmp_path, text))

    assert [(sample.sample_id, sample.emotion, sample.onset, sample.apex) for sample in samples] == [
        ("casme3/spNO.3/b@16", "negative", 16, 25),
        ("casme3/spNO.9/m@11", "positive", 11, 11),
    ]
    assert is_label_csv(tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("\n\n", ("has no rows",)),
        ("smic;s01;s01_ne_01;0\n", ("separated by ';'", "with commas")),
        (HEADER, ("has a header but no rows",)),
        ("dataset,sub,label\nsmic,s01,0\n", ("row 1", "'filename_o'", "0 times")),
        ("dataset,sub,filename_o,label,label\n", ("row 1", "'label'", "2 times")),
        ("casme,sub01,EP02_01f,1\n", ("row 1", "'casme'", "did you mean 'casme", "smic, samm, casme2")),
        (HEADER + ROWS + "samm,007,007_3_1,3\n", ("row 5", "'3'", "samm/007/007_3_1", "outside the class map")),
        (HEADER + "samm,006\n", ("row 2", "2 of the 4 required cells")),
        (HEADER + "casme3,spNO.1,a,0\n", ("row 2", "'onset'", "header")),
        ("dataset,sub,filename_o,label,onset\ncasme3,spNO.1,a,0,x1\n", ("row 2", "onset 'x1'", "frame number")),
        ("dataset,sub,filename_o,label,onset,apex\ncasme3,spNO.1,a,0,7,?\n", ("row 2", "apex '?' is not a frame")),
        ("subject,filename,onset,apex,label_for_3\nspNO.1,a,7,9,6\n", ("row 2", "'6'", "casme3/spNO.1/a@7")),
        ("subject,filename,onset,apex,apex,label_for_3\n", ("row 1", "'apex' 2 times")),
        (HEADER + "sammm,006,006_1_2,1\n", ("row 2", "unknown database 'sammm'", "did you mean 'samm'")),
        (HEADER + "smic,../s01,s01_ne_01,0\n", ("row 2", "subject '../s01'")),
        (HEADER + "smic,s01,,0\n", ("row 2", "names no clip")),
        (HEADER + 'smic,s01,"' + "a" * 140_000 + '",0\n', ("row 2", "not valid CSV")),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "csv",
)
def test_a_bad_file_is_refused_with_row_and_value(tmp_path: Path, text: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(MerBenchError) as caught:
        read_labels(written(tmp_path, text))
    assert [part for part in ("labels.csv", *parts) if part not in str(caught.value)] == []


def test_another_encoding_or_another_table_is_no_label_csv(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(HEADER.encode() + "smic,s01,é,0\n".encode("latin-1"))
    with pytest.raises(MerBenchError, match=r"labels\.csv is not UTF-8 text: byte 0xe9 at position"):
        read_labels(path)
    assert is_label_csv(path), "the first kilobytes alone are read"
    assert not is_label_csv(written(tmp_path, "name,age\nAnn,7\n"))
    assert not is_label_csv(written(tmp_path, ""))
