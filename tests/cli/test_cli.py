from __future__ import annotations

import ast
import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.bench import FOLDS, SMALL_AHMSA, TINY, Bench
from support.flow_data import write_flow_data

import mer_bench.cli.verbs
from mer_bench.cli import cli
from mer_bench.cli.console import console
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.scoring.megc_log import read_log, score_log

HEAVY = ("torch", "cv2", "mediapipe", "dlib", "sklearn", "pandas", "numpy", "scipy", "matplotlib", "PIL", "skimage")
VERBS = ("run", "status", "report", "export", "score", "list", "describe", "plugins", "plugin", "check", "data")
DATA_VERBS = ("check", "list", "preprocess", "synth", "info")
IMPORTED = """
import sys
from mer_bench.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code
print(",".join(sys.modules), file=sys.stderr)
"""


def imported(*arguments: str) -> set[str]:
    command = [sys.executable, "-c", IMPORTED, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return {name.partition(".")[0] for name in done.stderr.split(",")}


def test_help_comes_at_once() -> None:
    times = []
    for _ in range(7):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "mer_bench", "--help"], capture_output=True, timeout=60, check=True)
        times.append(time.perf_counter() - started)

    assert min(times) < 0.3


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        *([verb, "--help"] for verb in VERBS),
        *(["data", verb, "--help"] for verb in DATA_VERBS),
        ["list", "methods"],
        ["list", "databases"],
        ["list", "protocols"],
        ["plugins"],
    ],
    ids=" ".join,
)
def test_asking_what_there_is_imports_nothing_heavy(arguments: list[str]) -> None:
    assert not imported(*arguments) & set(HEAVY)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_is_in_the_help(bench: Bench, verb: str) -> None:
    assert verb in bench("--help").out
    assert bench(verb, "--help").out.startswith(f"Usage: mer-bench {verb}")


def verb_modules() -> list[Path]:
    return sorted(Path(mer_bench.cli.verbs.__path__[0]).rglob("*.py"))


@pytest.mark.parametrize("path", verb_modules(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_verb_returns_and_never_exits(path: Path) -> None:
    exits = {("sys", "exit"), ("os", "_exit"), ("ctx", "exit"), ("context", "exit")}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            assert (node.value.id, node.attr) not in exits
        if isinstance(node, ast.Name):
            assert node.id not in {"exit", "quit", "SystemExit"}


@pytest.mark.usefixtures("naughty")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["check", "good", "--only", "finite-scores"], ExitCode.DONE),
        (["check", "words", "good", "--only", "finite-scores"], ExitCode.FAILED),
        (["list", "databases"], None),
        (["--version"], ExitCode.DONE),
    ],
)
def test_what_a_verb_returns_comes_back_from_the_command_line(arguments: list[str], code: ExitCode | None) -> None:
    assert cli.main(arguments, prog_name="mer-bench", standalone_mode=False) == code


@pytest.mark.parametrize("code", ExitCode)
def test_the_code_of_a_verb_in_a_group_is_the_process_s(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, code: ExitCode
) -> None:
    from mer_bench.cli.verbs.plugin import new

    monkeypatch.setattr(new.command, "callback", lambda **options: code)

    assert bench("plugin", "new", "my-net").code == code


def test_the_readme_names_every_exit_code() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (line,) = (line for line in readme.splitlines() if line.startswith("Exit codes: "))

    assert {int(number) for number in re.findall(r"\d+", line)} == set(ExitCode)


def test_text_in_a_file_is_wide_and_printed_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = "[bold]folds[/bold] :warning: " + "twelve folds " * 6
    console(stderr=True).print(text)

    assert capsys.readouterr() == ("", text + "\n")


def test_without_a_verb_the_help_is_shown(bench: Bench) -> None:
    ended = bench()

    assert "Usage: mer-bench" in ended.out + ended.err
    assert not ended.errors


def test_what_is_installed_is_listed(bench: Bench) -> None:
    methods = bench("list", "methods", "--json").objects[0]
    protocols = bench("list", "protocols").out

    assert {
        "name": "ahmsa",
        "title": "AHMSA-Net",
        "input": "region-flow",
        "presets": "paper, quick",
        "from": "mer-bench",
    } in methods
    named = [line.split()[0] for line in protocols.splitlines()]
    assert named == sorted(named)
    assert {"cde", "loso-smic", "loso-samm", "loso-casme2", "loso-casme3"} < set(named)
    assert "SYNTHETIC" in bench("list", "databases").out
    assert re.search(r"^ok +ahmsa \(mer-bench \S+\)$", bench("plugins").out, re.MULTILINE)


@pytest.mark.usefixtures("naughty")
def test_a_protocol_that_cannot_be_read_hides_no_other(bench: Bench, tmp_path: Path) -> None:
    source = """
        from pathlib import Path
        from mer_bench import ProtocolSpec, hookimpl

        @hookimpl
        def mer_bench_protocols():
            return [ProtocolSpec("broken", Path("/nowhere/broken.toml"))]
    """
    from support.hostile import install

    install(tmp_path / "site", "broken-protocols", {"broken_protocols": source})
    ended = bench("list", "protocols")

    assert ended.code == 0
    assert "cannot be used" in next(line for line in ended.out.splitlines() if line.startswith("broken"))
    assert "cde" in ended.out


def test_a_run_prints_plan_figures_marks_and_report(bench: Bench) -> None:
    ended = bench.run("--method", "majority", "--method", "svm-flow")

    assert ended.code == 0
    assert "cells: 12 in all, 0 stored, 12 to compute" in ended.out
    assert re.search(r"majority +0 +6/6 +0\.1961 0\.3333", ended.out)
    assert "SYNTHETIC data" in ended.out
    assert f"Report: {bench.results / 'report.html'}" in ended.out.replace("\n", "")
    assert (bench.results / "report.html").stat().st_size > 1000
    assert "12/12 cells" in ended.err
    assert "Traceback" not in ended.out + ended.err


def test_a_dry_run_prints_the_plan_and_writes_nothing(bench: Bench, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    ended = bench.run("--method", "majority", "--seeds", "2", "--dry-run")

    assert ended.code == 0
    assert "protocol cde@1: 24 samples, 6 folds, selection last" in ended.out
    assert "cells: 12 in all, 0 stored, 12 to compute" in ended.out
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_of_a_store_tells_what_is_left_and_leaves_it_alone(bench: Bench) -> None:
    bench.run("--method", "majority")
    before = {path: path.stat().st_mtime_ns for path in bench.results.rglob("*")}
    ended = bench.run("--method", "majority", "--method", "svm-flow", "--dry-run")

    assert "cells: 12 in all, 6 stored, 6 to compute" in ended.out
    assert {path: path.stat().st_mtime_ns for path in bench.results.rglob("*")} == before


def test_json_is_one_object_a_method_and_seed_and_nothing_else(bench: Bench) -> None:
    ended = bench.run("--method", "svm-flow", "--method", "majority", "--seeds", "2", "--json")

    assert [(o["method"], o["seed"]) for o in ended.objects] == [
        ("svm-flow", 0),
        ("svm-flow", 1),
        ("majority", 0),
        ("majority", 1),
    ]
    first = ended.objects[-1]
    assert {"protocol": "cde", "selection": "none", "n_samples": 24, "n_folds": 6}.items() <= first.items()
    assert list(first["slices"]) == ["full", "smic", "samm", "casme2"]
    assert first["slices"]["full"] == {"uf1": pytest.approx(10 / 51), "uar": pytest.approx(1 / 3), "accuracy": 10 / 24}
    assert "cells: 24 in all" in ended.err


@pytest.mark.usefixtures("naughty")
def test_what_a_method_prints_stays_out_of_the_json(bench: Bench) -> None:
    ended = bench.spawn(*bench.run_arguments("--method", "prints", "--json", jobs=2))

    assert [o["method"] for o in ended.objects] == ["prints"]
    assert ended.err.count("noise of fit") == 6
    assert ended.err.count("noise of native code") == 6


@pytest.mark.usefixtures("naughty")
def test_what_a_method_prints_inline_stays_out_of_the_json(bench: Bench) -> None:
    ended = bench.run("--method", "prints", "--json")

    assert [o["method"] for o in ended.objects] == ["prints"]
    assert ended.err.count("noise of fit") == 6


def test_three_seeds_give_their_mean_and_deviation(bench: Bench) -> None:
    ended = bench.run("--method", "majority", "--seeds", "3")

    assert "cells: 18 in all" in ended.out
    assert re.search(r"majority +mean +0\.1961±0\.0000", ended.out)


def test_underscores_and_capitals_are_taken_as_hyphens_and_small_letters(bench: Bench) -> None:
    ended = bench.run("--method", "SVM_Flow", "--protocol", "LOSO_smic", "--allow_partial", "--dry_run")

    assert ended.code == 0
    assert "protocol loso-smic@1" in ended.out
    assert "method svm-flow" in ended.out


def test_without_data_the_synthetic_one_is_used_and_said_to_be(bench: Bench) -> None:
    ended = bench("run", "--method", "ahmsa", "--dry-run", "--data-option", "size=tiny")

    assert "built-in SYNTHETIC release" in ended.out
    assert "'quick' is used" in ended.out
    assert "epochs=30" in ended.out.replace("\n", " ")


def test_export_then_score_gives_the_figures_of_the_run(bench: Bench, tmp_path: Path) -> None:
    run = bench.run("--method", "svm-flow", "--json").objects[0]
    log = tmp_path / "log.txt"
    exported = bench("export", "--megc", log, "--method", "svm_flow", "--results", bench.results)
    scored = bench("score", log, "--json").objects[0]

    assert exported.code == 0
    assert "24 samples" in exported.out
    assert "synthetic" in exported.out
    assert {name: {key: part[key] for key in ("uf1", "uar", "accuracy")} for name, part in scored.items()} == run[
        "slices"
    ]
    assert score_log(read_log(log))["full"].n_samples == 24
    assert re.search(r"^full +0\.5255 +0\.5524 +0\.5833 +24", bench("score", log).out, re.MULTILINE)


def test_export_refuses_part_of_the_folds_and_an_unclear_choice(bench: Bench, tmp_path: Path) -> None:
    bench.run("--method", "svm-flow")
    bench.run("--method", "svm-flow", "--set", "C=1")
    arguments = ("export", "--megc", tmp_path / "log.txt", "--method", "svm-flow", "--results", bench.results)
    unclear = bench(*arguments)
    keys = sorted(path.name for path in bench.results.glob("cells/*/*/*"))
    next(path for path in bench.cell_files() if keys[0] in str(path)).unlink()
    partial = bench(*arguments, "--row", keys[0])

    assert unclear.code == partial.code == 2
    assert "several rows fit" in unclear.errors[0]
    assert all(key in unclear.errors[0] for key in keys)
    assert "svm-flow has 5/6 folds" in partial.errors[0]
    assert not (tmp_path / "log.txt").exists()
    assert bench(*arguments, "--row", keys[1]).code == 0


def test_status_counts_done_and_missing_folds(bench: Bench) -> None:
    bench.run("--method", "majority")
    bench.cell_files()[0].unlink()
    text = bench("status", "--results", bench.results)
    (row,) = bench("status", "--results", bench.results, "--json").objects[0]

    assert "cde@1  majority" in text.out
    assert "5 done, 0 failed, 1 missing  partial, synthetic" in text.out
    assert (row["done"], row["failed"], row["missing"], row["caveats"]) == (5, 0, 1, "partial, synthetic")


def test_report_is_written_anew_and_shows_folds_but_no_mean_of_an_incomplete_run(bench: Bench, tmp_path: Path) -> None:
    bench.run("--method", "majority")
    bench.cell_files()[0].unlink()
    ended = bench("report", "--results", bench.results, "--out", tmp_path / "pages")
    page = (tmp_path / "pages" / "report.html").read_text(encoding="utf-8")

    assert ended.code == 0
    assert str(tmp_path / "pages" / "report.html") in ended.out.splitlines()
    assert "5/6" in page
    assert "0.1961" not in page


def test_ready_made_maps_run_marked_as_partial(bench: Bench, tmp_path: Path) -> None:
    data = write_flow_data(tmp_path / "maps")
    arguments = (
        "--data",
        data,
        "--results",
        bench.results,
        "--protocol",
        "loso-smic",
        "--method",
        "majority",
        "--jobs",
        "1",
    )
    refused = bench("run", *arguments)
    left_by_refused = bench.results.exists()
    ended = bench("run", *arguments, "--allow-partial", "--json")

    assert refused.code == 2
    assert "add --allow-partial" in refused.errors[0]
    assert not left_by_refused
    assert ended.code == 0
    assert ended.objects[0]["caveats"] == ["partial"]
    assert (ended.objects[0]["n_samples"], ended.objects[0]["n_folds"]) == (9, 3)
    assert "partial: smic: negative 3 of 70" in ended.err
    assert "PARTIAL" in ended.err


def test_last_and_oracle_come_out_of_one_training_and_inner_of_its_own(bench: Bench) -> None:
    arguments = (*SMALL_AHMSA, "--set", "epochs=3", "--json")
    last = bench.run(*arguments)
    oracle = bench.run(*arguments, "--selection", "oracle")
    inner = bench.run(*arguments, "--selection", "inner")

    assert [ended.objects[0]["selection"] for ended in (last, oracle, inner)] == ["last", "oracle", "inner"]
    assert "6 stored, 0 to compute" in oracle.err
    assert "nothing to compute" in oracle.err
    assert "ORACLE" in oracle.err
    assert "0 stored, 6 to compute" in inner.err
    assert oracle.objects[0]["slices"]["full"]["accuracy"] >= last.objects[0]["slices"]["full"]["accuracy"]
    assert oracle.objects[0]["row_key"] == last.objects[0]["row_key"] != inner.objects[0]["row_key"]


def test_a_lost_oracle_diagnostic_is_computed_again_when_asked_for(bench: Bench) -> None:
    arguments = (*SMALL_AHMSA, "--set", "epochs=2")
    bench.run(*arguments)
    scores = sorted(bench.results.glob("artifacts/*/*.safetensors"))
    scores[0].write_bytes(scores[0].read_bytes()[:40])
    scores[1].unlink()
    ended = bench.run(*arguments, "--selection", "oracle", "--json")

    assert "4 stored, 2 to compute" in ended.err
    assert ended.objects[0]["folds_done"] == 6


def test_text_in_brackets_is_printed_as_it_is(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "[bold]x[/red]"
    bench("run", *TINY, "--method", "majority", "--jobs", "1", "--results", folder)
    (cell, *_) = folder.glob("cells/*/*/*/seed-0/*.json")
    cell.write_text("{")
    ended = bench("run", *TINY, "--method", "majority", "--jobs", "1", "--results", folder)

    assert ended.code == 0
    assert f"note: {cell} cannot be read" in ended.out
    assert f"Report: {folder}" in ended.out


def test_a_path_that_is_not_utf8_does_not_stop_a_run(bench: Bench, tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    ended = bench.spawn("run", *TINY, "--method", "majority", "--jobs", "1", "--results", folder)

    assert ended.code == 0
    assert "caf\\udce9" in ended.out


def test_a_reader_that_left_the_pipe_is_no_error(bench: Bench) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        ended = bench.spawn("list", "methods", stdout=closed)

    assert ended.code == 0
    assert ended.err == ""


def test_a_full_output_file_is_told_in_one_sentence(bench: Bench) -> None:
    with Path("/dev/full").open("w") as full:
        ended = bench.spawn("list", "methods", stdout=full)

    assert ended.code == 2
    assert len(ended.errors) == 1
    assert "No space left on device" in ended.errors[0]
    assert "Traceback" not in ended.err


def on_a_terminal(bench: Bench, columns: int, *arguments: str | Path) -> str:
    """Return what a terminal of that width shows."""
    command = [sys.executable, "-m", "mer_bench", *map(str, arguments)]
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(columns)}
    process = subprocess.Popen(command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # Linux ends a terminal so
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()).replace("\r", "")


@pytest.mark.parametrize("columns", [80, 160])
def test_no_figure_is_cut_whatever_the_width_of_the_terminal(bench: Bench, columns: int) -> None:
    shown = on_a_terminal(bench, columns, *bench.run_arguments("--method", "majority", "--seeds", "2"))
    table = shown[shown.index("method  ") : shown.index("selection: none")]

    assert "…" not in shown
    assert max(len(line) for line in shown.splitlines() if not line.startswith("Report: ")) <= columns
    assert table.count("0.3333") >= 12
    assert "0.1961±0.0000" in table


def test_an_oracle_stands_in_a_table_of_its_own(bench: Bench) -> None:
    ended = bench.run(*SMALL_AHMSA, "--method", "majority", "--set", "epochs=2", "--selection", "oracle")
    results, oracle = ended.out.split("selection: none")

    assert "majority  0" in results
    assert "ahmsa  " not in results[results.index("UF1 / UAR") :]
    assert "ahmsa" in oracle
    assert "majority" not in oracle
    assert "ORACLE" in oracle


def test_options_of_the_config_file_are_merged_and_never_dropped_in_silence(bench: Bench, tmp_path: Path) -> None:
    Path("mer-bench.toml").write_text('data = "synthetic-maps"\ndata-options = { seed = 7, size = "tiny" }\n')
    run = ("run", "--method", "majority", "--jobs", "1", "--json", "--results", tmp_path / "r")
    both = bench(*run, "--data-option", "size=tiny")
    alone = bench(*run)
    other = bench(*run, "--data", "synthetic-maps", "--data-option", "size=tiny")

    assert both.objects[0]["row_key"] == alone.objects[0]["row_key"] != other.objects[0]["row_key"]
    assert "config file's data-options are not used" in other.err
    assert "not used" not in alone.err


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_stop_no_run(bench: Bench, closed: str) -> None:
    arguments = " ".join(map(str, bench.run_arguments("--method", "majority", jobs=2)))
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m mer_bench {arguments} {closed}"],
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0
    assert len(bench.cell_files()) == 6


def test_a_terminal_gets_a_bar_with_cells_done_rate_and_time_left(bench: Bench) -> None:
    ours, theirs = pty.openpty()
    process = bench.start(
        *bench.run_arguments("--method", "svm-flow"),
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    process.communicate(timeout=60)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode("utf-8", "replace"))

    assert process.returncode == 0
    assert "━" in text
    assert "6/6" in text
    assert re.search(r"\d+\.\d\d/s", text)
    assert re.search(r"0:00:\d\d", text)


@pytest.mark.usefixtures("naughty")
def test_elsewhere_plain_lines_tell_cells_done_rate_and_time_left(bench: Bench) -> None:
    ended = bench.run("--method", "slow", "--set", "seconds=0.01")

    assert re.fullmatch(r"6/6 cells, \d+\.\d\d/s, 0 s left\n", ended.err)


def test_version_is_the_package_s(bench: Bench) -> None:
    from mer_bench import __version__

    assert bench("--version").out == f"mer-bench, version {__version__}\n"


def test_the_manifest_of_a_run_tells_how_it_was_made(bench: Bench) -> None:
    bench.run("--method", "majority")
    (file,) = bench.results.glob("runs/*/manifest.json")
    manifest = json.loads(file.read_text())

    assert manifest["argv"][1:4] == ["run", "--data", "synthetic-maps"]
    assert (manifest["cells"], manifest["jobs"], manifest["device"]) == (6, 1, "cpu")
    assert manifest["packages"]["numpy"]
    assert {json.loads(path.read_text())["run_id"] for path in bench.cell_files()} == {manifest["run_id"]}
    assert sorted({path.stem for path in bench.cell_files()}) == sorted(FOLDS)
