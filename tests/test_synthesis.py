"""Made-up releases: official in form, marked as made up, with faces that detectors find and motion that is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.databases import mer_bench_databases
from mer_bench.databases.images import read_image
from mer_bench.databases.releases import Releases
from mer_bench.errors import MerBenchError
from mer_bench.synthesis import GENERATOR_VERSION, SIZES, write_release
from mer_bench.synthesis.clips import CAMERAS, face_of, render_clip
from mer_bench.synthesis.motion import HeadSway
from mer_bench.synthesis.plans import plan_release
from mer_bench.synthesis.release_writer import MARK, TRUE_MOTION
from mer_bench.vision.landmarks import detect_face

DATABASES = ("smic", "samm", "casme2", "casme3")
KEY_POINTS = ("left eye", "right eye", "nose tip", "left lip corner", "right lip corner")
OPTIONS = {p.name: p.default for spec in mer_bench_databases() if spec.name == "releases" for p in spec.parameters}

Tiny = Callable[[str], Path]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tiny]:
    """Tiny releases, each written once."""
    root = tmp_path_factory.mktemp("synthesis")

    def release(layout: str) -> Path:
        if not (root / layout).exists():
            write_release(layout, root / layout, size="tiny")
        return root / layout

    yield release
    face_of.cache_clear()


def sheet(path: Path, name: str, *, formulas: bool = False) -> Worksheet:
    return openpyxl.load_workbook(path, data_only=not formulas)[name]


def rows(table: Worksheet, header: int = 1) -> list[tuple[object, ...]]:
    return list(table.iter_rows(min_row=header + 1, values_only=True))


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def grey(image: ByteArray) -> FloatArray:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if image.ndim == 3 else image, dtype=np.float32)


def brought_back(moved: FloatArray, motion: FloatArray) -> FloatArray:
    """The moved frame as it looks from the onset: onset(x) = moved(x + motion(x))."""
    y, x = np.mgrid[0 : moved.shape[0], 0 : moved.shape[1]].astype(np.float32)
    x, y = x + motion[..., 0], y + motion[..., 1]
    return np.asarray(cv2.remap(moved, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101), dtype=np.float32)


@pytest.mark.parametrize("layout", DATABASES)
def test_a_release_is_recognised_read_without_problems_and_called_synthetic(layout: str, tiny: Tiny) -> None:
    root = tiny(layout)
    source = Releases(root, OPTIONS)
    planned = {f"{layout}/{plan.subject}/{plan.clip}" for plan in plan_release(layout, "tiny", 0)}

    assert Releases.recognises(root)
    assert set(source.read_samples().ids) == planned
    assert source.problems() == ()
    assert source.marks == ("synthetic",)


def test_the_composite_holds_each_database_exactly_as_its_own_layout_has_it(tiny: Tiny, tmp_path: Path) -> None:
    write_release("3db", tmp_path / "all", size="tiny")
    samm = contents(tmp_path / "all" / "SAMM")
    alone = contents(tiny("samm"))

    assert {folder.name for folder in (tmp_path / "all").iterdir()} == {"SMIC", "SAMM", "CASME2", TRUE_MOTION, MARK}
    assert {name for name in samm if samm[name] != alone[name]} == {MARK}
    assert set(alone) - set(samm) == {name for name in alone if name.startswith(TRUE_MOTION)}
    # A part that is copied away must not lose the mark.
    assert all((tmp_path / "all" / part / MARK).is_file() for part in ("SMIC", "SAMM", "CASME2"))


def test_smic_numbers_its_frames_from_high_and_its_workbook_lacks_clips(tiny: Tiny) -> None:
    root = tiny("smic")
    table = rows(sheet(root / "SMIC-HS-E_annotation.xlsx", "HS"))
    folders = {path.name for path in root.glob("HS/s*/micro/*/*")}
    frames = sorted(path.name for path in (root / "HS/s1/micro/negative/s1_ne_01").iterdir())

    assert frames[0].startswith("image5597")
    assert frames[0].endswith(".bmp")
    assert folders - {row[1] for row in table} == {"s1_ne_02", "s2_sur_02"}
    assert [row for row in table if row[5] is not None]
    assert openpyxl.load_workbook(root / "SMIC-HS-E_annotation.xlsx").sheetnames == ["HS", "VIS"]


def test_samm_s_header_stands_in_row_14_above_text_subjects_and_formulas(tiny: Tiny) -> None:
    path = tiny("samm") / "SAMM_Micro_FACS_Codes_v2.xlsx"
    table, formulas = sheet(path, "MICRO_ONLY"), sheet(path, "MICRO_ONLY", formulas=True)
    header = [cell.value for cell in table[14]]
    first = dict(zip(header, rows(table, 14)[0], strict=True))

    assert header == [
        *("Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Micro"),
        *("Action Units", "Estimated Emotion", "Objective Classes", "Notes"),
    ]
    assert formulas["G15"].value == "=F15-D15+1"
    assert first["Duration"] == first["Offset Frame"] - first["Onset Frame"] + 1
    assert (first["Subject"], first["Filename"], first["Micro"]) == ("006", "006_1_2", "Micro - 1/2")
    assert "Other" in {row[9] for row in rows(table, 14)}
    assert (tiny("samm") / f"006/006_1_2/006_{first['Onset Frame']:05d}.jpg").is_file()


def test_samm_s_frames_are_grey(tiny: Tiny) -> None:
    frame = next((tiny("samm") / "006").rglob("*.jpg"))

    assert cv2.imread(str(frame), cv2.IMREAD_UNCHANGED).ndim == 2


def test_casme2_s_workbook_has_two_blank_columns_text_subjects_and_an_open_apex(tiny: Tiny) -> None:
    path = tiny("casme2") / "CASME2-coding-20140508.xlsx"
    table = sheet(path, "Sheet1")
    by_clip = {(row[0], row[1]): row for row in rows(table)}

    assert openpyxl.load_workbook(path).sheetnames == ["Sheet1", "Sheet2", "Sheet3"]
    assert [cell.value for cell in table[1]] == [
        *("Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None),
        *("Action Units", "Estimated Emotion"),
    ]
    assert by_clip["01", "EP02_01f"][3] == 46
    assert by_clip["04", "EP12_01f"][3:6] == (261, "/", 321)
    assert {type(row[7]) for row in rows(table)} == {int, str}
    assert {"others", "sadness"} < {row[8] for row in rows(table)}


def test_casme2_s_other_faulty_apex_comes_with_its_subject() -> None:
    (faulty,) = [plan for plan in plan_release("casme2", "small", 0) if plan.name == "EP09_05f"]

    assert (faulty.subject, faulty.onset, faulty.printed_apex, faulty.offset) == ("sub05", 69, 69, 123)


def test_casme2_s_frames_are_unpadded_and_go_beyond_the_clip(tiny: Tiny) -> None:
    source = Releases(tiny("casme2"), OPTIONS)
    clips = [source.clip(name).frames for name in source.read_samples().ids if "EP12" not in name]
    names = [[path.stem for path in frames] for frames in clips]

    assert all(len(list(frames[0].parent.iterdir())) == len(frames) + 4 for frames in clips)
    assert any(clip != sorted(clip) for clip in names)


def test_casme3_repeats_clip_names_loses_frames_and_changes_its_folders_capitals(tiny: Tiny) -> None:
    root = tiny("casme3")
    table = rows(sheet(root / "annotation/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", "label"))
    notes = " ".join(Releases(root, OPTIONS).notes())

    assert len({row[:2] for row in table}) < len({row[:3] for row in table}) == len(table)
    assert [row for row in table if row[2] == row[3]]
    assert "others" in {row[7] for row in table}
    assert {row[0] for row in table} == {"spNO.1", "spNO.2"}
    assert {path.name for path in (root / "part_A").iterdir()} == {"spNO.1", "spNo.2"}
    assert "frames of the clip are not on disk" in notes
    assert len(list(root.rglob("depth/*.png"))) == len(list(root.rglob("color/*.jpg")))


@pytest.mark.parametrize("database", DATABASES)
def test_no_class_is_missing_when_a_tiny_subject_is_left_out(database: str) -> None:
    subjects: dict[str, Counter[str]] = {}
    for plan in plan_release(database, "tiny", 0):
        subjects.setdefault(plan.subject, Counter())[plan.kind] += 1

    assert len(subjects) == 2
    assert all(count[kind] >= 2 for count in subjects.values() for kind in ("negative", "positive", "surprise"))


def test_the_large_size_has_the_official_counts() -> None:
    counted = {
        database: Counter(plan.kind for plan in plan_release(database, "large", 0)) for database in DATABASES[:3]
    }
    subjects = {database: {plan.subject for plan in plan_release(database, "large", 0)} for database in DATABASES[:3]}

    assert counted["smic"] == {"negative": 70, "positive": 51, "surprise": 43}
    assert counted["samm"] == {"negative": 92, "positive": 26, "surprise": 15, "other": 7}
    # Besides the 88: the two with faulty apexes, and a sad and a fearful one that count for no class.
    assert counted["casme2"] == {"negative": 92, "positive": 32, "surprise": 25, "other": 6}
    # Subject 025 has no sample of the three classes, as in the real release.
    assert [len(subjects[database]) for database in DATABASES[:3]] == [16, 29, 24]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("database", DATABASES)
def test_no_two_clips_share_a_name_and_no_real_error_is_imitated_by_chance(database: str, size: str) -> None:
    plans = plan_release(database, size, 1)
    faulty = {plan.name for plan in plans if plan.marked_apex is not None}

    assert len({(plan.subject, plan.clip) for plan in plans}) == len(plans)
    assert all(plan.onset < plan.apex < plan.offset and plan.onset > plan.margin for plan in plans)
    assert faulty <= {"EP12_01f", "EP09_05f", "m"}


@pytest.mark.parametrize("database", DATABASES)
def test_the_true_motion_brings_the_apex_back_onto_the_onset(database: str, tiny: Tiny) -> None:
    root = tiny(database)
    source = Releases(root, OPTIONS)
    shares = []
    for name in source.read_samples().ids:
        clip = source.clip(name)
        if clip.apex == 0:
            continue
        onset, apex = grey(read_image(clip.frames[0])), grey(read_image(clip.frames[clip.apex]))
        motion = np.load(root / TRUE_MOTION / f"{name}.npy").astype(np.float32)
        # The light may have changed between the frames; noise is taken off, motion is not.
        onset, apex = (cv2.GaussianBlur(frame / frame.mean(), (0, 0), 1.5) for frame in (onset, apex))
        moving = np.hypot(motion[..., 0], motion[..., 1]) > 0.5
        assert motion.shape == (*onset.shape, 2)
        shares.append(np.abs(brought_back(apex, motion) - onset)[moving].mean() / np.abs(apex - onset)[moving].mean())

    assert len(shares) >= 12
    assert np.median(shares) < 0.35
    assert max(shares) < 0.75


def test_the_opposite_of_the_true_motion_does_not_bring_it_back() -> None:
    clip = render_clip("casme2", "sub01", "EP02_01f", "positive")
    onset, apex = grey(clip.frames[0]), grey(clip.frames[clip.apex])

    right = np.abs(brought_back(apex, clip.motion) - onset).mean()
    wrong = np.abs(brought_back(apex, -clip.motion) - onset).mean()

    assert right < np.abs(apex - onset).mean() < wrong


def test_an_expression_moves_one_to_three_pixels_and_the_head_less_than_half_of_one() -> None:
    motions = [
        render_clip(database, f"subject {number}", "clip", kind, length=3, apex=1).motion
        for number, database in enumerate(DATABASES)
        for kind in ("negative", "positive", "surprise")
    ]
    sway = [HeadSway(np.random.default_rng(seed), 320, 320).field(steps) for seed in range(5) for steps in (-2, 5, 60)]

    assert all(0.8 < np.hypot(motion[..., 0], motion[..., 1]).max() < 3.5 for motion in motions)
    assert max(np.hypot(field[..., 0], field[..., 1]).max() for field in sway) < 0.5


def test_a_clip_without_motion_holds_nothing_but_noise() -> None:
    still = render_clip("samm", "006", "still", "surprise", motion_scale=0.0)
    frames = np.stack(still.frames).astype(np.float32)
    differences = frames[1:] - frames[0]

    assert not still.motion.any()
    assert not np.array_equal(still.frames[0], still.frames[1])
    assert np.abs(differences.mean(axis=(1, 2))).max() < 0.05
    # The camera's noise, twice, and rounding: no edge of the face stands out.
    assert differences.std() == pytest.approx(np.sqrt(2.0 * (CAMERAS["samm"].noise ** 2 + 1 / 12)), rel=0.05)
    assert np.abs(cv2.GaussianBlur(differences[3], (0, 0), 3.0)).max() < 1.0


def test_smic_s_light_flickers_and_the_others_does_not() -> None:
    def swing(database: str) -> float:
        frames = render_clip(database, "s1", "clip", "negative", length=40, apex=20, motion_scale=0.0).frames
        brightness = np.array([frame.mean() for frame in frames])
        return float(np.ptp(brightness) / brightness.mean())

    assert 0.005 < swing("smic") < 0.025
    assert swing("casme2") < 0.001


@pytest.mark.parametrize("database", DATABASES)
def test_both_detectors_find_every_face_where_it_is(database: str, tiny: Tiny) -> None:
    source = Releases(tiny(database), OPTIONS)
    for sample_id in source.read_samples().ids:
        clip = source.clip(sample_id)
        truth = face_of(0, database, sample_id.split("/")[1])
        expected = np.array([truth.points[name] for name in KEY_POINTS])
        for path in (clip.frames[0], clip.frames[clip.apex]):
            for detector in ("dlib", "mediapipe"):
                face = detect_face(read_image(path), (detector,))
                assert face is not None, f"{detector} finds no face in {path}"
                away = np.hypot(*(face.key_points - expected).T)
                assert away.max() < 0.12 * truth.eye_distance, f"{detector} in {path}: {away}"


def test_people_differ() -> None:
    faces = [face_of(0, "casme2", f"sub{number:02d}") for number in range(6)]
    distances = [face.eye_distance for face in faces]
    tones = [face.image.mean() for face in faces]

    assert np.ptp(distances) > 2.0
    assert np.ptp(tones) > 5.0


def test_no_face_has_a_border_of_one_colour() -> None:
    for database in DATABASES:
        image = face_of(3, database, "somebody").image
        for edge in (image[0], image[-1], image[:, 0], image[:, -1]):
            assert edge.std(axis=0).min() > 1.0


def test_the_same_request_gives_the_same_bytes_and_another_seed_does_not(tiny: Tiny, tmp_path: Path) -> None:
    face_of.cache_clear()
    write_release("samm", tmp_path / "again", size="tiny")
    write_release("samm", tmp_path / "other", size="tiny", seed=1)
    first, again, other = (contents(root) for root in (tiny("samm"), tmp_path / "again", tmp_path / "other"))

    assert first == again
    assert not {name for name in first if name.endswith((".jpg", ".npy")) and first[name] == other.get(name)}


def test_the_mark_says_what_was_asked_for(tiny: Tiny) -> None:
    said = (tiny("casme3") / MARK).read_text(encoding="utf-8")

    assert "nothing in this folder is a recording of a person" in said
    assert "skimage.data.astronaut()" in said
    assert f"generator version: {GENERATOR_VERSION}\nlayout: casme3\nsize: tiny\nseed: 0" in said


def test_progress_counts_the_clips(tmp_path: Path) -> None:
    said: list[tuple[int, int]] = []
    write_release("smic", tmp_path / "out", size="tiny", progress=lambda done, total: said.append((done, total)))

    assert said == [(done, 12) for done in range(13)]


def test_an_interrupted_writing_leaves_nothing_and_was_marked_from_the_start(tmp_path: Path) -> None:
    seen: list[str] = []

    def interrupt(done: int, total: int) -> None:
        (unfinished,) = tmp_path.iterdir()
        seen.extend(path.name for path in unfinished.iterdir())
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_release("smic", tmp_path / "out", size="tiny", progress=interrupt)

    assert seen[0] == MARK
    assert "HS" in seen
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled_and_another_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_release("samm", tmp_path / "out", size="tiny")
    before = contents(tmp_path / "out")

    with pytest.raises(MerBenchError, match=r"out is not empty; name a new folder"):
        write_release("samm", tmp_path / "out", size="tiny")
    assert contents(tmp_path / "out") == before


@pytest.mark.parametrize("seed", [0, 1])
def test_a_release_that_appears_meanwhile_is_accepted_if_it_is_the_same(tmp_path: Path, seed: int) -> None:
    def appear(done: int, total: int) -> None:
        if done == total:
            write_release("smic", tmp_path / "out", size="tiny", seed=seed)

    if seed == 0:
        write_release("smic", tmp_path / "out", size="tiny", progress=appear)
    else:
        with pytest.raises(MerBenchError, match=r"cannot be written to .*out"):
            write_release("smic", tmp_path / "out", size="tiny", progress=appear)

    assert f"seed: {seed}\n" in (tmp_path / "out" / MARK).read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("layout", "size", "seed", "said"),
    [
        ("casme4", "tiny", 0, r"layout 'casme4' .did you mean 'casme.'"),
        ("smic", "huge", 0, r"size 'huge'.*known: tiny, small, large"),
        ("smic", "tiny", -1, r"seed -1; name a seed of at least 0"),
    ],
)
def test_an_unknown_request_is_refused(layout: str, size: str, seed: int, said: str, tmp_path: Path) -> None:
    with pytest.raises(MerBenchError, match=said):
        write_release(layout, tmp_path / "out", size=size, seed=seed)
    assert list(tmp_path.iterdir()) == []


def test_a_file_or_a_place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")

    with pytest.raises(MerBenchError, match="is a file; name another folder"):
        write_release("smic", tmp_path / "file", size="tiny")
    with pytest.raises(MerBenchError, match=r"cannot be written to .*below.*; free the place"):
        write_release("smic", tmp_path / "file" / "below", size="tiny")
    assert (tmp_path / "file").read_text() == "kept"
