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
from mer_bench.engine.data_check import check_data
from mer_bench.plugin_manager import load_catalogue
from mer_bench.synthesis.release_writer import write_release

QUICK = ("--preprocess", "flow=farneback", "--preprocess", "size=96")
NET = ("--method", "ahmsa", "--set", "width=12", "--set", "blocks=1,1,1", "--set", "epochs=2")


@pytest.fixture(scope="session")
def _written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One synthetic composite for all tests of a process; nobody changes it."""
    folder = tmp_path_factory.mktemp("synthetic") / "3db"
    write_release("3db", folder, size="tiny")
    return folder


@pytest.fixture
def composite(_written: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(_written, tmp_path / "composite"))


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    return Cache(tmp_path / "cache")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Sound data of a plugin's databases."""
    with installed_lab(tmp_path / "site", monkeypatch):
        yield write_lab_data(tmp_path / "lab")


def onset_frame(composite: Path) -> Path:
    return min((composite / "SAMM").glob("0*/*/*.jpg"))


def test_check_says_a_line_for_each_thing_and_is_content_with_counts_that_differ(bench: Bench, composite: Path) -> None:
    ended = bench("data", "check", composite)
    lines = ended.out.splitlines()

    assert ended.code == 0
    assert lines[0] == "caveat: synthetic"
    assert "smic: 12 samples of 2 subjects (negative 4, positive 4, surprise 4)" in lines
    assert [line.partition(":")[0] for line in lines if " 0 missing, 0 unreadable" in line] == [
        "smic",
        "samm",
        "casme2",
    ]
    assert any(line.startswith("protocol cde: smic: negative 4 of 70 (66 missing)") for line in lines)
    assert any("apex '/' is read as 303" in line for line in lines)
    assert not any(line.startswith("protocol loso-casme3") for line in lines)


def test_check_lists_every_defect_instead_of_stopping_at_the_first(bench: Bench, composite: Path) -> None:
    frames = sorted((composite / "SAMM").glob("0*/*/*.jpg"))
    frames[0].write_bytes(b"")
    frames[1].write_bytes(frames[1].read_bytes()[:100])
    gone = next((composite / "CASME2" / "CASME2_RAW_selected").glob("sub*/EP*"))
    shutil.rmtree(gone)
    ended = bench("data", "check", composite, "--json", "--all-frames")
    found = json.loads(ended.out)

    assert (ended.code, found["sound"]) == (1, False)
    assert len(found["databases"]["samm"]["unreadable"]) == 2
    assert len(found["problems"]) == 1
    assert gone.name in found["problems"][0]
    assert "restore it from the release" in found["problems"][0]


def test_check_counts_against_the_protocol_that_is_named(bench: Bench, composite: Path) -> None:
    found = json.loads(bench("data", "check", composite, "--json", "--protocol", "loso-samm").out)

    assert list(found["protocols"]) == ["loso-samm"]


def test_check_looks_at_ready_made_maps_too(bench: Bench, tmp_path: Path) -> None:
    folder = write_flow_data(tmp_path / "maps")
    next((folder / "maps").glob("*.png")).write_bytes(b"no image")
    ended = bench("data", "check", folder)

    assert ended.code == 1
    assert "smic: 8 frames found, 1 missing, 1 unreadable" in ended.out


def test_check_lists_a_plugin_s_databases_after_the_official_ones(bench: Bench, lab: Path) -> None:
    ended = bench("data", "check", lab, "--json")
    found = json.loads(ended.out)

    assert (ended.code, found["sound"]) == (0, True)
    assert {name: check["samples"] for name, check in found["databases"].items()} == {"smic": 1, "4dme": 1, "mmew": 3}
    assert list(found["databases"]) == ["smic", "4dme", "mmew"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no array", "load of mmew/p2/c failed (ValueError: "),
        (np.full((28, 28, 3), np.nan, dtype=np.float32), "mmew/p2/c: the map holds NaN"),
        (np.zeros((3, 28, 28), dtype=np.float32), "mmew/p2/c: the data's reader gave an array of shape (3, 28, 28)"),
    ],
    ids=["not an array", "NaN", "another shape"],
)
def test_a_plugin_s_database_with_a_corrupt_sample_is_not_sound(
    bench: Bench, lab: Path, content: bytes | np.ndarray[tuple[int, ...], np.dtype[np.float32]], said: str
) -> None:
    if isinstance(content, bytes):
        (lab / "mmew_p2_c_surprise.npy").write_bytes(content)
    else:
        np.save(lab / "mmew_p2_c_surprise.npy", content)
    ended = bench("data", "check", lab, "--json")
    found = json.loads(ended.out)
    (sentence,) = found["databases"]["mmew"]["unreadable"]

    assert (ended.code, found["sound"]) == (1, False)
    assert said in sentence
    assert [check["frames_found"] for check in found["databases"].values()] == [1, 1, 2]


class LosesAClip(Clips):
    def clip(self, sample_id: str) -> Clip:
        if sample_id == "smic/s1/b":
            raise MerBenchError("smic/s1/b: the archive is damaged")
        return super().clip(sample_id)


def test_check_goes_on_where_a_reader_has_no_frames_of_a_sample(tmp_path: Path) -> None:
    found = check_data(LosesAClip(tmp_path), ["loso-smic"], load_catalogue(), notice=print)

    assert not found.is_sound
    assert found.databases["smic"].unreadable == ["smic/s1/b: the archive is damaged"]
    assert found.databases["smic"].frames_found == 10


def test_maps_that_state_classes_fit_protocols_of_three_classes_alone(bench: Bench) -> None:
    found = json.loads(bench("data", "info", "synthetic-maps", "--data-option", "size=tiny", "--json").out)
    checked = json.loads(bench("data", "check", "synthetic-maps", "--data-option", "size=tiny", "--json").out)

    assert "cde" in found["fingerprints"]
    assert not any("5class" in name for name in (*found["fingerprints"], *checked["protocols"]))


def test_a_run_on_data_of_which_nothing_can_be_used_says_why(bench: Bench, composite: Path) -> None:
    for workbook in composite.rglob("*.xlsx"):
        workbook.write_bytes(b"no workbook")
    shutil.rmtree(composite / "SMIC")
    ended = bench("run", *NET, "--data", composite, "--jobs", "1", "--results", bench.results)

    assert ended.code == 2
    assert ended.errors[0].startswith("error: no sample of the data can be used: SAMM")


def test_list_is_csv_with_frame_numbers_and_action_units(bench: Bench, composite: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(bench("data", "list", composite).out)))

    assert len(rows) == 40
    assert {row["database"] for row in rows} == {"smic", "samm", "casme2"}
    for row in rows:
        assert int(row["onset"]) <= int(row["apex"]) <= int(row["offset"])
    assert all(row["action_units"] for row in rows if row["database"] != "smic")


def test_preprocess_computes_once_and_says_who_found_the_faces(bench: Bench, composite: Path, own_cache: Cache) -> None:
    first = json.loads(bench("data", "preprocess", composite, *QUICK, "--jobs", "1", "--json").out)
    second = json.loads(bench("data", "preprocess", composite, *QUICK, "--jobs", "1", "--json").out)

    assert (first["preprocessed"], first["cached"], first["failures"]) == (40, 0, [])
    ((detector, count),) = first["found_by"]["aligned_by"].items()
    assert (detector.split()[0], count) == ("dlib", 40)
    assert (second["preprocessed"], second["cached"], second["found_by"]) == (0, 40, first["found_by"])
    assert own_cache.usage()["region-flow"][0] == 40


def test_preprocess_goes_on_where_it_was_interrupted(bench: Bench, composite: Path, own_cache: Cache) -> None:
    command = ("data", "preprocess", composite, *QUICK, "--jobs", "2")
    process = bench.start(*command)

    def entries() -> int:
        return len(list(own_cache.folder.glob("region-flow/*/*.entry")))

    assert wait_until(lambda: entries() >= 3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    there = entries()
    ended = bench(*command, "--json")
    found = json.loads(ended.out)

    assert (process.returncode, "Traceback" in err) == (130, False)
    assert err.endswith("what was preprocessed is in the cache; run the same command again to go on\n")
    assert 3 <= there < 40
    assert found["cached"] >= there
    assert found["preprocessed"] + found["cached"] == 40


def test_preprocess_lists_what_failed_and_does_the_rest(bench: Bench, composite: Path, own_cache: Cache) -> None:
    onset_frame(composite).write_bytes(b"")
    ended = bench("data", "preprocess", composite, *QUICK, "--jobs", "1")

    assert ended.code == 1
    assert ended.out.splitlines()[0] == "39 preprocessed, 0 in the cache already, 1 failed"
    assert onset_frame(composite).name in ended.out.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--representation", "flwo"), "unknown representation 'flwo' (did you mean 'flow'?)"),
        (("--set", "length=4"), "none of region-flow has a parameter 'length'"),
        (("--preprocess", "flow=raft"), "flow='raft' is not one of: tv-l1, farneback, dis"),
        (("--jobs", "0"), "--jobs 0 is not a positive number"),
    ],
)
def test_preprocess_refuses_what_cannot_be(
    bench: Bench, composite: Path, arguments: tuple[str, ...], said: str
) -> None:
    ended = bench("data", "preprocess", composite, *arguments)

    assert ended.code == 2
    assert said in ended.errors[0]


def test_ready_made_maps_cannot_be_preprocessed(bench: Bench, tmp_path: Path) -> None:
    folder = write_flow_data(tmp_path / "maps")
    preprocessed = bench("data", "preprocess", folder)
    run = bench(
        "run", "-m", "majority", "-p", "loso-smic", "--data", folder, "--allow-partial", "--preprocess", "size=96"
    )

    assert (preprocessed.code, run.code) == (2, 2)
    assert "there is nothing to preprocess" in preprocessed.errors[0]
    assert "--preprocess size=96: this data is ready-made 'face-flow' and is not preprocessed" in run.errors[0]


def test_synth_writes_what_check_reads(bench: Bench, tmp_path: Path) -> None:
    made = bench("data", "synth", "--layout", "casme3", "--size", "tiny", "--out", tmp_path / "made")
    again = bench("data", "synth", "--layout", "casme3", "--size", "tiny", "--out", tmp_path / "made")

    assert made.code == 0
    assert bench("data", "check", tmp_path / "made").code == 0
    assert again.code == 2


def test_info_shows_the_fingerprints_of_rows_and_cleans_the_cache(
    bench: Bench, composite: Path, own_cache: Cache
) -> None:
    bench("data", "preprocess", composite, *QUICK, "--jobs", "1")
    found = json.loads(bench("data", "info", composite, "--json").out)
    row = ("run", "-m", "majority", "-p", "cde", "--data", composite, *QUICK, "--jobs", "1", "--results", bench.results)
    bench(*row)
    stored = json.loads(next(bench.results.glob("cells/*/*/*/row.json")).read_text())
    cleaned = bench("data", "info", "--clean")

    assert found["fingerprints"]["cde"] == stored["fingerprints"]
    assert found["usage"]["flow"][0] == 40
    assert "removed: " in cleaned.out
    assert own_cache.usage() == {}


@pytest.mark.parametrize(("layout", "protocol"), [("3db", "cde"), ("casme3", "loso-casme3")])
def test_a_run_goes_from_workbook_and_frames_to_a_report(
    bench: Bench, tmp_path: Path, layout: str, protocol: str
) -> None:
    folder = tmp_path / "made"
    write_release(layout, folder, size="tiny")
    command = ("run", *NET, "--no-baselines", "-p", protocol, "--data", folder, *QUICK, "--results", bench.results)
    ended = bench(*command, "--jobs", "2", "--json")
    again = bench(*command, "--jobs", "2", "--json")
    (found,) = ended.objects

    assert ended.code == 0
    assert found["caveats"] == ["partial", "synthetic"]
    assert found["folds_done"] == found["n_folds"]
    assert 0 < found["slices"]["full"]["uf1"] <= 1
    assert "counts are not the protocol's; those of synthetic data need not be" in ended.err
    assert again.out == ended.out
    assert re.search(r"(\d+)/\1 representations", ended.err)
    assert not re.search(r"\d/\d+ representations", again.err)
    assert "faces found by: dlib" in ended.err


@pytest.mark.usefixtures("own_cache")
def test_a_run_says_which_samples_cannot_be_preprocessed(bench: Bench, composite: Path) -> None:
    # A SAMM clip that protocol cde takes: its emotion is none that is dropped.
    rows = list(csv.DictReader(io.StringIO(bench("data", "list", composite).out)))
    taken = next(row for row in rows if row["database"] == "samm" and row["emotion"] == "happiness")
    clip = taken["clip"]
    frame = next((composite / "SAMM").glob(f"*/{clip}/*_{int(taken['apex']):05d}.jpg"))
    frame.write_bytes(frame.read_bytes()[:200])
    ended = bench("run", *NET, "--data", composite, *QUICK, "--jobs", "1", "--results", bench.results)

    assert ended.code == 2
    assert "1 of 36 samples cannot be preprocessed: " in ended.errors[0]
    assert frame.name in ended.errors[0]
    assert not bench.cell_files()


def test_real_data_with_unusable_rows_is_refused_with_the_first_of_them(bench: Bench, composite: Path) -> None:
    for file in composite.rglob("SYNTHETIC.txt"):
        file.unlink()
    shutil.rmtree(next((composite / "CASME2" / "CASME2_RAW_selected").glob("sub*/EP*")))
    ended = bench("run", *NET, "--data", composite, "--jobs", "1", "--results", bench.results)

    assert ended.code == 2
    assert "The data has 1 problems, the first: CASME2-coding-20140508.xlsx row" in ended.errors[0]
    assert "add --allow-partial" in ended.errors[0]


def test_no_face_reaches_results_and_reports(bench: Bench, composite: Path) -> None:
    bench("run", *NET, "--data", composite, *QUICK, "--jobs", "1", "--results", bench.results)
    shown = [file.name for file in bench.results.rglob("*") if file.suffix in (".png", ".jpg", ".jpeg", ".bmp")]
    page = (bench.results / "report.html").read_text()

    assert shown == []
    assert "data:image" not in page
    assert str(cache_folder()) not in page
    assert str(composite) not in page
