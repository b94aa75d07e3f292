"""The built-in methods on data that cannot give their own input."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.bench import Bench
from support.clip_data import Clips

from mer_bench import MerBenchError, MethodSpec, Representation, scale_parameter
from mer_bench.databases.base import InputFacts
from mer_bench.databases.synthetic_maps import SyntheticMaps
from mer_bench.evaluation.plan import Plan, make_plan
from mer_bench.evaluation.protocol_data import read_protocol_data
from mer_bench.evaluation.request import Request
from mer_bench.evaluation.rows import make_row
from mer_bench.methods.augmentation_config import AUGMENTATION_PARAMETERS
from mer_bench.methods.input_kind import InputKind
from mer_bench.methods.setting import MethodSetting
from mer_bench.parameters import Parameter
from mer_bench.plugin_manager import load_catalogue
from mer_bench.protocol import load_protocol
from mer_bench.representations.preprocessing import resolve_preprocessing

MAPS = {"size": "tiny", "seed": 0}


def planned(method: str, source: SyntheticMaps | Clips) -> Plan:
    return make_plan(Request((method,), allow_partial=True, baselines=False), source, load_catalogue())


@pytest.mark.slow
def test_bi_woof_on_ready_made_maps_is_an_approximation_in_the_terminal_and_the_report(bench: Bench) -> None:
    ended = bench.run("--method", "bi-woof", "--method", "majority", "--json")
    approximated, exact = ended.objects

    assert ended.code == 0
    assert approximated["caveats"] == ["approximation", "partial", "synthetic"]
    assert approximated["representation"]["name"] == "face-flow"
    assert exact["caveats"] == ["partial", "synthetic"]
    assert re.search(r"bi-woof-\w+: the method got another input than its own", ended.err)
    assert "another input than its own" in (bench.results / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted({*load_catalogue().methods} - {"lbp-top"}))
def test_every_other_method_takes_frames_and_ready_made_maps_in_rows_of_their_own(name: str, tmp_path: Path) -> None:
    rows = [planned(name, source).rows[0] for source in (Clips(tmp_path), SyntheticMaps(None, MAPS))]

    assert [row.setting.representation for row in rows] == [row.record["representation"]["name"] for row in rows]
    assert [row.record["caveats"].count("approximation") for row in rows] == [0, name == "bi-woof"]
    assert rows[0].record["row_key"] != rows[1].record["row_key"]
    assert rows[0].stack_key != rows[1].stack_key


class PublicMaps(SyntheticMaps):
    """Maps of a stated scale, or of none, as public folders of images are."""

    scale = "per-map-8bit"

    def input_facts(self) -> InputFacts:
        return InputFacts("public maps", scale=self.scale)


class UnknownMaps(PublicMaps):
    scale = ""


SPEC = MethodSpec(
    *("net", "1", "Net", "acme:Net", Representation("region-flow", ("layout", "scale")), "deep"),
    (Parameter("layout", "four-corners", ""), scale_parameter("per-map", "a test"), *AUGMENTATION_PARAMETERS),
    trains_by_epoch=True,
)


def setting_of(source: SyntheticMaps | Clips, **values: object) -> MethodSetting:
    data = read_protocol_data(load_protocol(load_catalogue().protocol("cde").path, "cde"), source, allow_partial=True)
    preprocessing = resolve_preprocessing({}, source)
    return make_row(data, SPEC, SPEC.resolve(None, values), preprocessing=preprocessing, selection="last").setting


def test_a_method_is_told_the_scale_and_the_layout_of_its_inputs(tmp_path: Path) -> None:
    frames, pixels = Clips(tmp_path), SyntheticMaps(None, MAPS)
    asked = InputKind("region-flow", "per-map", "four-corners")
    assert setting_of(frames).input_kind == setting_of(pixels).input_kind == asked
    assert setting_of(pixels, scale="physical", layout="htnet").input_kind == InputKind("region-flow", layout="htnet")
    # Maps that were scaled by their maker stay so, whatever a method asks for.
    assert setting_of(PublicMaps(None, MAPS)).input_kind.scale == "per-map-8bit"
    assert setting_of(UnknownMaps(None, MAPS)).input_kind.scale == "unknown"
    # Where no data is known, what the parameters ask for.
    assert MethodSetting(SPEC, SPEC.resolve(None, {}), 3).input_kind == asked
    assert MethodSetting(SPEC, SPEC.resolve(None, {}), 3, "face-flow").input_kind.layout == "whole-face"


def test_the_kind_of_built_in_methods_inputs_follows_the_data(tmp_path: Path) -> None:
    kinds = {name: planned(name, Clips(tmp_path)).rows[0].setting.input_kind for name in ("bi-woof", "lbp-top")}
    assert kinds == {"bi-woof": InputKind("flow"), "lbp-top": InputKind("frames")}
    assert planned("bi-woof", SyntheticMaps(None, MAPS)).rows[0].setting.input_kind == InputKind("face-flow")


def test_augmentation_that_would_make_wrong_maps_is_refused_when_rows_are_planned() -> None:
    assert setting_of(PublicMaps(None, MAPS), flip=0.5).params["flip"] == 0.5
    with pytest.raises(MerBenchError, match=r"^net: flip=0.5: .* state scale in maps.toml, or set flip=0$"):
        setting_of(UnknownMaps(None, MAPS), flip=0.5)
    with pytest.raises(MerBenchError, match=r"^net: rotation=4.0: maps with scale=per-map have lost"):
        setting_of(SyntheticMaps(None, MAPS), rotation=4)
    assert setting_of(SyntheticMaps(None, MAPS), rotation=4, scale="physical").input_kind.scale == "physical"
