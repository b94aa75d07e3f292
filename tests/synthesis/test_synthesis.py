"""Synthetic releases: in the official form, with its annotation errors, and marked as synthetic."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from mer_bench.arrays import ByteArray, FloatArray
from mer_bench.caveats import SYNTHETIC_FILE
from mer_bench.databases import mer_bench_databases
from mer_bench.databases.releases import Releases
from mer_bench.errors import MerBenchError
from mer_bench.synthesis import SIZES, release_writer
from mer_bench.synthesis.clips import Recording, face_of
from mer_bench.synthesis.draws import GENERATOR_VERSION, generator
from mer_bench.synthesis.plans import ClipPlan, plan_release
from mer_bench.synthesis.release_writer import TRUE_MOTION, write_release

DATABASES = ("smic", "samm", "casme2", "casme3")
OPTIONS = {p.name: p.default for spec in mer_bench_databases() if spec.name == "releases" for p in spec.parameters}

Written = Callable[[str], Path]


class Speckles(Recording):
    """A clip that shows nothing: its small frames differ whenever a real one's would."""

    def __init__(self, plan: ClipPlan, seed: int) -> None:
        self._source = (seed, repr(plan))

    def motion(self, frame: int) -> FloatArray:
        return np.asarray(generator(*self._source, f"motion {frame}").random((8, 8, 2)), dtype=np.float32)

    def frame(self, number: int) -> ByteArray:
        return generator(*self._source, str(number)).integers(0, 256, (8, 8), dtype=np.uint8)


@pytest.fixture
def speckled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Releases are written without rendering anything."""
    monkeypatch.setattr(release_writer, "Recording", Speckles)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    """Small releases, complete but for what their frames show, each written once."""
    root = tmp_path_factory.mktemp("small")

    def release(layout: str) -> Path:
        if not (root / layout).exists():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(release_writer, "Recording", Speckles)
                write_release(layout, root / layout, size="small")
        return root / layout

    yield release
    face_of.cache_clear()


def name_as_number(plan: ClipPlan) -> int:
    """What is left of a clip's name without its subject: SAMM's starts with it."""
    name = plan.name.partition("_")[2] if plan.database == "samm" else plan.name
    return int("".join(filter(str.isdigit, name)) or ord(name))


def sheet(path: Path, name: str, *, formulas: bool = False) -> Worksheet:
    return openpyxl.load_workbook(path, data_only=not formulas)[name]


def rows(table: Worksheet, header: int = 1) -> list[tuple[Any, ...]]:
    return list(table.iter_rows(min_row=header + 1, values_only=True))


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("layout", DATABASES)
def test_a_release_is_recognised_read_without_problems_and_marked_as_synthetic(layout: str, small: Written) -> None:
    source = Releases(small(layout), OPTIONS)
    read = source.read_samples().frame[["sample_id", "onset", "apex", "offset"]]
    planned = {
        f"{layout}/{plan.subject}/{plan.clip}": (plan.onset, plan.key_frame, plan.offset)
        for plan in plan_release(layout, "small", 0)
    }

    assert Releases.recognises(small(layout))
    assert {sample_id: tuple(moments) for sample_id, *moments in read.to_numpy()} == planned
    assert source.problems() == ()
    assert source.caveats == ("synthetic",)


def test_the_composite_holds_each_database_exactly_as_its_own_layout_has_it(small: Written) -> None:
    samm, alone = contents(small("3db") / "SAMM"), contents(small("samm"))

    assert {folder.name for folder in small("3db").iterdir()} == {"SMIC", "SAMM", "CASME2", TRUE_MOTION, SYNTHETIC_FILE}
    assert {name for name in samm if samm[name] != alone[name]} == {SYNTHETIC_FILE}
    assert set(alone) - set(samm) == {name for name in alone if name.startswith(TRUE_MOTION)}


def test_every_folder_that_can_be_used_alone_is_marked_with_the_request(small: Written) -> None:
    parts = (".", TRUE_MOTION, "SMIC", "SMIC/HS", "SAMM", "CASME2", "CASME2/CASME2_RAW_selected")

    assert all((small("3db") / part / SYNTHETIC_FILE).is_file() for part in parts)
    text = (small("casme3") / "part_A" / SYNTHETIC_FILE).read_text(encoding="utf-8")
    assert "nothing in this folder is a recording of a person" in text
    assert f"generator version: {GENERATOR_VERSION}\nlayout: casme3\nsize: small\nseed: 0" in text


def test_smic_s_numbers_are_formulas_with_results_but_for_one_row(small: Written) -> None:
    path = small("smic") / "SMIC-HS-E_annotation.xlsx"
    table, formulas = rows(sheet(path, "HS")), rows(sheet(path, "HS", formulas=True))
    planned = {plan.name: plan for plan in plan_release("smic", "small", 0)}
    (unstored,) = [row[1] for row in table if row[3] is None]
    stored = [row for row in table if row[1] != unstored]
    notes = " ".join(Releases(small("smic"), OPTIONS).notes())

    assert set(planned) - {row[1] for row in table} == {"s1_ne_02", "s2_po_02"}
    assert all(str(row[column]).startswith("=") for row in formulas for column in (3, 4, 10, 11, 14))
    assert (formulas[1][3], *formulas[1][5:10]) == ("=J3+50", "=E3+40", "=F3+15", None, None, table[1][9])
    assert all((row[3], row[4]) == (planned[row[1]].onset, planned[row[1]].offset) for row in stored)
    assert table[1][11:15] == (table[1][4] - table[1][3] + 1, 16, None, table[1][10] - table[1][9] + 1)
    assert planned[unstored].subject == "s3"
    assert "holds a formula whose value was never stored" in notes
    assert "its second interval" in notes


def test_samm_s_workbook_has_a_known_error_that_the_reader_corrects_and_open_action_units(small: Written) -> None:
    table = {row[1]: row for row in rows(sheet(small("samm") / "SAMM_Micro_FACS_Codes_v2.xlsx", "MICRO_ONLY"), 14)}
    (planned,) = [plan for plan in plan_release("samm", "small", 0) if plan.name == "028_4_1"]
    notes = " ".join(Releases(small("samm"), OPTIONS).notes())
    kinds = (r"[LR]12 or [LR]14", r"\(\d+ or 7\)(\+\d+)+", r"\d+A or 17A or 24A", r"\d+A", r"\d+(\+\d+)*")

    assert not planned.onset <= table["028_4_1"][4] <= planned.offset
    assert planned.apex == planned.key_frame == 1105
    assert "apex '1150' is read as 1105" in notes
    assert all(any(re.fullmatch(kind, str(row[8])) for row in table.values()) for kind in kinds)


def test_casme3_repeats_clip_names_loses_frames_and_changes_its_folders_capitals(small: Written) -> None:
    root = small("casme3")
    table = rows(sheet(root / "annotation/cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx", "label"))
    notes = " ".join(Releases(root, OPTIONS).notes())

    assert len({row[:2] for row in table}) < len({row[:3] for row in table}) == len(table)
    assert [row for row in table if row[2] == row[3]]
    assert "others" in {row[7] for row in table}
    assert {row[0] for row in table} == {"spNO.1", "spNO.2", "spNO.3", "spNO.4"}
    assert {path.name for path in (root / "part_A").glob("sp*")} == {"spNO.1", "spNo.2", "spNO.3", "spNO.4"}
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
    plans = {database: plan_release(database, "large", 0) for database in DATABASES[:3]}
    counted = {database: Counter(plan.kind for plan in planned) for database, planned in plans.items()}

    assert counted["smic"] == {"negative": 70, "positive": 51, "surprise": 43}
    assert counted["samm"] == {"negative": 92, "positive": 26, "surprise": 15, "other": 7}
    # Besides the 88: the two with faulty apexes, and a sad and a fearful one that count for no class.
    assert counted["casme2"] == {"negative": 92, "positive": 32, "surprise": 25, "other": 6}
    # Subject 025 has no sample of the three classes, as in the real release.
    assert [len({plan.subject for plan in planned}) for planned in plans.values()] == [16, 29, 24]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("database", DATABASES)
def test_no_two_clips_share_a_name_and_no_real_error_is_imitated_by_chance(database: str, size: str) -> None:
    plans = plan_release(database, size, 1)
    faulty = {plan.name for plan in plans if plan.printed_apex is not None}

    assert len({(plan.subject, plan.clip) for plan in plans}) == len(plans)
    assert all(plan.onset < plan.apex < plan.offset and plan.onset > plan.margin for plan in plans)
    assert faulty <= {"EP12_01f", "EP09_05f", "m", "028_4_1"}


@pytest.mark.parametrize("database", DATABASES)
def test_neither_names_nor_frame_numbers_reveal_the_class(database: str) -> None:
    plans = [plan for seed in range(4) for plan in plan_release(database, "large", seed) if plan.kind != "other"]
    clues = {
        "onset": [plan.onset for plan in plans],
        "length": [plan.offset - plan.onset for plan in plans],
        "apex": [plan.apex - plan.onset for plan in plans],
        "lost": [len(plan.lost) for plan in plans],
        # SMIC's official names spell the class.
        "name": [0 if database == "smic" else name_as_number(plan) for plan in plans],
    }
    kinds, subjects = [plan.kind for plan in plans], [plan.subject for plan in plans]
    tree = DecisionTreeClassifier(max_depth=4, class_weight="balanced", random_state=0)
    for features in (*(np.array([clue]).T for clue in clues.values()), np.array(list(clues.values())).T):
        guessed = cross_val_predict(tree, features, kinds, groups=subjects, cv=LeaveOneGroupOut())
        # By chance 1/3; of about 700 clips, the rarest class of 75, hardly ever above 0.4.
        assert balanced_accuracy_score(kinds, guessed) < 0.42


def test_an_interrupted_writing_leaves_nothing_and_was_marked_from_the_start(speckled: None, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    seen: list[str] = []

    def interrupt(done: int, total: int) -> None:
        (unfinished,) = tmp_path.iterdir()
        calls.append((done, total))
        seen.extend(path.name for path in unfinished.iterdir())
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_release("smic", tmp_path / "out", size="tiny", progress=interrupt)

    assert calls == [(done, 12) for done in range(13)]
    assert set(seen[:2]) == {SYNTHETIC_FILE, TRUE_MOTION}
    assert "HS" in seen[2:]
    assert list(tmp_path.iterdir()) == []


def test_a_release_that_appears_meanwhile_is_accepted_if_it_is_the_same(speckled: None, tmp_path: Path) -> None:
    def write(seed: int, other: int) -> None:
        out = tmp_path / f"{seed}{other}"

        def appear(done: int, total: int) -> None:
            if done == total:
                write_release("smic", out, size="tiny", seed=other)

        write_release("smic", out, size="tiny", seed=seed, progress=appear)

    write(3, 3)
    with pytest.raises(MerBenchError, match=r"cannot be written to .*35"):
        write(3, 5)
    assert "seed: 5\n" in (tmp_path / "35" / SYNTHETIC_FILE).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("layout", "size", "seed", "complaint"),
    [
        ("casme4", "tiny", 0, r"layout 'casme4' .did you mean 'casme.'"),
        ("smic", "huge", 0, r"size 'huge'.*known: tiny, small, large"),
        ("smic", "tiny", -1, r"seed -1; name a seed of at least 0"),
    ],
)
def test_an_unknown_request_is_refused(layout: str, size: str, seed: int, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(MerBenchError, match=complaint):
        write_release(layout, tmp_path / "out", size=size, seed=seed)
    assert list(tmp_path.iterdir()) == []
