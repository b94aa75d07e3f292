"""Ablations: their TOML, how one is found, and those that come with AHMSA-Net."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from mer_bench import AblationSpec, MerBenchError
from mer_bench.ablation import Ablation, AblationSetting, find_ablation, load_ablation, load_ablations
from mer_bench.sweep import make_variants
from mer_bench_ahmsa import mer_bench_ablations, mer_bench_methods
from mer_bench_reports.published import load_published

TOML = """
name = "net-depth"
method = "my-net"
place = "Table 7"
title = "Depth"
source = "Doe 2026"
protocols = ["cde", "loso-samm"]
reported = "deeper is worse"
remarks = ["the paper gives no seed"]

[[settings]]
values = { depth = 3, blocks = [2, 8], rate = 0.5, residual = true, head = "linear" }

[[settings]]
values = { depth = 5 }
note = "the paper's own"

[settings.published.loso-samm]
full = [0.625, 0.75]
"""


def edited(folder: Path, old: str, new: str) -> Path:
    path = folder / "net-depth.toml"
    assert old in TOML
    path.write_text(TOML.replace(old, new), encoding="utf-8")
    return path


def ablation(name: str, place: str, method: str = "my-net") -> Ablation:
    settings = (AblationSetting(values={"depth": 1}), AblationSetting(values={"depth": 2}))
    texts = {"title": "t", "source": "s", "protocols": ("cde",)}
    return Ablation(name=name, method=method, place=place, settings=settings, **texts)  # type: ignore[arg-type]


def test_every_key_of_the_file_is_read(tmp_path: Path) -> None:
    read = load_ablation(edited(tmp_path, "Depth", "Depth"), "net-depth")

    values = {"depth": 3, "blocks": (2, 8), "rate": 0.5, "residual": True, "head": "linear"}
    own = AblationSetting(values={"depth": 5}, note="the paper's own", published={"loso-samm": {"full": (0.625, 0.75)}})
    assert read == Ablation(
        name="net-depth",
        method="my-net",
        place="Table 7",
        title="Depth",
        source="Doe 2026",
        protocols=("cde", "loso-samm"),
        settings=(AblationSetting(values=values), own),
        reported="deeper is worse",
        remarks=("the paper gives no seed",),
    )
    assert read.number == "7"
    assert read.setting_of({"depth": 5}) is read.settings[1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "Depth"', "", "key 'title' is missing"),
        ("reported", "reportet", "unknown key 'reportet' (did you mean 'reported'?)"),
        ('"my-net"', '"My Net"', "method = 'My Net' is not lower case words joined by hyphens"),
        ('"net-depth"', '"net-width"', "name = 'net-width', and its plugin registers it as 'net-depth'"),
        ('["cde", "loso-samm"]', "[]", "protocols = [] names no protocol"),
        ("settings.published.loso-samm", "settings.published.loso-smic", "unknown key 'loso-smic'"),
        ("[0.625, 0.75]", "[62.5, 75.0]", "full = [62.5, 75.0] is not two decimal fractions"),
        ("[2, 8]", "[[2], 8]", "[settings 1.values]: blocks = [[2], 8] is not a text, a number, true, false or a list"),
        ("{ depth = 5 }", "{}", "[settings 2]: values = {} is not a table with entries"),
        ("note", "notes", "[settings 2]: unknown key 'notes' (did you mean 'note'?)"),
        (
            "values = { depth = 5 }",
            "values = { depth = 9 }\n[[settings]]\nvalues = { depth = 9 }",
            "settings 2 and 3 have the same values; remove one",
        ),
        (TOML[TOML.index("\n[[settings]]\nvalues = { depth = 5") :], "", "an ablation compares at least two settings"),
    ],
)
def test_a_fault_of_the_file_is_one_sentence(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = edited(tmp_path, old, new)
    with pytest.raises(MerBenchError) as caught:
        load_ablation(path, "net-depth")

    assert message in str(caught.value)
    assert str(caught.value).startswith(f"ablation file {path}: ")


def test_a_broken_file_gives_a_notice_and_the_other_ablations_are_loaded(tmp_path: Path) -> None:
    whole = edited(tmp_path, "Depth", "Depth").rename(tmp_path / "whole.toml")
    specs = [AblationSpec("broken", edited(tmp_path, "title", "tilte")), AblationSpec("net-depth", whole)]
    notices: list[str] = []

    assert [each.name for each in load_ablations(specs, notices.append)] == ["net-depth"]
    (notice,) = notices
    assert notice.startswith("ablation broken cannot be used: ablation file ")


THREE = (ablation("depth", "Table 7"), ablation("width", "Section 4.5.2"), ablation("other", "Table 8", "other-net"))


@pytest.mark.parametrize("text", ["4.5.2", "section  4.5.2", "Section 4.5.2", "width"])
def test_an_ablation_is_meant_by_number_place_or_name(text: str) -> None:
    assert find_ablation(THREE, "my-net", text).name == "width"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "4.5",
            "--figure 4.5: my-net has no such ablation (did you mean '4.5.2'?); known: 7 (Table 7), 4.5.2 "
            "(Section 4.5.2)",
        ),
        ("8", "--figure 8: my-net has no such ablation; known: 7 (Table 7), 4.5.2 (Section 4.5.2)"),
        ("7", "--figure 7: my-net has several such ablations; name one of: depth, again"),
    ],
)
def test_other_texts_are_refused_with_what_there_is(text: str, message: str) -> None:
    known = (*THREE, *([ablation("again", "Figure 7")] if text == "7" else []))
    with pytest.raises(MerBenchError) as caught:
        find_ablation(known, "my-net", text)

    assert str(caught.value) == message


AHMSA = {spec.name: load_ablation(spec.path, spec.name) for spec in mer_bench_ablations()}
PAPER: Mapping[str, object] = {"blocks": (2, 2, 8), "batch_size": 256, "side": 28, "patch": 7, "factor": 2}


def test_ahmsa_has_the_ablations_of_the_paper() -> None:
    assert {each.number: name for name, each in AHMSA.items()} == {
        "4": "ahmsa-batch-size",
        "4.5.2": "ahmsa-hierarchy",
        "5": "ahmsa-blocks",
    }
    assert [setting.values["blocks"] for setting in AHMSA["ahmsa-blocks"].settings] == [
        (1, 1, 8),
        (2, 2, 8),
        (3, 3, 8),
        (4, 4, 8),
        (6, 6, 8),
        (8, 8, 8),
    ]
    assert {"side": 36, "patch": 4, "factor": 3, "blocks": (2, 2, 8), "batch_size": 32} in [
        setting.values for setting in AHMSA["ahmsa-hierarchy"].settings
    ]


@pytest.mark.parametrize("name", AHMSA)
@pytest.mark.parametrize("preset", ["paper", "quick"])
def test_ahmsa_takes_every_setting_of_its_ablations(name: str, preset: str) -> None:
    settings = [setting.values for setting in AHMSA[name].settings]
    variants = make_variants(mer_bench_methods(), preset=preset, settings=settings)

    resolved = [variant.resolve() for variant in variants]
    assert len({tuple(params.values()) for params in resolved}) == len(settings)
    assert all(params.items() >= values.items() for params, values in zip(resolved, settings, strict=True))


@pytest.mark.parametrize("name", AHMSA)
def test_only_the_setting_of_the_paper_has_published_scores_and_they_are_those_of_its_tables(name: str) -> None:
    """The paper prints no number of its Figures 4 and 5: what stands here must not be read off a plot."""
    tables = {row.protocol: dict(row.slices) for row in load_published() if row.title == "AHMSA-Net"}
    assert set(tables) == {"cde", "loso-casme3"}
    for setting in AHMSA[name].settings:
        is_papers = all(PAPER[parameter] == value for parameter, value in setting.values.items())
        assert setting.published == (tables if is_papers else {})
    assert sum(bool(setting.published) for setting in AHMSA[name].settings) == 1
