"""A protocol as Croissant, read by mlcroissant."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
from support.bench import Bench
from support.lab_plugin import installed_lab

from mer_bench.papers import DATABASE_PAPERS

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlcroissant

PROTOCOLS = ("cde", "loso-smic", "loso-samm-5class", "loso-casme3-7class")


@pytest.mark.filterwarnings("ignore::DeprecationWarning:rdflib")
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_mlcroissant_reads_the_description_without_a_complaint(
    bench: Bench, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    ended = bench("export", "--format", "croissant", "--protocol", protocol, "--out", "croissant.json")
    metadata = mlcroissant.Dataset(jsonld="croissant.json").metadata

    assert ended.code == 0
    assert (metadata.name, str(metadata.ctx.conforms_to.value)) == (
        f"mer-bench-{protocol}",
        "http://mlcommons.org/croissant/1.1",
    )
    (samples,) = metadata.record_sets
    assert [field.name for field in samples.fields] == ["sample_id", "database", "subject", "clip", "emotion"]
    assert metadata.personal_sensitive_information
    assert not caplog.records


def test_the_fields_are_columns_of_the_table_of_samples(bench: Bench) -> None:
    bench("export", "--format", "croissant", "--out", "croissant.json")
    (samples,) = json.loads(Path("croissant.json").read_text(encoding="utf-8"))["recordSet"]
    header = bench("data", "list", "synthetic-maps", "--data-option", "size=tiny").out.splitlines()[0].split(",")

    assert {field["source"]["extract"]["column"] for field in samples["field"]} <= set(header)


def test_it_names_licence_pages_and_counts_and_no_sample(bench: Bench) -> None:
    bench("export", "--format", "croissant", "--out", "croissant.json")
    content = json.loads(Path("croissant.json").read_text(encoding="utf-8"))

    assert content["license"] == [DATABASE_PAPERS[name].request for name in ("smic", "samm", "casme2")]
    assert "SMIC-HS: 16 subjects, 70 negative, 51 positive, 43 surprise" in content["description"]
    assert "CASME II: 24 subjects, 88 negative, 32 positive, 25 surprise" in content["description"]
    assert "data" not in content["recordSet"][0]


def test_a_protocol_of_another_database_is_refused(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with installed_lab(tmp_path / "site", monkeypatch):
        ended = bench("export", "--format", "croissant", "--protocol", "lab-and-smic", "--out", "croissant.json")

    assert ended.code == 2
    assert "has the database 'mmew', whose licence page is not known" in ended.errors[0]
