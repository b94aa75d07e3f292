"""BibTeX of what the tables used, read by pybtex."""

from __future__ import annotations

from pathlib import Path

import pytest
from pybtex.database import parse_file
from support.bench import Bench
from support.export_case import export_store

from mer_bench.plugin_manager import load_catalogue
from mer_bench_reports.bibtex import Reference


def test_another_parser_reads_every_paper_of_the_table(bench: Bench, tmp_path: Path) -> None:
    export_store(tmp_path)
    bench("report", "--results", bench.results, "--format", "bibtex", "--out", tmp_path)
    entries = parse_file(tmp_path / "report.bib").entries

    assert list(entries) == [
        "mer-bench",
        "see2019-6611",
        "li2013-3717",
        "davison2018-3832",
        "yan2014-6041",
        "someone2020-7022",
        "amter2021-cd56",
    ]
    own = entries["amter2021-cd56"]
    assert [str(person) for person in own.persons["author"]] == ["{Ämter}", "{Lopez}", "{Berg}"]
    assert (own.fields["doi"], own.fields["eprint"], own.fields["year"]) == ("10.1234/abc_d.56", "2101.04321", "2021")
    assert r"50 \% of \$x\_1\$" in own.fields["note"]


@pytest.mark.parametrize(
    ("text", "authors", "year", "doi", "arxiv"),
    [
        ("Zhang et al. 2025, A-Net, arXiv:2501.02539", ("Zhang", "others"), "2025", "", "2501.02539"),
        (
            "Li et al., CAS(ME)3, TPAMI 45(3), 2023, doi:10.1109/TPAMI.2022.3174895",
            ("Li", "others"),
            "2023",
            "10.1109/TPAMI.2022.3174895",
            "",
        ),
        ("Zhou, Mao and Xue 2019, IEEE FG, 642-646", ("Zhou", "Mao", "Xue"), "2019", "", ""),
        ("as the baseline of See et al. 2019, doi:10.1/x", (), "2019", "", ""),
        ("My net: unpublished", (), "", "", ""),
    ],
)
def test_only_what_a_citation_states_is_recognised(
    text: str, authors: tuple[str, ...], year: str, doi: str, arxiv: str
) -> None:
    found = Reference.read(text)

    assert (found.authors, found.year, found.doi, found.arxiv) == (authors, year, doi, arxiv)
    assert found.text == text


def test_authors_and_year_of_every_method_are_recognised() -> None:
    cited = {name: spec.citation for name, spec in load_catalogue().methods.items() if spec.citation}
    found = {name: Reference.read(citation) for name, citation in cited.items()}

    assert cited
    assert [name for name, reference in found.items() if not (reference.authors and reference.year)] == []
