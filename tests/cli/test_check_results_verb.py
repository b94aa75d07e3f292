"""``mer-bench check-results``: what it prints, how it ends, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.bench import Bench
from support.clean_results import Clean, records
from support.store_factory import make_row, new_store

from mer_bench.checks import CHECKS
from mer_bench.config import DEFAULT_RESULTS


def test_warnings_end_with_1_only_if_strict_and_are_printed_with_their_cure(bench: Bench, tmp_path: Path) -> None:
    clean = Clean(verified={"floor": "same"})
    store = clean.write(tmp_path)
    names = sorted(f"{row['method']['name']}-{row['row_key'][:4]}" for row in clean.rows.values())
    ended = bench("check-results", store.path)
    assert ended.out.splitlines() == [
        "MER012 warning: unverified",
        f"  {names[1]}, {names[2]}: none of its cells was computed again",
        "  What to do: Run `mer-bench verify --data PATH`, if possible on another machine.",
        f"not looked for: MER009 in {', '.join(names)}: protocol cde@1 of its hash is not installed here",
        "3 rows: 0 errors, 1 warning; `mer-bench check-results --explain MER012` says what a code means",
    ]
    assert ended.code == 0
    assert bench("check-results", store.path, "--strict").code == 1


def test_errors_end_with_1(bench: Bench, tmp_path: Path) -> None:
    store = Clean(verified={"floor": "same", "one": "differs", "two": "same"}).write(tmp_path)
    assert bench("check-results", store.path).code == 1


def test_nothing_to_find_is_said(bench: Bench, tmp_path: Path) -> None:
    ended = bench("check-results", Clean().write(tmp_path).path)
    assert ended.out.splitlines()[-1] == f"3 rows: none of {len(CHECKS)} checks finds anything"


def test_the_folder_of_the_other_commands_is_checked_by_default(bench: Bench, tmp_path: Path) -> None:
    Clean(rows={"floor": records()["floor"]}).write(tmp_path).path.rename(tmp_path / DEFAULT_RESULTS)
    assert bench("check-results", "--json").objects[0]["rows"] == 1


def test_many_findings_of_a_code_are_cut_for_people_and_whole_as_json(bench: Bench, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for number in range(11):
        row = make_row("net", params={"width": number})
        row["folds"] = dict(list(row["folds"].items())[: 2 + number % 5])
        store.write_row(row)
    many = bench("check-results", store.path, "--json").objects[0]["findings"]
    assert sum(finding["code"] == "MER007" for finding in many) == 11
    assert "  and 3 more, which --json lists" in bench("check-results", store.path).out.splitlines()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("{folder}/none",), "holds no results (no store.json); name a results folder"),
        (("{folder}",), "holds no results (no store.json); name a results folder"),
        (("{folder}/results",), "holds no row to check; measure a method first with `mer-bench run`"),
        (("--explain", "MER099"), "unknown check 'MER099' (did you mean 'MER009'?)"),
        (("{folder}/results", "--explain", "MER001"), "--explain says what a code means, and reads no folder"),
    ],
)
def test_what_cannot_be_checked_is_refused(
    bench: Bench, tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    new_store(tmp_path)
    ended = bench("check-results", *(argument.format(folder=tmp_path) for argument in arguments))
    assert ended.code == 2
    (error,) = ended.errors
    assert reason in error


def test_a_folder_whose_only_row_is_damaged_has_a_finding(bench: Bench, tmp_path: Path) -> None:
    store, row = new_store(tmp_path), make_row("net")
    store.write_row(row)
    file = store.cell_file(row, 0, "any").parents[1] / "row.json"
    file.write_text("{", encoding="utf-8")
    ended = bench("check-results", store.path, "--json")
    (finding,) = ended.objects[0]["findings"]
    assert (finding["code"], finding["where"]) == ("MER016", [str(file.relative_to(store.path))])
    assert ended.code == 1


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_each_code_is_explained(bench: Bench, check: object) -> None:
    known = next(each for each in CHECKS if each is check)
    said = bench("check-results", "--explain", known.code.lower())
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == f"{known.code} {known.severity}: {known.title}"
    assert lines[2] == known.meaning
    assert lines[4] == f"Looks at: {known.looks_at}"
    assert lines[6] == f"What to do: {known.cure}"
    told = bench("check-results", "--explain", known.code, "--json").objects[0]
    assert told["cure"] == known.cure
    assert json.dumps(told).isascii()
