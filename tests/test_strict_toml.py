"""One reader of TOML: every fault of a file is one sentence with file, table and value."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from mer_bench.ablation import load_ablation
from mer_bench.config import load_config
from mer_bench.databases.annotation_fixes import load_fixes
from mer_bench.errors import MerBenchError
from mer_bench.protocol import load_protocol
from mer_bench.strict_toml import TomlTable, read_toml
from mer_bench_reports.published import read_published

ROOT = Path(__file__).parent.parent


def table(**content: object) -> TomlTable:
    return TomlTable("file x.toml", "", content)


def read_fixes(path: Path) -> object:
    return load_fixes(path.stem, path.parent)


def read_config(path: Path) -> object:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MER_BENCH_CONFIG", str(path))
        return load_config()


READERS = {
    load_ablation: "check its path",
    load_protocol: "check its path",
    read_published: "check its path",
    read_fixes: "install mer-bench again",
    read_config: "check its path, or unset MER_BENCH_CONFIG",
}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"a = ", "is not TOML: Invalid value"),
        (b"a = " + b"[" * 60_000, "nested"),
        (b"a" + b".a" * 20 + b" = 1", "is nested too deeply; 20 levels are allowed"),
        (b"a = [0x" + b"f" * 5000 + b"]", "Exceeds the limit"),
    ],
    ids=["no TOML", "deep list", "deep key", "long number"],
)
def test_a_hostile_file_is_refused_in_one_sentence(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "hostile.toml"
    path.write_bytes(content)
    with pytest.raises(MerBenchError) as caught:
        read_toml("file", path)

    assert str(path) in str(caught.value)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
    path.write_bytes(b"a" + b".a" * 18 + b" = 1")
    assert read_toml("file", path).keys == ("a",)


@pytest.mark.parametrize("read", READERS)
def test_every_reader_refuses_an_unknown_key_and_a_missing_file(tmp_path: Path, read: Callable[[Path], object]) -> None:
    (tmp_path / "odd.toml").write_text("surely-unknown = 1")
    with pytest.raises(MerBenchError, match=r"odd\.toml: unknown key 'surely-unknown'; known: "):
        read(tmp_path / "odd.toml")
    cure = rf"gone\.toml does not exist; {READERS[read]}$"
    with pytest.raises(MerBenchError, match=cure):
        read(tmp_path / "gone.toml")


def test_no_other_module_reads_toml() -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for folder in ("mer_bench", "reports", "protocols", "plugins")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) and any(alias.name in ("tomllib", "tomli") for alias in node.names)
    }

    assert readers == {"mer_bench/strict_toml.py"}


def test_a_place_is_dotted_and_numbered(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("[a]\n[[a.rows]]\n[[a.rows]]\nb = { c = 7 }")
    second = read_toml("file", tmp_path / "x.toml").table("a").array("rows")[1]
    with pytest.raises(MerBenchError, match=r"x\.toml: \[a\.rows 2\.b\]: c = 7 is not a text; write one in quotes$"):
        second.table("b").text("c")


@dataclass
class Fields:
    first_name: str
    age: int = 3


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"first_name": "x"}, r"unknown key 'first_name' \(did you mean 'first-name'\?\); known: first-name, age"),
        ({"age": 1}, "key 'first-name' is missing; state it"),
    ],
)
def test_a_field_of_a_dataclass_is_a_key(content: Mapping[str, object], complaint: str) -> None:
    table(**{"first-name": "x"}).expect_fields(Fields)
    with pytest.raises(MerBenchError, match=complaint):
        table(**content).expect_fields(Fields)


def test_an_optional_key_is_none_or_checked() -> None:
    assert table().optional("size", table().count) is None
    assert table(size=5).optional("size", table(size=5).count) == 5


@pytest.mark.parametrize("value", [1, 6, True, 3.0])
def test_a_count_outside_its_limits_or_of_another_type_is_refused(value: object) -> None:
    assert [table(n=limit).count("n", 2, 5) for limit in (2, 5)] == [2, 5]
    with pytest.raises(MerBenchError, match=f"n = {value!r} is not a whole number between 2 and 5"):
        table(n=value).count("n", 2, 5)


@pytest.mark.parametrize("value", [[0.5, 1.5], [-0.5, 0.5], [0.5, 0.25, 0.5], [1, 0.5], 0.5])
def test_other_values_are_no_fractions(value: object) -> None:
    assert [table(pair=list(pair)).fractions("pair") for pair in ((1.0, 0.0), (0.0, 1.0))] == [(1.0, 0.0), (0.0, 1.0)]
    with pytest.raises(MerBenchError, match=r"is not two decimal fractions between 0\.0 and 1\.0"):
        table(pair=value).fractions("pair")


@pytest.mark.parametrize(
    ("value", "complaint"),
    [([1], r"\[s\]: a = \[1\] is not a text, a number, true or false"), ("x\0", "contains a NUL character; remove it")],
)
def test_settings_without_a_text_are_refused(value: object, complaint: str) -> None:
    with pytest.raises(MerBenchError, match=complaint):
        table(s={"a": value}).settings("s")


def test_values_keep_their_types_and_lists_become_tuples() -> None:
    values = table(v={"a": 3, "b": True, "c": 0.5, "d": "", "e": [2, 8], "f": []}).values("v")

    assert values == {"a": 3, "b": True, "c": 0.5, "d": "", "e": (2, 8), "f": ()}
    assert [type(value) for value in values.values()] == [int, bool, float, str, tuple, tuple]


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ([1, True], "is not a text, a number, true, false or a list of whole numbers"),
        ([0.5], "is not a text, a number, true, false or a list of whole numbers"),
        ({"b": 1}, "is not a text, a number, true, false or a list of whole numbers"),
        ("\0", "contains a NUL character; remove it"),
    ],
)
def test_values_that_no_parameter_has_are_refused(value: object, complaint: str) -> None:
    with pytest.raises(MerBenchError, match=rf"^file x\.toml: \[v\]: a = .* {complaint}"):
        table(v={"a": value}).values("v")


def test_settings_are_texts() -> None:
    assert table(s={}).settings("s") == {}
    assert table(s={"b": 3, "c": True, "e": ""}).settings("s") == {"b": "3", "c": "True", "e": ""}


@pytest.mark.parametrize(
    ("value", "complaint"), [("", "is empty; give it a value"), ("a\0", "contains a NUL character")]
)
def test_a_text_may_be_empty_only_where_that_is_allowed(value: str, complaint: str) -> None:
    assert table(t="").text("t", may_be_empty=True) == ""
    with pytest.raises(MerBenchError, match=complaint):
        table(t=value).text("t")
