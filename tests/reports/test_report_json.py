"""The report as JSON: the numbers of the CSV, which has a test for each of its cells."""

from __future__ import annotations

from typing import Any

from support.rendered import Line, markdown_facts
from support.report_case import Report


def number(cell: str) -> float | None:
    return float(cell) if cell else None


def scores_of(line: Line) -> dict[str, Any]:
    """Return the scores of a line of the CSV in the form of the JSON."""
    return {
        metric: {"value": float(line[metric]), "std": number(line[f"{metric}_std"])}
        for metric in ("uf1", "uar", "accuracy")
    }


def lines_of(report: Report, comparison: int, row: str, kind: str) -> list[Line]:
    wanted = {"comparison": str(comparison), "row": row, "kind": kind}
    return [line for line in report.csv if wanted.items() <= line.items()]


def test_each_comparison_has_its_rows_in_the_order_of_the_table(report: Report) -> None:
    found = [(own["number"], row["row"]) for own in report.json["comparisons"] for row in own["rows"]]
    assert found == list(
        dict.fromkeys((int(line["comparison"]), line["row"]) for line in report.csv if line["kind"] == "measured")
    )
    assert [own["selection"] for own in report.json["comparisons"]] == ["last", "inner", "none"]
    assert report.json["comparisons"][2]["caveats"] == ["synthetic", "partial"]
    assert report.json["comparisons"][2]["input"]["input"] == "Named maps"


def test_means_intervals_and_leads_are_those_of_the_csv(report: Report) -> None:
    n_intervals = n_leads = 0
    for comparison in report.json["comparisons"]:
        for row in comparison["rows"]:
            lines = lines_of(report, comparison["number"], row["row"], "measured")
            last = {line["slice"]: line for line in lines if line["seed"] == lines[-1]["seed"]}
            assert row["mean"] == {part: scores_of(line) for part, line in last.items() if line["uf1"]}
            limits = {
                part: {
                    metric: [number(line[f"{metric}_low"]), number(line[f"{metric}_high"])] for metric in ("uf1", "uar")
                }
                for part, line in last.items()
                if line["uf1_low"]
            }
            assert row["intervals"] == limits
            n_intervals += len(limits)
            full = last["full"]
            if row["lead"] is None:
                assert full["lead"] == ""
            else:
                found = row["lead"]["differences"]["uf1"]
                assert [found["value"], row["lead"]["adjusted_p"]] == [number(full["lead"]), number(full["lead_p"])]
                limits = found["interval"] and [found["interval"]["low"], found["interval"]["high"]]
                assert limits == ((full["lead_low"] and [number(full["lead_low"]), number(full["lead_high"])]) or None)
                n_leads += 1
    assert (n_intervals, n_leads) == (9, 6)


def test_seeds_and_oracles_are_those_of_the_csv(report: Report) -> None:
    for comparison in report.json["comparisons"]:
        for row in comparison["rows"]:
            for kind, seeds in (("measured", row["seeds"]), ("diagnostic", row["oracle"])):
                for seed in seeds:
                    lines = [
                        line
                        for line in lines_of(report, comparison["number"], row["row"], kind)
                        if line["seed"] == str(seed["seed"])
                    ]
                    expected = {
                        line["slice"]: {name: float(line[name]) for name in ("uf1", "uar", "accuracy")}
                        for line in lines
                        if line["uf1"]
                    }
                    assert seed["slices"] == expected
                    assert seed["selection"] == lines[0]["selection"]


def test_cost_and_command_are_those_of_the_csv_and_the_provenance(report: Report) -> None:
    facts, known = markdown_facts(report.markdown), set()
    for comparison in report.json["comparisons"]:
        for row in comparison["rows"]:
            line = lines_of(report, comparison["number"], row["row"], "measured")[-1]
            assert row["cost"]["minutes"] == number(line["minutes"])
            for name in ("trainable_parameters", "flops"):
                assert row["cost"][name] == number(line[name])
            assert ", ".join(row["cost"]["devices"]) == line["device"].replace("unknown", "")
            assert row["command"] == facts[f"{row['title']} ({row['row']})"]["measured again by"]
            known.add(row["cost"]["not_counted"])
    assert known == {None, "", "fft_c2r", "the forward pass fails (no file 'w')"}


def test_published_rows_are_all_there(report: Report) -> None:
    published = [line for line in report.csv if line["kind"] == "published"]
    found = [
        (row["title"], part, scores["uf1"], scores["uar"])
        for row in report.json["published"]
        for part, scores in row["slices"].items()
    ]
    assert found == [(line["title"], line["slice"], float(line["uf1"]), float(line["uar"])) for line in published]
    told = [(row["doi"], row["year"]) for row in report.json["published"] for _ in row["slices"]]
    assert told == [(line["doi"], int(line["year"])) for line in published]
    assert len(found) > 20
