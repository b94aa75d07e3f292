"""Protocols: the built-in ones are the field's, and a file that is no protocol is refused by name."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import mer_bench_protocols
from mer_bench import MerBenchError
from mer_bench.protocol import DatabaseRule, Protocol, count_problems, load_protocol

BUILT_IN = {spec.name: spec.path for spec in mer_bench_protocols.mer_bench_protocols()}

VALID = """
name = "mine"
version = 1
title = "Mine"
reference = "Nobody, 2024"
classes = ["calm", "angry"]
split = "leave-one-subject-out"
selection = "last"
absent-class = "exclude"

[slices]
full = ["a", "b"]
a = ["a"]

[databases.a]
subjects = 2
counts = { calm = 3, angry = 4 }
dropped = ["other"]
[databases.a.emotions]
ease = "calm"
rage = "angry"

[databases.b]
subjects = 1
dropped = []
[databases.b.emotions]
rage = "angry"
"""


@pytest.fixture
def mine(tmp_path: Path) -> Protocol:
    path = tmp_path / "mine.toml"
    path.write_text(VALID, encoding="utf-8")
    return load_protocol(path)


def edited(tmp_path: Path, old: str, new: str) -> Path:
    assert old in VALID
    path = tmp_path / "edited.toml"
    path.write_text(VALID.replace(old, new, 1), encoding="utf-8")
    return path


def declared_samples(protocol: Protocol) -> int:
    return sum(sum((rule.counts or {}).values()) for rule in protocol.databases.values())


def test_the_protocols_are_registered_under_their_own_names() -> None:
    assert sorted(BUILT_IN) == [
        *("cde", "loso-casme2", "loso-casme2-4class", "loso-casme2-5class"),
        *("loso-casme3", "loso-casme3-4class", "loso-casme3-7class", "loso-casme3-htnet"),
        *("loso-samm", "loso-samm-5class", "loso-smic"),
    ]
    for name, path in BUILT_IN.items():
        assert load_protocol(path, name).name == name


def test_registering_protocols_imports_no_array_library() -> None:
    code = (
        "import sys, mer_bench_protocols as m; m.mer_bench_protocols(); import mer_bench.protocol; "
        "print(sorted({'numpy', 'pandas', 'torch', 'cv2', 'sklearn'} & set(sys.modules)))"
    )
    # The child inherits this process's search path, so that it also works in a tree that is not installed.
    code = f"import sys; sys.path[:] = {sys.path!r}\n{code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_cde_declares_442_samples_of_68_subjects() -> None:
    cde = load_protocol(BUILT_IN["cde"])
    assert declared_samples(cde) == 442
    assert cde.classes == ("negative", "positive", "surprise")
    assert {name: (rule.subjects, dict(rule.counts or {})) for name, rule in cde.databases.items()} == {
        "smic": (16, {"negative": 70, "positive": 51, "surprise": 43}),
        "samm": (28, {"negative": 92, "positive": 26, "surprise": 15}),
        "casme2": (24, {"negative": 88, "positive": 32, "surprise": 25}),
    }
    assert list(cde.slices.items()) == [
        ("full", ("smic", "samm", "casme2")),
        ("smic", ("smic",)),
        ("samm", ("samm",)),
        ("casme2", ("casme2",)),
    ]


@pytest.mark.parametrize(("database", "samples"), [("smic", 164), ("samm", 133), ("casme2", 145)])
def test_single_database_protocol_has_the_rule_of_cde(database: str, samples: int) -> None:
    alone = load_protocol(BUILT_IN[f"loso-{database}"])
    assert dict(alone.databases) == {database: load_protocol(BUILT_IN["cde"]).databases[database]}
    assert dict(alone.slices) == {"full": (database,)}
    assert declared_samples(alone) == samples


def test_casme3_declares_the_official_workbook_and_names_the_other_counts() -> None:
    casme3 = load_protocol(BUILT_IN["loso-casme3"])
    assert casme3.databases["casme3"].counts == {"negative": 457, "positive": 55, "surprise": 187}
    for other in ("699", "687", "773", "508/64/201", "816", "860", "943"):
        assert other in casme3.note


def test_casme3_as_htnet_lists_it_has_a_protocol_of_its_own() -> None:
    casme3 = load_protocol(BUILT_IN["loso-casme3-htnet"])
    rule = casme3.databases["casme3"]
    assert (declared_samples(casme3), rule.subjects) == (687, 87)
    assert rule.counts == {"negative": 449, "positive": 54, "surprise": 184}


@pytest.mark.parametrize(
    ("name", "samples"),
    [
        ("loso-casme2-4class", 244),
        ("loso-casme2-5class", 246),
        ("loso-samm-5class", 136),
        ("loso-casme3-4class", 860),
        ("loso-casme3-7class", 860),
    ],
)
def test_protocols_of_more_classes_declare_what_the_workbooks_hold(name: str, samples: int) -> None:
    assert declared_samples(load_protocol(BUILT_IN[name])) == samples


def test_megc_leaves_out_two_clips_of_casme2_by_name() -> None:
    cde = load_protocol(BUILT_IN["cde"])
    assert not cde.takes("casme2", "casme2/sub04/EP12_01f")
    assert not cde.takes("casme2", "casme2/sub05/EP09_05f")
    assert cde.takes("casme2", "casme2/sub05/EP03_01")
    assert not cde.takes("casme3", "casme3/spNO.1/a@1")


def test_built_in_rules_are_last_epoch_and_excluded_absent_classes() -> None:
    for path in BUILT_IN.values():
        protocol = load_protocol(path)
        assert (protocol.selection, protocol.absent_class) == ("last", "exclude")
        assert protocol.reference


@pytest.mark.parametrize(
    ("database", "releases_counts", "per_class"),
    [
        (
            "samm",
            {
                "anger": 57,
                "other": 26,
                "happiness": 26,
                "surprise": 15,
                "contempt": 12,
                "disgust": 9,
                "fear": 8,
                "sadness": 6,
            },
            [92, 26, 15],
        ),
        (
            "casme2",
            {
                "others": 99,
                "disgust": 63 - 2,  # the two clips without a usable apex
                "happiness": 32,
                "repression": 27,
                "surprise": 25,
                "sadness": 7,
                "fear": 2,
            },
            [88, 32, 25],
        ),
    ],
)
def test_class_map_turns_a_releases_emotions_into_the_declared_counts(
    database: str, releases_counts: dict[str, int], per_class: list[int]
) -> None:
    cde = load_protocol(BUILT_IN["cde"])
    found = [0, 0, 0]
    for emotion, count in releases_counts.items():
        label = cde.label_of(database, emotion)
        if label is not None:
            found[label] += count
    assert found == per_class
    assert list((cde.databases[database].counts or {}).values()) == per_class


def test_class_map_turns_casme3s_emotions_into_the_declared_counts() -> None:
    casme3 = load_protocol(BUILT_IN["loso-casme3"])
    found = [0, 0, 0]
    for emotion, count in {"disgust": 247, "surprise": 184, "fear": 83, "anger": 64, "sad": 55, "happy": 54}.items():
        label = casme3.label_of("casme3", emotion)
        assert label is not None
        found[label] += count
    assert found == [449, 54, 184]
    assert casme3.label_of("casme3", "others") is None


def test_class_names_are_emotions_of_every_built_in_database() -> None:
    for path in BUILT_IN.values():
        protocol = load_protocol(path)
        for database in protocol.databases:
            labels = [protocol.label_of(database, name) for name in protocol.classes]
            assert labels == list(range(len(protocol.classes)))


def test_casme2_drops_sadness_and_fear_which_samm_counts_as_negative() -> None:
    cde = load_protocol(BUILT_IN["cde"])
    for emotion in ("sadness", "fear"):
        assert cde.label_of("casme2", emotion) is None
        assert cde.label_of("samm", emotion) == 0


def test_unmapped_emotion_is_refused_with_what_is_mapped(mine: Protocol) -> None:
    with pytest.raises(
        MerBenchError, match=r"emotion 'joy' of a .* protocol mine, which maps ease, rage and drops other"
    ):
        mine.label_of("a", "joy")


def test_unknown_database_is_refused(mine: Protocol) -> None:
    with pytest.raises(MerBenchError, match=r"protocol mine has no database 'c'; it has a, b"):
        mine.label_of("c", "rage")


def test_counts_may_be_left_undeclared(mine: Protocol) -> None:
    assert mine.databases["b"].counts is None


def test_hash_is_the_same_for_the_same_file(tmp_path: Path, mine: Protocol) -> None:
    assert load_protocol(edited(tmp_path, "Mine", "Mine")).hash == mine.hash
    assert len(mine.hash) == 64


def test_hash_does_not_know_the_order_of_databases(mine: Protocol) -> None:
    turned = replace(
        mine, databases=dict(reversed(list(mine.databases.items()))), slices={"a": ("a",), "full": ("b", "a")}
    )
    assert turned.hash == mine.hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('title = "Mine"', 'title = "Yours"'),
        ("Nobody, 2024", "Somebody, 2025"),
        ("version = 1", 'version = 1\nnote = "read this"'),
        ('selection = "last"', 'selection = "oracle"'),
    ],
)
def test_hash_ignores_what_changes_no_prediction(tmp_path: Path, mine: Protocol, old: str, new: str) -> None:
    assert load_protocol(edited(tmp_path, old, new)).hash == mine.hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "mine"', 'name = "yours"'),
        ("version = 1", "version = 2"),
        ('["calm", "angry"]', '["angry", "calm"]'),
        ('absent-class = "exclude"', 'absent-class = "zero"'),
        ('a = ["a"]', 'a = ["b"]'),
        ("subjects = 2", "subjects = 3"),
        ("calm = 3", "calm = 2"),
        ('ease = "calm"', 'ease = "angry"'),
        ('ease = "calm"\n', ""),
        ('dropped = ["other"]', "dropped = []"),
    ],
)
def test_hash_changes_with_every_field_that_matters(tmp_path: Path, mine: Protocol, old: str, new: str) -> None:
    assert load_protocol(edited(tmp_path, old, new)).hash != mine.hash


def test_built_in_protocols_have_distinct_hashes() -> None:
    assert len({load_protocol(path).hash for path in BUILT_IN.values()}) == len(BUILT_IN)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("selection =", "selectoin =", r"unknown key 'selectoin' \(did you mean 'selection'\?\)"),
        (
            "[databases.b]\nsubjects",
            "[databases.b]\nsubject",
            r"\[databases\.b\]: unknown key 'subject' \(did you mean",
        ),
        ("calm = 3", "clam = 3", r"\[databases\.a\.counts\]: unknown key 'clam' \(did you mean 'calm'\?\)"),
        ("calm = 3, ", "", r"\[databases\.a\.counts\]: key 'calm' is missing"),
        ('split = "leave-one-subject-out"\n', "", r"key 'split' is missing"),
        ("version = 1", "version = 0", r"version = 0 is not a whole number of at least 1"),
        ("version = 1", "version = true", r"version = True is not a whole number"),
        ("version = 1", "version = 1.5", r"version = 1\.5 is not a whole number"),
        ("calm = 3", "calm = -3", r"calm = -3 is not a whole number of at least 0"),
        ('title = "Mine"', "title = 7", r"title = 7 is not a text"),
        ('title = "Mine"', 'title = " "', r"title = ' ' is empty; give it a value"),
        ('name = "mine"', 'name = "../mine"', r"name '\.\./mine' is not lower case words"),
        ('["calm", "angry"]', '["calm", "[/angry]"]', r"class '\[/angry\]' is not lower case words joined by hyphens"),
        ('["calm", "angry"]', '["calm", "an\\u001bgry"]', r"class 'an\\x1bgry' is not lower case words"),
        ('\na = ["a"]', '\n"[/a]" = ["a"]', r"\[slices\]: slice '\[/a\]' is not lower case words"),
        ('\na = ["a"]', '\n"A a" = ["a"]', r"\[slices\]: slice 'A a' is not lower case words"),
        ("[databases.b]", '[databases."b\\u0007"]\n[databases.b]', r"database 'b\\x07' is not lower case words"),
        ('["calm", "angry"]', '"calm"', r"classes = 'calm' is not a list of names"),
        ('["calm", "angry"]', '["calm", ["angry"]]', r"classes = .* is not a list of names"),
        ('["calm", "angry"]', '["calm", "calm"]', r"classes = .* names one thing twice"),
        ('["calm", "angry"]', '["calm"]', r"must name at least two classes"),
        ('rage = "angry"', 'rage = "agnry"', r"\[databases\.a\.emotions\]: rage = 'agnry' is not one of: calm, angry"),
        ('rage = "angry"', "rage = 1", r"rage = 1 is not one of: calm, angry"),
        ('rage = "angry"', 'Rage = "angry"', r"emotion 'Rage' must be in lower case"),
        ('dropped = ["other"]', 'dropped = ["rage"]', r"emotion 'rage' is both mapped to 'angry' and dropped"),
        ('a = ["a"]', 'a = ["aa"]', r"slice 'a' names database 'aa' \(did you mean 'a'\?\); the protocol has a, b"),
        ('a = ["a"]', "a = []", r"slice 'a' names no database"),
        ('full = ["a", "b"]', 'full = ["a"]', r"first slice must be 'full' and hold every database: a, b"),
        ('full = ["a", "b"]\na = ["a"]', 'a = ["a"]\nfull = ["a", "b"]', r"first slice must be 'full'"),
        ('full = ["a", "b"]\na = ["a"]', "", r"slices = \{\} is not a table with entries"),
        ('selection = "last"', 'selection = "best"', r"selection = 'best' is not one of: last, inner, oracle"),
        ('"exclude"', '"excluded"', r"absent-class = 'excluded' is not one of: exclude, zero \(did you mean 'exclude'"),
        ('"leave-one-subject-out"', '"k-fold"', r"split = 'k-fold' is not one of: leave-one-subject-out"),
        ('[slices]\nfull = ["a", "b"]\na = ["a"]', "slices = 3", r"slices = 3 is not a table with entries"),
        ("version = 1", "version = ", r"is not TOML"),
        ("version = 1", "version = 1\nversion = 1", r"is not TOML"),
    ],
)
def test_file_that_is_no_protocol_is_refused_by_name(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = edited(tmp_path, old, new)
    with pytest.raises(MerBenchError, match=message) as caught:
        load_protocol(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_registered_under_another_name_is_refused(tmp_path: Path) -> None:
    path = edited(tmp_path, 'name = "mine"', 'name = "swapped"')
    with pytest.raises(MerBenchError, match=r"name = 'swapped', and its plugin registers it as 'mine'; give both"):
        load_protocol(path, "mine")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a = " + b"[" * 100_000, b""])
def test_hostile_bytes_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "hostile.toml"
    path.write_bytes(content)
    with pytest.raises(MerBenchError, match=r"hostile\.toml"):
        load_protocol(path)


def test_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(MerBenchError, match=r"nowhere\.toml cannot be read \(No such file or directory\)"):
        load_protocol(tmp_path / "nowhere.toml")


def test_folder_in_place_of_a_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(MerBenchError, match=r"cannot be read"):
        load_protocol(tmp_path)


def declared(protocol: Protocol) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    counts = {name: dict(rule.counts or {}) for name, rule in protocol.databases.items()}
    return counts, {name: rule.subjects for name, rule in protocol.databases.items()}


def test_equal_counts_are_no_problem() -> None:
    cde = load_protocol(BUILT_IN["cde"])
    assert count_problems(cde, *declared(cde)) == []


def test_every_difference_from_the_declared_counts_is_one_line() -> None:
    cde = load_protocol(BUILT_IN["cde"])
    counts, subjects = declared(cde)
    counts["smic"]["negative"] -= 1
    subjects["smic"] -= 1
    counts["samm"]["surprise"] += 1
    del counts["casme2"], subjects["casme2"]
    assert count_problems(cde, counts, subjects) == [
        "smic: negative 69 of 70 (1 missing)",
        "smic: 15 of 16 subjects",
        "samm: surprise 16 of 15 (1 extra)",
        "casme2: no samples at all (145 declared)",
    ]


def test_class_without_samples_is_missing_and_not_overlooked() -> None:
    smic = load_protocol(BUILT_IN["loso-smic"])
    problems = count_problems(smic, {"smic": {"negative": 70, "positive": 51}}, {"smic": 16})
    assert problems == ["smic: surprise 0 of 43 (43 missing)"]


def test_undeclared_counts_are_not_checked(mine: Protocol) -> None:
    found = {"a": {"calm": 3, "angry": 4}, "b": {"angry": 99}}
    assert count_problems(mine, found, {"a": 2, "b": 1}) == []
    assert count_problems(mine, found, {"a": 2, "b": 5}) == ["b: 5 of 1 subjects"]


def test_note_is_empty_where_none_is_stated(mine: Protocol) -> None:
    assert mine.note == ""
    assert mine.databases["a"] == DatabaseRule(
        emotions={"ease": "calm", "rage": "angry"},
        dropped=("other",),
        subjects=2,
        counts={"calm": 3, "angry": 4},
    )
