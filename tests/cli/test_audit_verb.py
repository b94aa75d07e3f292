"""``mer-bench audit``."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bench import Bench


def test_a_possible_pair_is_shown_with_its_matrix(bench: Bench) -> None:
    shown = bench("audit", "--counts", "250,109,83", "--uf1", ".7353", "--uar", ".7186")
    assert shown.code == 0
    first, second, third = shown.out.splitlines()
    assert first == "UF1 .7353, UAR .7186, counts 250/109/83 (442 samples)"
    assert second.startswith("  possible: ")
    assert third.startswith("  for example [")
    [answer] = bench("audit", "--counts", "250,109,83", "--uf1", ".7353", "--uar", ".7186", "--json").objects
    [pair] = answer["pairs"]
    assert (pair["verdict"], pair["decimals"], pair["explanation"]) == ("possible", [4, 4], None)
    assert [sum(row) for row in pair["found"]["matrix"]] == [250, 109, 83]
    assert abs(pair["found"]["uf1"] - 0.7353) <= 0.00005
    assert abs(pair["found"]["uar"] - 0.7186) <= 0.00005
    assert not answer["impossible"]


@pytest.mark.parametrize("scores", [(".2000", ".5280"), ("20.00%", "52.80%")])
def test_an_impossible_pair_is_explained(bench: Bench, scores: tuple[str, str]) -> None:
    shown = bench("audit", "--slice", "smic", "--uf1", scores[0], "--uar", scores[1])
    assert shown.code == 1
    lines = [line.strip() for line in shown.out.splitlines()]
    assert lines[0].endswith("counts 70/51/43 (164 samples)")
    assert lines[1].startswith("impossible: ")
    assert lines[2].startswith("nearest possible pair: UF1 0.2880")
    assert lines[3].endswith("UF1 is between 0.3983 and 0.5553")
    assert lines[-2:] == [
        "no mean of any number of runs gives this pair",
        "none of the tested reasons makes the pair possible",
    ]


def test_percent_changes_nothing(bench: Bench) -> None:
    asked = ("audit", "--slice", "casme2", "--json")
    [shares] = bench(*asked, "--uf1", ".8382", "--uar", ".8190").objects
    [percent] = bench(*asked, "--uf1", "83.82", "--uar", "81.90", "--percent").objects
    assert shares["pairs"][0]["found"] == percent["pairs"][0]["found"]


def test_slices_are_compared_with_each_other(bench: Bench) -> None:
    log = {"full": ".7353,.7186", "smic": ".6801,.6703", "samm": ".6588,.6415", "casme2": ".8382,.8190"}
    slices = [word for name, pair in log.items() for word in ("--slice", f"{name}={pair}")]
    shown = bench("audit", *slices)
    assert shown.code == 0
    assert shown.out.splitlines()[-1].startswith("together: all pairs are possible together")
    slices[1] = "full=.7353,.7196"
    shown = bench("audit", *slices)
    assert shown.code == 1
    assert "the nearest that they add up to is UF1 0.73" in shown.out.splitlines()[-1]
    [answer] = bench("audit", *slices, "--json").objects
    assert [pair["verdict"] for pair in answer["pairs"]] == ["possible"] * 4
    assert answer["together"]["verdict"] == "impossible"


def test_rates_are_compared_with_the_scores(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("88.04,8.70,3.26\n23.08,61.54,15.38\n13.33,20.00,66.67\n")
    pair = ("audit", "--slice", "samm", "--uf1", ".7079", "--uar", ".7208", "--rates", path)
    shown = bench(*pair)
    assert shown.out.splitlines()[-1].startswith("rates (read as percent): fit: ")
    assert shown.code == 0
    path.write_text("88.04,8.70,3.26\n23.08,61.54,15.38\n13.33,26.67,60.00\n")
    assert bench(*pair).code == 1
    [answer] = bench(*pair, "--json").objects
    assert answer["rates"]["verdict"] == "do not fit"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--uf1", ".5"), "--uar is missing; give both scores"),
        (("--counts", "5,x", "--uf1", ".5", "--uar", ".5"), "--counts '5,x' is not a list of whole numbers"),
        (("--counts", "5,0", "--uf1", ".5", "--uar", ".5"), "fewer than two classes have samples"),
        (("--uf1", "73.5", "--uar", ".5"), "score '73.5' is larger than 1; for percent, add --percent or the sign %"),
        (("--percent", "--uf1", ".7353", "--uar", "76.05"), "score '.7353' is at most 1; write it in percent"),
        (("--counts", "5,4", "--slice", "smic", "--uf1", ".5", "--uar", ".5"), "leave --protocol and --slice out"),
        (("--slice", "smi", "--uf1", ".5", "--uar", ".5"), "did you mean 'smic'?"),
        (
            (
                "--slice",
                "smic=.5",
            ),
            "is not of the form NAME=UF1,UAR",
        ),
        (("--slice", "smic=.5,.5", "--slice", "smic=.5,.5"), "--slice smic is given twice"),
        (("--slice", "smic", "--slice", "samm"), "--slice is given 2 times"),
        (("--slice", "smic=.5,.5", "--uf1", ".5"), "leave one of the two forms out"),
        (("--slice", "smic=.5,.5", "--slice", "samm=.5,.5", "--rates", "x"), "--rates is for one pair of scores"),
        (("--slice", "smic=.5,.5", "--rates", "nowhere.csv"), "nowhere.csv"),
        (("--published", "--uf1", ".5"), "leave the other options out"),
    ],
)
def test_bad_input_is_one_sentence(bench: Bench, words: tuple[str, ...], message: str) -> None:
    ended = bench("audit", *words)
    assert ended.code == 2
    [error] = ended.errors
    assert message in error
    assert ended.out == ""


def test_published_rows_are_a_table(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from mer_bench_reports import published

    rows = [row for row in published.load_published() if row.title in ("LBP-TOP", "μ-BERT", "BDCNN with CE loss")]
    monkeypatch.setattr(published, "load_published", lambda *, all_tables: rows)
    shown = bench("audit", "--published")
    assert shown.code == 1
    lines = [line.split("  ") for line in shown.out.splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert [line[2:6] for line in cells if line[1:2] == ["LBP-TOP"]][1] == [*("smic", "0.2000", "0.5280", "impossible")]
    assert cells[-1][0].startswith("9 pairs of 3 rows: ")
    assert cells[-1][0].endswith(
        "1 not judged. Of 0 rows whose pairs are all possible alone, 0 are impossible together."
    )
    [answer] = bench("audit", "--published", "--json").objects
    assert [row["audit"] is None for row in answer["rows"]] == [False, False, True]
