"""A store of schema 4 becomes one of this schema, whenever the upgrade was stopped."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.bench import Bench
from support.store_files import read_plain

from mer_bench.errors import MerBenchError
from mer_bench.store import Store
from mer_bench.store import upgrade as upgrade_module
from mer_bench.store.check import check_store
from mer_bench.store.files import digest
from mer_bench.store.schema import SCHEMA
from mer_bench.store.upgrade import upgrade
from mer_bench.store.verification import read_verification

OLD = Path(__file__).parent / "data" / "store-schema-4"
N_RECORDS = 8
"""Two rows, four cells, a manifest, and what `verified` adds."""


@pytest.fixture
def verified(tmp_path: Path) -> Path:
    """A copy of the old store with a verified cell, and one that was verified before it changed."""
    folder = tmp_path / "old"
    shutil.copytree(OLD, folder)
    (row_file,) = folder.glob("cells/*/ahmsa/*/row.json")
    row = json.loads(row_file.read_text())
    entries = []
    for number, file in enumerate(sorted(row_file.parent.glob("seed-0/*.json"))):
        cell = json.loads(file.read_text())
        epochs = Store(folder).epoch_scores_digest(cell["key"])
        parts = [row, cell["predictions"], cell["selected_epoch"], epochs if number == 0 else "another"]
        entries.append(
            {
                **{"seed": 0, "fold": cell["fold"], "cell_digest": digest(parts), "outcome": "same"},
                **{
                    "compared": "exact",
                    "reason": "",
                    "processor": "P",
                    "when": f"2026-03-0{number + 1}T12:00:00+00:00",
                },
            }
        )
    content = {"schema": 4, "row_key": row["row_key"], "cells": entries}
    (row_file.parent / "verified.json").write_text(json.dumps(content))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everything_is_kept_and_gets_a_checksum(verified: Path) -> None:
    before = contents(verified)
    done = upgrade(verified)

    assert (done.before, done.records, done.damaged) == (4, N_RECORDS, ())
    assert not check_store(verified).problems
    assert json.loads((verified / "store.json").read_text()) == {"schema": SCHEMA}
    for place, content in before.items():
        if place.endswith(".safetensors") or place == "store.json":
            continue
        old: dict[str, Any] = {**json.loads(content), "schema": SCHEMA}
        new = read_plain(verified / place)
        for record in (old, new):
            record.pop("epoch_scores", None)
            for entry in record["cells"] if place.endswith("verified.json") else []:
                entry.pop("cell_digest")
        assert json.dumps(new) == json.dumps(old), place


def test_what_was_verified_still_is_and_what_had_changed_is_not(verified: Path) -> None:
    upgrade(verified)
    store = Store.open(verified)
    (row,) = [row for row in store.rows() if row["method"]["name"] == "ahmsa"]
    cells = [cell for fold in row["folds"] if (cell := store.read_cell(row, 0, fold)) is not None]
    known = read_verification(store, row)

    assert [entry["fold"] for entry in known.entries] == ["smic-synthetic01", "smic-synthetic02"]
    assert [entry["fold"] for entry in known.of(store, row, cells).entries] == ["smic-synthetic01"]


@pytest.mark.parametrize("n_written", range(N_RECORDS + 1))
def test_an_upgrade_that_was_stopped_goes_on(
    verified: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_written: int
) -> None:
    """The undisturbed one writes the same bytes."""
    shutil.copytree(verified, tmp_path / "undisturbed")
    upgrade(tmp_path / "undisturbed")
    left = [n_written]

    def stopping(write: Any) -> Any:
        def wrapped(*arguments: object) -> None:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            write(*arguments)

        return wrapped

    with monkeypatch.context() as patched:
        for name in ("write_record", "write_marker"):
            patched.setattr(upgrade_module, name, stopping(getattr(upgrade_module, name)))
        with pytest.raises(KeyboardInterrupt):
            upgrade(verified)
    with pytest.raises(MerBenchError, match="an older mer-bench"):
        Store.open(verified)

    again = upgrade(verified)
    assert (again.records, again.damaged) == (N_RECORDS - n_written, ())
    assert contents(verified) == contents(tmp_path / "undisturbed")


def test_lost_scores_of_epochs_still_count_as_lost(verified: Path) -> None:
    lost, kept = sorted(verified.glob("artifacts/*/*"))
    lost.unlink()
    upgrade(verified)

    assert [problem.file for problem in check_store(verified).problems] == [str(lost.relative_to(verified))]
    assert kept.exists()


def test_the_command_says_what_it_did_and_does_nothing_twice(bench: Bench, verified: Path) -> None:
    before = contents(verified)
    refused = bench("status", "--results", verified)
    planned = bench("store", "upgrade", "--results", verified, "--dry-run")
    assert contents(verified) == before
    done = bench("store", "upgrade", "--results", verified)
    after, written = contents(verified), (verified / "store.json").stat().st_ino
    (again,) = bench("store", "upgrade", "--results", verified, "--json").objects

    assert refused.code == 2
    assert f"run `mer-bench store upgrade --results {verified}`, or choose another folder" in refused.err
    assert planned.out.splitlines() == [f"{verified} would be upgraded from schema 4 to 5: {N_RECORDS} files"]
    assert done.out.splitlines() == [f"{verified} was upgraded from schema 4 to 5: {N_RECORDS} files"]
    assert (done.code, contents(verified)) == (0, after)
    assert (verified / "store.json").stat().st_ino == written
    assert again == {"before": SCHEMA, "after": SCHEMA, "records": 0, "damaged": []}
    assert bench("status", "--results", verified).code == 0


def test_a_damaged_file_is_named_and_left(bench: Bench, verified: Path) -> None:
    first, second, third, _ = sorted(verified.glob("cells/*/*/*/seed-0/*.json"))
    for file, text in ((first, "{"), (second, '{"epoch_scores": true}'), (third, '{"schema": 3}')):
        file.write_text(text)
    done = bench("store", "upgrade", "--results", verified)

    assert done.code == 1
    assert [line.split()[0] for line in done.out.splitlines()[:-1]] == [str(first), str(second), str(third)]
    assert (first.read_text(), second.read_text(), third.read_text()) == (
        "{",
        '{"epoch_scores": true}',
        '{"schema": 3}',
    )


@pytest.mark.parametrize(
    ("schema", "problem"), [(3, "4 is the oldest that can be upgraded"), (SCHEMA + 1, "was made by a newer mer-bench")]
)
def test_other_schemas_are_refused(verified: Path, schema: int, problem: str) -> None:
    (verified / "store.json").write_text(json.dumps({"schema": schema}))
    with pytest.raises(MerBenchError, match=problem):
        upgrade(verified)
