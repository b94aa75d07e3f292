"""``mer-bench data`` on synthetic releases in the official layouts, and runs on them."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.bench import Bench, wait_until
from support.clip_data import Clips
from support.flow_data import write_flow_data
from support.lab_plugin import installed_lab, write_lab_data

from mer_bench import Clip, MerBenchError
from mer_bench.cache import Cache, cache_folder
from mer_bench.databases.synthetic import SyntheticRelease
from mer_bench.engine.data_check import check_data
from mer_bench.parameters import resolve_parameters
from mer_bench.plugin_manager import load_catalogue

QUICK = ("--preprocess", "flow=farneback", "--preprocess", "size=96")
NET = ("--method", "ahmsa", "--set", "width=12", "--set", "blocks=1,1,1", "--set", "epochs=2")


def made_release(layout: str, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a synthetic release, which is generated once for all tests."""
    spec = load_catalogue().database("synthetic")
    options = resolve_parameters("synthetic", spec.parameters, {"layout": layout, "size": "tiny"})
    with monkeypatch.context() as patch:
        patch.setenv("MER_BENCH_CACHE", str(shared_cache))
        made = SyntheticRelease(None, options).path
    assert made is not None
    return made


@pytest.fixture
def composite(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SMIC, SAMM and CASME II with 40 samples; nothing may write into it."""
    return made_release("3db", shared_cache, monkeypatch)


@pytest.fixture
def own_composite(composite: Path, tmp_path: Path) -> Path:
    """A copy of it, which a test may damage."""
    return Path(shutil.copytree(composite, tmp_path / "3db"))


@pytest.fixture
def smic(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SMIC with 12 samples, little work for tests that preprocess; nothing may write into it."""
    return made_release("smic", shared_cache, monkeypatch)


@pytest.fixture
def own_smic(smic: Path, tmp_path: Path) -> Path:
    """A copy of it, which a test may damage."""
    return Path(shutil.copytree(smic, tmp_path / "smic"))


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    """An empty cache, for tests that count work."""
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    return Cache(tmp_path / "cache")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Sound data of a plugin's databases."""
    with installed_lab(tmp_path / "site", monkeypatch):
        yield write_lab_data(tmp_path / "lab")


def test_check_says_a_line_for_each_thing_and_is_content_with_counts_that_differ(bench: Bench, composite: Path) -> None:
    ended = bench("data", "check", composite)
    lines = ended.out.splitlines()

    assert ended.code == 0
    assert lines[:2] == ["caveat: synthetic", "input: SYNTHETIC frames in the layout of SMIC-HS, SAMM, CASME II"]
    assert "smic: 12 samples of 2 subjects (negative 4, positive 4, surprise 4)" in lines
    assert [line.partition(":")[0] for line in lines if " 0 missing, 0 unreadable" in line] == [
        "smic",
        "samm",
        "casme2",
    ]
    assert any(line.startswith("protocol cde: smic: negative 4 of 70 (66 missing)") for line in lines)
    assert any("apex '/' is read as 303" in line for line in lines)
    assert not any(line.startswith("protocol loso-casme3") for line in lines)


def test_check_lists_every_defect_instead_of_stopping_at_the_first(bench: Bench, own_composite: Path) -> None:
    frames = sorted((own_composite / "SAMM").glob("0*/*/*.jpg"))
    frames[0].write_bytes(b"")
    frames[1].write_bytes(frames[1].read_bytes()[:100])
    gone = next((own_composite / "CASME2" / "CASME2_RAW_selected").glob("sub*/EP*"))
    shutil.rmtree(gone)
    ended = bench("data", "check", own_composite, "--json", "--all-frames")
    checked = json.loads(ended.out)

    assert (ended.code, checked["sound"]) == (1, False)
    assert len(checked["databases"]["samm"]["unreadable"]) == 2
    assert len(checked["problems"]) == 1
    assert gone.name in checked["problems"][0]
    assert "restore it from the release" in checked["problems"][0]


def test_a_plugin_s_databases_are_checked_after_the_official_ones(bench: Bench, lab: Path) -> None:
    sound = json.loads(bench("data", "check", lab, "--json").out)
    (lab / "mmew_p1_a_negative.npy").write_bytes(b"no array")
    np.save(lab / "mmew_p2_c_surprise.npy", np.full((28, 28, 3), np.nan, dtype=np.float32))
    ended = bench("data", "check", lab, "--json")
    checked = json.loads(ended.out)
    no_array, not_a_number = checked["databases"]["mmew"]["unreadable"]

    assert sound["sound"]
    assert list(sound["databases"]) == ["smic", "4dme", "mmew"]
    assert [check["samples"] for check in sound["databases"].values()] == [1, 1, 3]
    assert (ended.code, checked["sound"]) == (1, False)
    assert "load of mmew/p1/a failed (ValueError: " in no_array
    assert "mmew/p2/c: the map holds NaN" in not_a_number
    assert [check["frames_found"] for check in checked["databases"].values()] == [1, 1, 1]


class LosesAClip(Clips):
    def clip(self, sample_id: str) -> Clip:
        if sample_id == "smic/s1/b":
            raise MerBenchError("smic/s1/b: the archive is damaged")
        return super().clip(sample_id)


def test_check_goes_on_where_a_reader_has_no_frames_of_a_sample(tmp_path: Path) -> None:
    checked = check_data(LosesAClip(tmp_path), ["loso-smic"], load_catalogue(), notice=print)

    assert not checked.is_sound
    assert checked.databases["smic"].unreadable == ["smic/s1/b: the archive is damaged"]
    assert checked.databases["smic"].frames_found == 10


@pytest.mark.slow
def test_maps_that_state_classes_fit_protocols_of_three_classes_alone(bench: Bench) -> None:
    shown = json.loads(bench("data", "info", "synthetic-maps", "--data-option", "size=tiny", "--json").out)
    checked = json.loads(bench("data", "check", "synthetic-maps", "--data-option", "size=tiny", "--json").out)

    assert "cde" in shown["fingerprints"]
    assert shown["input"] == checked["input"]
    assert checked["input"]["name"] == "SYNTHETIC maps"
    assert not any("5class" in name for name in (*shown["fingerprints"], *checked["protocols"]))


@pytest.mark.slow
def test_a_folder_of_maps_is_named_with_everything_that_it_states(bench: Bench, tmp_path: Path) -> None:
    maps = write_flow_data(tmp_path / "maps")
    unnamed = bench("data", "check", maps).out.splitlines()
    facts = 'name = "My maps"\nsource = "a disk"\nflow = "tv-l1"\nchannels = ["v", "u", "os"]\nscale = "per-map"\n'
    (maps / "maps.toml").write_text(facts)

    assert unnamed[0] == "input: unnamed maps; channels: u, v, strain"
    line = "input: My maps; source: a disk; flow: tv-l1; channels: v, u, strain; scale: per-map"
    assert bench("data", "check", maps).out.splitlines()[0] == line
    assert bench("data", "info", maps).out.splitlines()[0] == line


def test_a_run_on_data_of_which_nothing_can_be_used_says_why(bench: Bench, own_composite: Path) -> None:
    for workbook in own_composite.rglob("*.xlsx"):
        workbook.write_bytes(b"no workbook")
    shutil.rmtree(own_composite / "SMIC")
    ended = bench("run", *NET, "--data", own_composite, "--jobs", "1", "--results", bench.results)

    assert ended.code == 2
    assert ended.errors[0].startswith("error: no sample of the data can be used: SAMM")


def test_list_is_csv_with_frame_numbers_and_action_units(bench: Bench, composite: Path) -> None:
    ended = bench("data", "list", composite)
    rows = list(csv.DictReader(io.StringIO(ended.out)))

    assert ended.err == "input: SYNTHETIC frames in the layout of SMIC-HS, SAMM, CASME II\n"
    assert len(rows) == 40
    assert {row["database"] for row in rows} == {"smic", "samm", "casme2"}
    for row in rows:
        assert int(row["onset"]) <= int(row["apex"]) <= int(row["offset"])
    assert all(row["action_units"] for row in rows if row["database"] != "smic")


@pytest.mark.slow
def test_preprocess_computes_once_and_names_the_detector(bench: Bench, smic: Path, own_cache: Cache) -> None:
    first = json.loads(bench("data", "preprocess", smic, *QUICK, "--jobs", "1", "--json").out)
    second = json.loads(bench("data", "preprocess", smic, *QUICK, "--jobs", "1", "--json").out)

    assert (first["preprocessed"], first["cached"], first["failures"]) == (12, 0, [])
    ((detector, count),) = first["found_by"]["aligned_by"].items()
    assert (detector.split()[0], count) == ("dlib", 12)
    assert (second["preprocessed"], second["cached"], second["found_by"]) == (0, 12, first["found_by"])
    assert own_cache.usage()["region-flow"][0] == 12


@pytest.mark.slow
def test_preprocess_continues_after_an_interruption(bench: Bench, smic: Path, own_cache: Cache) -> None:
    command = ("data", "preprocess", smic, *QUICK, "--jobs", "2")
    process = bench.start(*command)

    def entries() -> int:
        return len(list(own_cache.folder.glob("region-flow/*/*.entry")))

    assert wait_until(lambda: entries() >= 1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    there = entries()
    ended = json.loads(bench(*command[:-2], "--jobs", "1", "--json").out)

    assert (process.returncode, "Traceback" in err) == (130, False)
    assert "what was preprocessed is in the cache" in err.splitlines()[-1]
    assert 1 <= there < 12
    assert ended["cached"] >= there
    assert ended["preprocessed"] + ended["cached"] == 12


@pytest.mark.slow
def test_preprocess_lists_what_failed_and_does_the_rest(bench: Bench, own_smic: Path, own_cache: Cache) -> None:
    frame = min(own_smic.rglob("*.bmp"))
    frame.write_bytes(b"")
    ended = bench("data", "preprocess", own_smic, *QUICK, "--jobs", "1")

    assert ended.code == 1
    assert ended.out.splitlines()[0] == "11 preprocessed, 0 in the cache already, 1 failed"
    assert frame.name in ended.out.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--representation", "flwo"), "unknown representation 'flwo' (did you mean 'flow'?)"),
        (("--set", "length=4"), "representation region-flow has no parameter 'length'"),
        (("--preprocess", "flow=raft"), "flow='raft' is not one of: tv-l1, farneback, dis"),
        (("--jobs", "0"), "--jobs 0 is not a positive number"),
    ],
)
def test_preprocess_refuses_what_cannot_be(
    bench: Bench, composite: Path, arguments: tuple[str, ...], message: str
) -> None:
    ended = bench("data", "preprocess", composite, *arguments)

    assert ended.code == 2
    assert message in ended.errors[0]


def test_ready_made_maps_cannot_be_preprocessed(bench: Bench, tmp_path: Path) -> None:
    folder = write_flow_data(tmp_path / "maps")
    preprocessed = bench("data", "preprocess", folder)
    run = bench(
        "run", "-m", "majority", "-p", "loso-smic", "--data", folder, "--allow-partial", "--preprocess", "size=96"
    )

    assert (preprocessed.code, run.code) == (2, 2)
    assert "there is nothing to preprocess" in preprocessed.errors[0]
    assert "--preprocess size=96: this data is ready-made 'face-flow' and is not preprocessed" in run.errors[0]


@pytest.mark.slow
def test_synth_writes_what_check_reads(bench: Bench, tmp_path: Path) -> None:
    arguments = ("data", "synth", "--layout", "smic", "--size", "tiny", "--out", tmp_path / "made")

    assert bench(*arguments).code == 0
    assert bench("data", "check", tmp_path / "made").code == 0
    assert bench(*arguments).code == 2


@pytest.mark.slow
def test_info_shows_the_fingerprints_of_rows_and_cleans_the_cache(bench: Bench, smic: Path, own_cache: Cache) -> None:
    options = ("-p", "loso-smic", "--no-baselines", "--data", smic, *QUICK, "--jobs", "1", "--results", bench.results)
    bench("run", "-m", "majority", *options)
    shown = json.loads(bench("data", "info", smic, "--json").out)
    stored = json.loads(next(bench.results.glob("cells/*/*/*/row.json")).read_text())
    cleaned = bench("data", "info", "--clean")

    assert shown["fingerprints"]["loso-smic"] == stored["fingerprints"]
    assert shown["usage"]["flow"][0] == 12
    assert "removed: " in cleaned.out
    assert "input" not in cleaned.out
    assert own_cache.usage() == {}


@pytest.mark.usefixtures("own_cache")
@pytest.mark.slow
def test_a_run_goes_from_annotations_and_frames_to_a_report_without_faces(bench: Bench, smic: Path) -> None:
    data = ("-p", "loso-smic", "--data", smic, *QUICK)
    command = ("run", *NET, "--no-baselines", *data, "--results", bench.results, "--jobs", "1", "--json")
    ended, again = bench(*command), bench(*command)
    (result,) = ended.objects

    assert ended.code == 0
    assert result["caveats"] == ["partial", "synthetic"]
    assert result["folds_done"] == result["n_folds"]
    assert 0 < result["slices"]["full"]["uf1"] <= 1
    assert "counts differ from the protocol's, as synthetic data may" in ended.err
    assert again.out == ended.out
    assert re.search(r"(\d+)/\1 representations", ended.err)
    assert not re.search(r"\d/\d+ representations", again.err)
    assert "faces found by: dlib" in ended.err
    assert not [file for file in bench.results.rglob("*") if file.suffix in (".png", ".jpg", ".jpeg", ".bmp")]
    page = (bench.results / "report.html").read_text()
    assert not [word for word in ("data:image", str(cache_folder()), str(smic)) if word in page]


@pytest.mark.slow
@pytest.mark.usefixtures("own_cache")
def test_a_run_names_the_samples_that_cannot_be_preprocessed(bench: Bench, own_smic: Path) -> None:
    frame = min(own_smic.rglob("*.bmp"))
    frame.write_bytes(frame.read_bytes()[:200])
    data = ("-p", "loso-smic", "--data", own_smic, *QUICK, "--no-baselines")
    ended = bench("run", *NET, *data, "--jobs", "1", "--results", bench.results)

    assert ended.code == 2
    assert "1 of 12 samples cannot be preprocessed: " in ended.errors[0]
    assert frame.name in ended.errors[0]
    assert not bench.cell_files()


@pytest.mark.slow
def test_real_data_with_unusable_rows_is_refused_with_the_first_of_them(bench: Bench, own_composite: Path) -> None:
    for file in own_composite.rglob("SYNTHETIC.txt"):
        file.unlink()
    shutil.rmtree(next((own_composite / "CASME2" / "CASME2_RAW_selected").glob("sub*/EP*")))
    ended = bench("run", *NET, "--data", own_composite, "--jobs", "1", "--results", bench.results)

    assert ended.code == 2
    assert "Problems of the data: 1, the first: CASME2-coding-20140508.xlsx row" in ended.errors[0]
    assert "add --allow-partial" in ended.errors[0]
