"""Cited results: the paper's own scores, each with its year and source."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import mer_bench_protocols
from mer_bench import MerBenchError
from mer_bench.protocol import load_protocol
from mer_bench_reports.published import PublishedRow, load_published, read_published

VALID = """
source = "Nobody, Table 1"
protocol = "cde"

[[rows]]
title = "A"
year = 2020
family = "deep"
citation = "Nobody, 2020"
note = ""
slices = { full = [0.5, 0.25] }

[[rows]]
title = "B"
year = 2021
family = "handcrafted"
citation = "Nobody, 2021"
note = "doubtful"
slices = { full = [1.0, 0.0] }
"""


def rows_of(protocol: str) -> dict[str, PublishedRow]:
    return {row.title: row for row in load_published() if row.protocol == protocol}


def test_every_row_of_the_papers_tables_is_there_in_its_order() -> None:
    assert [(row.year, row.title) for row in load_published()] == [
        (2015, "LBP-TOP"),
        (2018, "Bi-WOOF"),
        (2023, "Dual-ATME"),
        (2023, "SMBANet"),
        (2023, "BDCNN with CE loss"),
        (2023, "IncepTR"),
        (2024, "CoTDPN"),
        (2024, "LAENet"),
        (2024, "AHMSA-Net"),
        (2020, "RCN-A"),
        (2022, "FeatRef"),
        (2023, "μ-BERT"),
        (2024, "HTNet"),
        (2024, "AHMSA-Net"),
    ]


@pytest.mark.parametrize(
    ("title", "slices"),
    [
        ("LBP-TOP", [(0.5882, 0.5785), (0.2000, 0.5280), (0.3954, 0.4102), (0.7026, 0.7429)]),
        ("SMBANet", [(0.7440, 0.7459), (0.6914, 0.6934), (0.6021, 0.6068), (0.8970, 0.8920)]),
        ("LAENet", [(0.7568, 0.7405), (0.6620, 0.6523), (0.6814, 0.6620), (0.9101, 0.9119)]),
        ("AHMSA-Net", [(0.8040, 0.7821), (0.7298, 0.7181), (0.8803, 0.8524), (0.8253, 0.8029)]),
    ],
)
def test_composite_figures_are_table_4s(title: str, slices: list[tuple[float, float]]) -> None:
    assert dict(rows_of("cde")[title].slices) == dict(zip(("full", "smic", "samm", "casme2"), slices, strict=True))


def test_casme3_figures_are_table_5s() -> None:
    assert {title: row.slices["full"] for title, row in rows_of("loso-casme3").items()} == {
        "RCN-A": (0.3928, 0.3893),
        "FeatRef": (0.3493, 0.3413),
        "μ-BERT": (0.5604, 0.6125),
        "HTNet": (0.5767, 0.5415),
        "AHMSA-Net": (0.8120, 0.7708),
    }


def test_every_row_has_year_source_citation_and_figures_in_range() -> None:
    for row in load_published():
        assert 2000 < row.year < 2100
        assert row.source in ("AHMSA-Net, Table 4, arXiv:2501.02539", "AHMSA-Net, Table 5, arXiv:2501.02539")
        assert row.citation
        assert all(0.0 <= figure <= 1.0 for pair in row.slices.values() for figure in pair)


def test_every_row_has_the_slices_of_its_protocol() -> None:
    protocols = {spec.name: load_protocol(spec.path) for spec in mer_bench_protocols.mer_bench_protocols()}
    for row in load_published():
        assert list(row.slices) == list(protocols[row.protocol].slices)


def test_only_lbp_top_and_bi_woof_are_handcrafted() -> None:
    assert [row.title for row in load_published() if row.family == "handcrafted"] == ["LBP-TOP", "Bi-WOOF"]


def test_doubtful_rows_say_so() -> None:
    composite = rows_of("cde")
    assert "impossible" in composite["LBP-TOP"].note
    assert "copying error" in composite["Dual-ATME"].note
    assert composite["Dual-ATME"].slices["casme2"] == composite["Dual-ATME"].slices["smic"]
    assert all(row.note for row in rows_of("loso-casme3").values())


def test_lbp_tops_smic_pair_is_impossible_as_its_note_says() -> None:
    reachable = uf1_reachable((70, 51, 43), uar=0.5280)
    assert (round(reachable.min(), 3), round(reachable.max(), 3)) == (0.398, 0.555)


def test_bdcnns_pairs_are_missed_by_as_little_as_its_note_says() -> None:
    for counts, (uf1, uar) in (((92, 26, 15), (0.7572, 0.7186)), ((88, 32, 25), (0.8740, 0.8491))):
        nearest = np.abs(uf1_reachable(counts, uar) - uf1).min()
        assert 0.0001 < nearest < 0.0003


def uf1_reachable(counts: tuple[int, int, int], uar: float) -> NDArray[np.float64]:
    """Return the UF1 of every confusion matrix with these class counts whose UAR rounds to ``uar``."""
    n = np.array(counts)
    found = []
    for hits in product(*(range(count + 1) for count in counts)):
        if abs((hits / n).mean() - uar) > 5e-5:
            continue
        # Each class's errors fall into the two other classes: a, b, c of them into the lower-numbered one.
        a, b, c = np.ogrid[tuple(slice(error + 1) for error in n - hits)]
        errors = n - hits
        false_positives = (b + c, a + (errors[2] - c), (errors[0] - a) + (errors[1] - b))
        f1 = [2 * hit / (hit + count + fp) for hit, count, fp in zip(hits, counts, false_positives, strict=True)]
        found.append(np.ravel((f1[0] + f1[1] + f1[2]) / 3))
    return np.concatenate(found)


def test_a_valid_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "table.toml"
    path.write_text(VALID, encoding="utf-8")
    first, second = read_published(path)
    assert first == PublishedRow("A", 2020, "deep", "cde", "Nobody, Table 1", "Nobody, 2020", "", {"full": (0.5, 0.25)})
    assert second.note == "doubtful"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('protocol = "cde"\n', "", r"key 'protocol' is missing"),
        ('source = "Nobody, Table 1"', 'source = ""', r"source = '' is empty; give it a value"),
        ("year = 2020", "yaer = 2020", r"\[rows 1\]: unknown key 'yaer' \(did you mean 'year'\?\); known: title, year"),
        ("year = 2021\n", "", r"\[rows 2\]: key 'year' is missing"),
        ("year = 2020", "year = 20", r"\[rows 1\]: year = 20 is not a whole number between 1900 and 2100"),
        ("year = 2020", 'year = "2020"', r"\[rows 1\]: year = '2020' is not a whole number between 1900 and 2100"),
        ('family = "deep"', 'family = "shallow"', r"family = 'shallow' is not one of: handcrafted, deep"),
        ('family = "deep"', 'family = ["deep"]', r"family = \['deep'\] is not one of"),
        ('family = "deep"', 'family = "baseline"', r"family = 'baselines' is not one of: handcrafted, deep"),
        ('note = ""', "note = 1", r"note = 1 is not a text"),
        (
            "full = [0.5, 0.25]",
            "full = [50.0, 0.25]",
            r"\[rows 1\.slices\]: full = \[50\.0, 0\.25\] is not two",
        ),
        ("full = [0.5, 0.25]", "full = [nan, 0.25]", r"full = \[nan, 0\.25\] is not two decimal"),
        ("full = [0.5, 0.25]", "full = [0.5, -0.25]", r"full = \[0\.5, -0\.25\] is not two decimal"),
        ("full = [0.5, 0.25]", "full = [0.5, 1]", r"full = \[0\.5, 1\] is not two decimal"),
        ("full = [0.5, 0.25]", "full = [0.5]", r"full = \[0\.5\] is not two decimal"),
        ("{ full = [0.5, 0.25] }", "{}", r"\[rows 1\]: slices = \{\} is not a table with entries"),
        ('title = "B"', 'title = "A"', r"two rows are titled 'A'"),
        ("[[rows]]", "[[row]]", r"unknown key 'row'"),
        ("[[rows]]", "[[rows", r"is not TOML"),
    ],
)
def test_bad_table_is_refused_by_file_and_row(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in VALID
    path = tmp_path / "table.toml"
    path.write_text(VALID.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(MerBenchError, match=message) as caught:
        read_published(path)
    assert str(path) in str(caught.value)


def test_rows_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.toml"
    path.write_text('source = "x"\nprotocol = "cde"\nrows = "none"\n', encoding="utf-8")
    with pytest.raises(MerBenchError, match=r"rows = 'none' is not a list of tables; write each under \[\[rows\]\]"):
        read_published(path)


def test_missing_table_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(MerBenchError, match=r"gone\.toml cannot be read"):
        read_published(tmp_path / "gone.toml")
