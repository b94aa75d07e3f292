"""Protocols: the built-in ones are the field's, and a file that is no protocol is refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import mer_bench_protocols
from mer_bench import MerBenchError, ProtocolSpec
from mer_bench.protocol import DatabaseRule, Protocol, count_problems, load_protocol, load_protocols
from mer_bench.rules import absent_class_sentence, selection_sentence

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
excluded = ["1/a"]
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


THREE = ("negative", "positive", "surprise")
CASME3_SEVEN = ("disgust", "surprise", "others", "fear", "anger", "sad", "happy")
PUBLISHED: dict[str, tuple[tuple[str, ...], dict[str, tuple[int | None, tuple[int, ...]]], str]] = {
    "cde": (THREE, {"smic": (16, (70, 51, 43)), "samm": (28, (92, 26, 15)), "casme2": (24, (88, 32, 25))}, "0febf9a7"),
    "loso-smic": (THREE, {"smic": (16, (70, 51, 43))}, "3a4c2e41"),
    "loso-samm": (THREE, {"samm": (28, (92, 26, 15))}, "86be8da8"),
    "loso-casme2": (THREE, {"casme2": (24, (88, 32, 25))}, "5238702b"),
    "loso-casme2-4class": ((*THREE, "others"), {"casme2": (26, (88, 32, 25, 99))}, "6f7d9263"),
    "loso-casme2-5class": (
        *(("disgust", "happiness", "repression", "surprise", "others"), {"casme2": (26, (63, 32, 27, 25, 99))}),
        "a8cf8753",
    ),
    "loso-samm-5class": (
        *(("anger", "happiness", "contempt", "surprise", "other"), {"samm": (27, (57, 26, 12, 15, 26))}),
        "fb131e44",
    ),
    "loso-casme3": (THREE, {"casme3": (None, (457, 55, 187))}, "60dd6723"),
    "loso-casme3-htnet": (THREE, {"casme3": (87, (449, 54, 184))}, "5e79ee0d"),
    "loso-casme3-4class": ((*THREE, "others"), {"casme3": (None, (457, 55, 187, 161))}, "3c0db273"),
    "loso-casme3-7class": (CASME3_SEVEN, {"casme3": (None, (250, 187, 161, 86, 64, 57, 55))}, "d8955fde"),
}
"""Classes in the order of their labels; databases in the order of slices, with subjects and counts; start of the hash.

The hash covers the class maps, and what is dropped and excluded: a change of it needs a new version of the protocol.
"""


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_file_states_its_classes_counts_slices_and_rules(name: str) -> None:
    protocol = load_protocol(BUILT_IN[name], name)
    classes, databases, start = PUBLISHED[name]

    assert protocol.classes == classes
    for (database, rule), (expected, (subjects, counts)) in zip(
        protocol.databases.items(), databases.items(), strict=True
    ):
        assert (database, rule.subjects, rule.counts) == (expected, subjects, dict(zip(classes, counts, strict=True)))
        # The name of a class is an emotion too, as in ready-made maps.
        assert [protocol.label_of(database, own) for own in classes] == list(range(len(classes)))
    alone = {database: (database,) for database in databases} if len(databases) > 1 else {}
    assert list(protocol.slices.items()) == [("full", tuple(databases)), *alone.items()]
    assert (protocol.split, protocol.selection, protocol.absent_class) == ("leave-one-subject-out", "last", "exclude")
    assert protocol.reference
    assert protocol.hash[:8] == start


def test_every_protocol_file_is_listed_here() -> None:
    assert set(BUILT_IN) == set(PUBLISHED)


def test_megc_leaves_out_two_clips_of_casme2_by_name() -> None:
    cde = load_protocol(BUILT_IN["cde"])
    assert not cde.takes("casme2", "casme2/sub04/EP12_01f")
    assert cde.takes("casme2", "casme2/sub05/EP03_01")
    assert not cde.takes("casme3", "casme3/spNO.1/a@1")


@pytest.mark.parametrize(
    ("database", "emotion", "complaint"),
    [
        ("a", "joy", "emotion 'joy' of a .* protocol mine, which maps ease, rage and drops other"),
        ("c", "rage", "protocol mine has no database 'c'; it has a, b"),
    ],
)
def test_an_unknown_emotion_or_database_is_refused(mine: Protocol, database: str, emotion: str, complaint: str) -> None:
    with pytest.raises(MerBenchError, match=complaint):
        mine.label_of(database, emotion)


def test_hash_does_not_know_the_order_of_databases(mine: Protocol) -> None:
    turned = replace(
        mine, databases=dict(reversed(list(mine.databases.items()))), slices={"a": ("a",), "full": ("b", "a")}
    )
    assert turned.hash == mine.hash


IGNORED = (
    ('title = "Mine"', 'title = "Yours"'),
    ("Nobody, 2024", "Somebody, 2025"),
    ("version = 1", 'version = 1\nnote = "read this"'),
    ('selection = "last"', 'selection = "oracle"'),
)
HASHED = (
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
    ("subjects = 1\n", 'subjects = 1\nexcluded = ["1/b"]\n'),
    ('excluded = ["1/a"]', 'excluded = ["1/b"]'),
    ('excluded = ["1/a"]\n', ""),
)


@pytest.mark.parametrize(("old", "new"), [*IGNORED, *HASHED])
def test_the_hash_changes_with_every_field_that_changes_predictions(
    tmp_path: Path, mine: Protocol, old: str, new: str
) -> None:
    assert (load_protocol(edited(tmp_path, old, new)).hash == mine.hash) is ((old, new) in IGNORED)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("selection =", "selectoin =", r"unknown key 'selectoin' \(did you mean 'selection'\?\)"),
        ("calm = 3", "clam = 3", r"\[databases\.a\.counts\]: unknown key 'clam' \(did you mean 'calm'\?\)"),
        ("version = 1", "version = 0", r"version = 0 is not a whole number of at least 1"),
        ("calm = 3", "calm = -3", r"calm = -3 is not a whole number of at least 0"),
        ('name = "mine"', 'name = "../mine"', r"name '\.\./mine' is not lower case words"),
        ('["calm", "angry"]', '["calm", "[/angry]"]', r"class '\[/angry\]' is not lower case words joined by hyphens"),
        ('\na = ["a"]', '\n"[/a]" = ["a"]', r"\[slices\]: slice '\[/a\]' is not lower case words"),
        ("[databases.b]", '[databases."b\\u0007"]\n[databases.b]', r"database 'b\\x07' is not lower case words"),
        ('["calm", "angry"]', '"calm"', r"classes = 'calm' is not a list of names"),
        ('["calm", "angry"]', '["calm", "calm"]', r"classes = .* names something twice; remove"),
        ('["calm", "angry"]', '["calm"]', r"must name at least two classes"),
        ('rage = "angry"', 'rage = "agnry"', r"\[databases\.a\.emotions\]: rage = 'agnry' is not one of: calm, angry"),
        ('rage = "angry"', 'Rage = "angry"', r"emotion 'Rage' must be in lower case"),
        ('dropped = ["other"]', 'dropped = ["rage"]', r"emotion 'rage' is both mapped to 'angry' and dropped"),
        ('a = ["a"]', 'a = ["aa"]', r"slice 'a' names database 'aa' \(did you mean 'a'\?\); the protocol has a, b"),
        ('a = ["a"]', "a = []", r"slice 'a' names no database"),
        ('full = ["a", "b"]', 'full = ["a"]', r"first slice must be 'full' and hold every database: a, b"),
        ('full = ["a", "b"]\na = ["a"]', "", r"slices = \{\} is not a table with entries"),
        ('selection = "last"', 'selection = "best"', r"selection = 'best' is not one of: last, inner, oracle"),
        ('"exclude"', '"excluded"', r"absent-class = 'excluded' is not one of: exclude, zero \(did you mean 'exclude'"),
        ('excluded = ["1/a"]', 'excluded = ["1"]', r"excluded sample '1' is not of the form subject/clip"),
        (
            "[databases.b]",
            '[databases.full]\ndropped = []\nemotions = { rage = "angry" }\n[databases.b]',
            r"a database is called 'full', which is the name of the slice of all",
        ),
        ('"leave-one-subject-out"', '"k-fold"', r"split = 'k-fold' is not one of: leave-one-subject-out"),
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


def test_every_difference_from_the_declared_counts_is_one_line() -> None:
    cde = load_protocol(BUILT_IN["cde"])
    counts = {name: dict(rule.counts or {}) for name, rule in cde.databases.items()}
    subjects = {name: rule.subjects for name, rule in cde.databases.items()}
    assert count_problems(cde, counts, subjects) == []
    counts["smic"]["negative"] -= 1
    del counts["smic"]["positive"], counts["casme2"], subjects["casme2"]
    subjects["smic"] -= 1
    counts["samm"]["surprise"] += 1
    assert count_problems(cde, counts, subjects) == [
        "smic: negative 69 of 70 (1 missing)",
        "smic: positive 0 of 51 (51 missing)",
        "smic: 15 of 16 subjects",
        "samm: surprise 16 of 15 (1 extra)",
        "casme2: no samples at all (145 declared)",
    ]


def test_undeclared_counts_are_not_checked(mine: Protocol) -> None:
    counts = {"a": {"calm": 3, "angry": 4}, "b": {"angry": 99}}
    assert count_problems(mine, counts, {"a": 2, "b": 5}) == ["b: 5 of 1 subjects"]


def test_note_is_empty_where_none_is_stated(mine: Protocol) -> None:
    assert mine.note == ""
    emotions = {"ease": "calm", "rage": "angry"}
    assert mine.databases["a"] == DatabaseRule(emotions, ("other",), 2, {"calm": 3, "angry": 4}, ("1/a",))
    assert mine.databases["b"] == DatabaseRule({"rage": "angry"}, (), 1)


def test_a_broken_file_gives_a_notice_and_the_other_protocols_are_loaded(tmp_path: Path) -> None:
    specs = [ProtocolSpec("broken", edited(tmp_path, "version = 1", "")), ProtocolSpec("cde", BUILT_IN["cde"])]
    notices: list[str] = []

    assert [protocol.name for protocol in load_protocols(specs, notices.append)] == ["cde"]
    (notice,) = notices
    assert notice.startswith("protocol broken cannot be used: protocol file ")


def test_each_rule_has_its_own_sentence() -> None:
    assert absent_class_sentence("exclude") == "an absent class is left out of both means"
    assert absent_class_sentence("zero") == "an absent class counts as 0 in both means"
    assert selection_sentence("last").startswith("the last epoch")
    assert selection_sentence("inner").startswith("the epoch with the best UF1 on validation")
    assert selection_sentence("oracle").startswith("the best epoch")
    assert selection_sentence("none").startswith("these methods have no epochs")
