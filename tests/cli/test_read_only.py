"""Complete results in a folder that cannot be written, such as a read-only mount, can still be shown."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.bench import Bench

COMMANDS = """
import errno, json, os, sys
from mer_bench.cli import main

folder, commands = sys.argv[1], json.loads(sys.argv[2])
writes = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.utime")
flags = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
tried = []

def read_only(event, arguments):
    if event in writes or (event == "open" and isinstance(arguments[2], int) and arguments[2] & flags):
        paths = [os.path.abspath(path) for path in arguments[:2] if isinstance(path, str)]
        if any(path.startswith(folder + os.sep) or path == folder for path in paths):
            tried.append(os.path.relpath(paths[0], folder))
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), paths[0])

if folder:
    sys.addaudithook(read_only)
ended = []
for command in commands:
    sys.argv = ["mer-bench", *command]
    tried.clear()
    try:
        main()
    except SystemExit as end:
        ended.append((end.code, list(tried)))
print(json.dumps(ended), file=sys.stderr)
"""


@pytest.fixture
def complete(bench: Bench) -> Bench:
    """A store with two complete rows, and nothing beside."""
    assert bench.run("--method", "majority", "--method", "random").code == 0
    for report in bench.results.glob("report.*"):
        report.unlink()
    return bench


@pytest.fixture(params=["refused", "mounted", "by mode"])
def way(request: pytest.FixtureRequest, complete: Bench) -> Iterator[tuple[list[str], str]]:
    """Ways to make the results read-only: the beginning of a command line, and the folder that Python must refuse."""
    folders = [complete.results, *(path for path in complete.results.rglob("*") if path.is_dir())]
    before: list[str] = []
    match request.param:
        case "mounted":
            script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
            before = ["unshare", "-m" if os.getuid() == 0 else "-Urm", "sh", "-c", script, str(complete.results)]
            if shutil.which("unshare") is None or subprocess.run([*before, "true"], check=False).returncode:
                pytest.skip("this system lets a test mount nothing")
        case "by mode":
            if os.getuid() == 0:
                pytest.skip("modes do not bind root")
            for folder in folders:
                folder.chmod(0o555)
    yield before, str(complete.results) if request.param == "refused" else ""
    for folder in folders:
        folder.chmod(0o755)


@pytest.mark.slow
def test_complete_results_that_cannot_be_written_are_shown(
    complete: Bench, way: tuple[list[str], str], tmp_path: Path
) -> None:
    prefix, folder = way
    results = ("--results", str(complete.results))
    commands = [
        [*map(str, complete.run_arguments("--method", "majority", "--method", "random")), "--json"],
        ["report", *results, "--out", str(tmp_path / "out")],
        ["status", *results],
        ["rows", "list", *results, "--json"],
        ["compare", "majority", "random", *results],
        ["report", *results],
        [*map(str, complete.run_arguments("--method", "random", "--seeds", "2"))],
    ]
    before = {path: path.stat().st_mtime_ns for path in complete.results.rglob("*")}
    command = [*prefix, sys.executable, "-c", COMMANDS, folder, json.dumps(commands)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    *err, last = done.stderr.splitlines()
    ended: list[tuple[int, list[str]]] = json.loads(last)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    assert [code for code, _ in ended] == [0, 0, 0, 0, 0, 2, 2], done.stderr
    assert [tried for _, tried in ended[1:5]] == [[]] * 4
    # Of the run, only the report.
    assert [name.partition(".html.")[0] for name in ended[0][1]] == ([".report"] if folder else [])
    assert [(row["method"], row["folds_done"]) for row in rows[:2]] == [("majority", 6), ("random", 6)]
    assert f"note: cannot write the report {complete.results / 'report.html'} (" in " ".join(err)
    assert f"error: cannot write to the results folder {complete.results} (" in " ".join(err)
    assert (tmp_path / "out" / "report.csv").read_text().count("majority")
    assert {path: path.stat().st_mtime_ns for path in complete.results.rglob("*")} == before


@pytest.mark.slow
def test_a_row_that_would_be_written_again_is_a_note_if_nothing_is_missing(
    complete: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in complete.results.glob("cells/*/*/*/row.json"):
        row: dict[str, Any] = json.loads(file.read_text())
        row["method"]["citation"] = "Somebody, 2025"
        file.write_text(json.dumps(row))

    def read_only(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mer_bench.store.files.write_in_folders", read_only)
    again = complete.run("--method", "random")
    more = complete.run("--method", "random", "--seeds", "2")
    err = " ".join(again.err.split())

    assert again.code == 0
    assert "note: cannot write to the results folder" in err
    assert "choose another folder with --results; nothing is missing there" in err
    assert more.code == 2
