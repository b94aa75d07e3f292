"""The built-in methods on data that cannot give their own input."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bench import Bench
from support.clip_data import Clips

from mer_bench.databases.synthetic_maps import SyntheticMaps
from mer_bench.evaluation.plan import Plan, make_plan
from mer_bench.evaluation.request import Request
from mer_bench.plugin_manager import load_catalogue

MAPS = {"size": "tiny", "seed": 0}


def planned(method: str, source: SyntheticMaps | Clips) -> Plan:
    return make_plan(Request((method,), allow_partial=True, baselines=False), source, load_catalogue())


def test_bi_woof_on_ready_made_maps_is_an_approximation_in_the_terminal_and_the_report(bench: Bench) -> None:
    ended = bench.run("--method", "bi-woof", "--method", "majority", "--json")
    approximated, exact = ended.objects

    assert ended.code == 0
    assert approximated["caveats"] == ["approximation", "partial", "synthetic"]
    assert approximated["representation"]["name"] == "face-flow"
    assert exact["caveats"] == ["partial", "synthetic"]
    assert "bi-woof: the method got another input than its own" in ended.err
    assert "another input than its own" in (bench.results / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted({*load_catalogue().methods} - {"lbp-top"}))
def test_every_other_method_takes_frames_and_ready_made_maps_in_rows_of_their_own(name: str, tmp_path: Path) -> None:
    rows = [planned(name, source).rows[0] for source in (Clips(tmp_path), SyntheticMaps(None, MAPS))]

    assert [row.setting.representation for row in rows] == [row.record["representation"]["name"] for row in rows]
    assert [row.record["caveats"].count("approximation") for row in rows] == [0, name == "bi-woof"]
    assert rows[0].record["row_key"] != rows[1].record["row_key"]
    assert rows[0].stack_key != rows[1].stack_key
