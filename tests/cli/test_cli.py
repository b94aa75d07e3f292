from __future__ import annotations

import ast
import json
import os
import pty
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from support.bench import TINY, Bench
from support.flow_data import write_flow_data

import mer_bench.cli.verbs
from mer_bench.cli.console import console, print_line
from mer_bench.cli.exit_codes import ExitCode

HEAVY = ("torch", "cv2", "mediapipe", "dlib", "sklearn", "pandas", "numpy", "scipy", "matplotlib", "PIL", "skimage")
VERBS = ("run", "status", "report", "export", "score", "list", "describe", "plugins", "plugin", "check", "data")
NESTED = (*(("data", verb) for verb in ("check", "list", "preprocess", "synth", "info")), ("plugin", "new"))
LISTS = (("list", "methods"), ("list", "databases"), ("list", "protocols"), ("plugins",))
IMPORTED = """
import sys
from mer_bench.cli import main
for line in sys.stdin.read().splitlines():
    sys.argv = ["mer-bench", *line.split()]
    try:
        main()
    except SystemExit as end:
        assert not end.code
print(",".join(sys.modules), file=sys.stderr)
"""


def test_help_takes_little_work() -> None:
    """Of the processor's time, which does not depend on what else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "mer_bench", "--help"], capture_output=True, timeout=60, check=True)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)

    assert now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime < 0.3


def test_help_and_lists_import_nothing_heavy() -> None:
    helps = [f"{' '.join(verb)} --help" for verb in (*((verb,) for verb in VERBS), *NESTED)]
    lines = "\n".join(["--help", "--version", *helps, *map(" ".join, LISTS)])
    command = [sys.executable, "-c", IMPORTED]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=60, check=True)

    assert not {name.partition(".")[0] for name in done.stderr.split(",")} & set(HEAVY)


@pytest.mark.parametrize("verb", [*((verb,) for verb in VERBS), *NESTED], ids=" ".join)
def test_the_help_of_every_verb_says_where_results_go(bench: Bench, verb: tuple[str, ...]) -> None:
    page = bench(*verb, "--help").out

    assert page.startswith(f"Usage: mer-bench {' '.join(verb)}")
    assert "Results of runs go to the folder given by --results" in " ".join(page.split())
    assert re.search(rf"^ +{verb[-1]} {{2,}}\w", bench(*verb[:-1], "--help").out, re.MULTILINE)


def test_without_a_verb_the_help_is_shown_and_the_version_on_request(bench: Bench) -> None:
    ended = bench()

    assert "Usage: mer-bench" in ended.out + ended.err
    assert not ended.errors
    assert bench("--version").out == f"mer-bench, version {mer_bench.__version__}\n"


@pytest.mark.parametrize("columns", [80, 130])
def test_help_is_as_wide_as_the_terminal(bench: Bench, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    widest = max(map(len, bench("run", "--help").out.splitlines()))

    assert columns - 20 < widest < columns


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


@pytest.mark.parametrize("code", ExitCode)
def test_the_process_ends_with_the_code_of_its_verb(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, code: ExitCode
) -> None:
    from mer_bench.cli.verbs.plugin import new

    monkeypatch.setattr(new.command, "callback", lambda **options: code)

    assert bench("plugin", "new", "my-net").code == code


def test_the_readme_names_every_exit_code() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (line,) = (line for line in readme.splitlines() if line.startswith("Exit codes: "))

    assert {int(number) for number in re.findall(r"\d+", line)} == set(ExitCode)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_lines_are_folded_at_words_in_a_terminal_and_never_in_a_file(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_terminal: bool
) -> None:
    monkeypatch.setattr("rich.console.Console.is_terminal", is_terminal)
    monkeypatch.setenv("COLUMNS", "90")
    listed = bench("list", "databases").out.splitlines()
    print_line(console(), "twelve folds " * 9)
    printed = capsys.readouterr().out.splitlines()

    assert [line.split()[-1] for line in printed] == ["folds"] * (2 if is_terminal else 1)
    assert (max(map(len, listed)) <= 90) == is_terminal
    assert any("releases        official releases as downloaded: SMIC-HS, SAMM, CASME" in line for line in listed)
    assert "…" not in "".join(listed)


def test_lists_have_headings_and_say_who_offers_what(bench: Bench) -> None:
    methods = bench("list", "methods", "--json").objects[0]
    headings, rule, first, *_ = bench("list", "methods").out.splitlines()

    offered = {"input": "region-flow", "presets": "paper, quick", "from": "mer-bench"}
    assert {"name": "ahmsa", "title": "AHMSA-Net", **offered} in methods
    assert headings.split() == ["name", "title", "input", "presets", "from"]
    assert set(rule) == {"─"}
    assert first.split() == ["ahmsa", "AHMSA-Net", "region-flow", "paper,", "quick", "mer-bench"]
    names = [line.split()[0] for line in bench("list", "protocols").out.splitlines()[2:]]
    assert names == sorted(names)
    assert {"cde", "loso-smic", "loso-samm", "loso-casme2", "loso-casme3"} < set(names)
    assert re.search(r"^name +title +from$", bench("list", "databases").out, re.MULTILINE)
    assert re.search(r"^ok +ahmsa +mer-bench \S+$", bench("plugins").out, re.MULTILINE)


def test_a_run_prints_plan_scores_caveats_and_report(bench: Bench) -> None:
    ended = bench.run("--method", "majority", "--method", "svm-flow", "--set", "tuning=fixed")

    assert ended.code == 0
    assert "cells: 12 in total, 0 stored, 12 to compute" in ended.out
    assert re.search(r"majority +deterministic +6/6 +0\.1961 0\.3333", ended.out)
    assert re.search(r"^input: .+, digest \w{8}$", ended.out.partition("cells: ")[0], re.MULTILINE)
    assert "SYNTHETIC data" in ended.out
    assert f"Report: {bench.results / 'report.html'}" in ended.out.splitlines()
    assert (bench.results / "report.html").stat().st_size > 1000
    assert re.search(r"^12/12 cells, \d+\.\d\d/s, 0 s left$", ended.err, re.MULTILINE)
    (file,) = bench.results.glob("runs/*/manifest.json")
    manifest = json.loads(file.read_text())
    assert manifest["argv"][1:4] == ["run", "--data", "synthetic-maps"]
    assert (manifest["cells"], manifest["jobs"], manifest["device"]) == (12, 1, "cpu")
    assert manifest["packages"]["numpy"]
    assert {json.loads(path.read_text())["run_id"] for path in bench.cell_files()} == {manifest["run_id"]}


def test_a_dry_run_shows_what_is_left_and_writes_nothing(bench: Bench, tmp_path: Path) -> None:
    nothing = sorted(tmp_path.rglob("*"))
    # Underscores and capitals are read as hyphens and small letters.
    first = bench.run("--method", "Random", "--protocol", "LOSO_smic", "--allow_partial", "--seeds", "2", "--dry_run")
    left_by_first = sorted(tmp_path.rglob("*"))
    bench.run("--method", "majority")
    before = {path: path.stat().st_mtime_ns for path in bench.results.rglob("*")}
    second = bench.run("--method", "majority", "--method", "svm-flow", "--dry-run")

    assert first.code == 0
    assert "protocol loso-smic@1: 8 samples, 2 folds, selection last" in first.out
    assert "cells: 4 in total, 0 stored, 4 to compute" in first.out
    assert "method random" in first.out
    assert left_by_first == nothing
    assert "cells: 12 in total, 6 stored, 6 to compute" in second.out
    assert {path: path.stat().st_mtime_ns for path in bench.results.rglob("*")} == before


@pytest.mark.slow
def test_last_and_oracle_come_out_of_one_training_and_inner_of_its_own(bench: Bench) -> None:
    arguments = ("--method", "ststnet", "--set", "epochs=2", "--json")
    last = bench.run(*arguments)
    oracle = bench.run(*arguments, "--selection", "oracle")
    scores = sorted(bench.results.glob("artifacts/*/*.safetensors"))
    scores[0].write_bytes(scores[0].read_bytes()[:40])
    scores[1].unlink()
    again = bench.run(*arguments, "--selection", "oracle")
    inner = bench.run(*arguments, "--selection", "inner")

    assert [ended.objects[0]["selection"] for ended in (last, oracle, inner)] == ["last", "oracle", "inner"]
    assert "6 stored, 0 to compute" in oracle.err
    assert "nothing to compute" in oracle.err
    assert "ORACLE" in oracle.err
    assert "0 stored, 6 to compute" in inner.err
    assert oracle.objects[0]["slices"]["full"]["accuracy"] >= last.objects[0]["slices"]["full"]["accuracy"]
    assert oracle.objects[0]["row_key"] == last.objects[0]["row_key"] != inner.objects[0]["row_key"]
    assert "4 stored, 2 to compute" in again.err
    assert again.objects == oracle.objects


def test_json_is_one_object_for_each_method_and_seed_and_nothing_else(bench: Bench) -> None:
    methods = ("--method", "random", "--method", "svm-flow", "--method", "majority")
    ended = bench.run(*methods, "--set", "tuning=fixed", "--seeds", "2", "--json")

    # What draws no random number runs once, whatever number of seeds is asked for.
    named = [("random", 0), ("random", 1), ("svm-flow", 0), ("majority", 0)]
    assert [(result["method"], result["seed"]) for result in ended.objects] == named
    last = ended.objects[-1]
    assert {"protocol": "cde", "selection": "none", "n_samples": 24, "n_folds": 6}.items() <= last.items()
    assert list(last["slices"]) == ["full", "smic", "samm", "casme2"]
    assert [result["deterministic"] for result in ended.objects] == [False, False, True, True]
    assert last["slices"]["full"] == {"uf1": pytest.approx(10 / 51), "uar": pytest.approx(1 / 3), "accuracy": 10 / 24}
    assert "cells: 24 in total" in ended.err


@pytest.mark.usefixtures("naughty")
def test_what_a_method_prints_stays_out_of_the_json(bench: Bench) -> None:
    in_workers = bench.spawn(*bench.run_arguments("--method", "prints", "--json", jobs=2))

    assert [o["method"] for o in in_workers.objects] == ["prints"]
    assert (in_workers.err.count("noise of fit"), in_workers.err.count("noise of native code")) == (6, 6)


def test_without_data_the_synthetic_release_is_used_with_the_quick_preset(bench: Bench) -> None:
    ended = bench("run", "--method", "ahmsa", "--dry-run", "--data-option", "size=tiny")

    assert ended.err.startswith("note: no data is named: this run uses the built-in SYNTHETIC release")
    assert "preset 'quick' is used" in ended.out
    differs = "differs from paper in width=96, epochs=30, lr=0.0005, batch_size=64"
    assert f"method ahmsa (region-flow): quick, not the paper's training; {differs}\n" in ended.out


def test_export_then_score_gives_the_scores_of_the_run(bench: Bench, tmp_path: Path) -> None:
    run = bench.run("--method", "svm-flow", "--set", "tuning=fixed", "--json").objects[0]
    bench.run("--method", "svm-flow", "--set", "tuning=fixed", "--set", "C=2")
    log = tmp_path / "log.txt"
    arguments = ("export", "--format", "megc", "--out", log, "--method", "svm_flow", "--results", bench.results)
    unclear = bench(*arguments)
    (other,) = (path for path in bench.results.glob("cells/*/*/*") if not run["row_key"].startswith(path.name))
    next(path for path in bench.cell_files() if other in path.parents).unlink()
    partial = bench(*arguments, "--row", other.name)
    left_by_refused = log.exists()
    exported = bench(*arguments, "--row", run["row"])
    scored = bench("score", log, "--json").objects[0]
    headings, line, *_ = bench("score", log).out.splitlines()

    assert unclear.code == partial.code == 2
    assert "several rows fit" in unclear.errors[0]
    assert all(f"svm-flow-{key[:4]} (none)" in unclear.errors[0] for key in (other.name, run["row_key"]))
    assert "has 5/6 folds" in partial.errors[0]
    assert not left_by_refused
    assert exported.code == 0
    assert "24 samples" in exported.out
    metrics = ("uf1", "uar", "accuracy")
    assert {name: {key: part[key] for key in metrics} for name, part in scored.items()} == run["slices"]
    assert headings.split()[:5] == ["slice", "UF1", "UAR", "accuracy", "samples"]
    assert line.split()[:5] == ["full", *(f"{run['slices']['full'][name]:.4f}" for name in metrics), "24"]


def test_status_counts_folds_and_report_shows_no_mean_of_an_incomplete_run(bench: Bench, tmp_path: Path) -> None:
    bench.run("--method", "majority")
    bench.cell_files()[0].unlink()
    place, headings, _, line = bench("status", "--results", bench.results).out.splitlines()
    (row,) = bench("status", "--results", bench.results, "--json").objects[0]["rows"]
    report = bench("report", "--results", bench.results, "--out", tmp_path / "pages")
    page = (tmp_path / "pages" / "report.html").read_text(encoding="utf-8")

    assert re.fullmatch(r"cde@1, input: .+, digest \w{8}", place)
    assert headings.split() == ["row", "preset", "selection", "seeds", "folds", "UF1", "UAR", "time", "caveats"]
    cells = re.split(r" {2,}", line)
    assert cells[:4] == [row["row"], "defaults", "none", "deterministic"]
    assert [*cells[4:7], cells[8]] == ["5/6", "–", "–", "partial, synthetic"]
    assert (row["folds_done"], row["folds_failed"], row["missing"]) == (5, 0, 1)
    assert report.code == 0
    assert str(tmp_path / "pages" / "report.html") in report.out.splitlines()
    assert "5/6" in page
    assert "0.1961" not in page


def test_partial_data_runs_only_when_allowed_and_with_the_caveat(bench: Bench, tmp_path: Path) -> None:
    data = write_flow_data(tmp_path / "maps")
    where = ("--data", data, "--results", bench.results, "--protocol", "loso-smic")
    arguments = ("run", *where, "--method", "majority", "--jobs", "1")
    refused = bench(*arguments)
    left_by_refused = bench.results.exists()
    ended = bench(*arguments, "--allow-partial", "--json")

    assert refused.code == 2
    assert "add --allow-partial" in refused.errors[0]
    assert not left_by_refused
    assert ended.code == 0
    assert ended.objects[0]["caveats"] == ["partial"]
    assert (ended.objects[0]["n_samples"], ended.objects[0]["n_folds"]) == (9, 3)
    assert "partial: smic: negative 3 of 70" in ended.err
    assert "PARTIAL" in ended.err


def test_any_results_folder_is_printed_as_it_is(bench: Bench, tmp_path: Path) -> None:
    """Neither markup nor a name that is not UTF-8 stops a run."""
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/[bold]caf\xe9[/red]")
    arguments = ("run", *TINY, "--method", "majority", "--no-baselines", "--jobs", "1", "--results", folder)
    first = bench(*arguments)
    (cell, *_) = Path(folder).glob("cells/*/*/*/seed-0/*.json")
    cell.write_text("{")
    ended = bench(*arguments)

    assert (first.code, ended.code) == (0, 0)
    assert f"Report: {tmp_path}/[bold]caf\\udce9[/red]" in ended.out
    assert f"note: {tmp_path}/[bold]caf\\udce9[/red]/cells" in ended.err


def test_a_reader_that_left_is_no_error_and_a_full_output_file_one_sentence(bench: Bench) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed, Path("/dev/full").open("w") as file:
        left = bench.spawn("list", "methods", stdout=closed)
        full = bench.spawn("list", "methods", stdout=file)

    assert (left.code, left.err) == (0, "")
    assert (full.code, len(full.errors)) == (2, 1)
    assert "No space left on device" in full.errors[0]
    assert "Traceback" not in full.err


def on_a_terminal(bench: Bench, columns: int, *arguments: str | Path) -> str:
    """Return what a terminal of that width shows of stdout and stderr."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(columns)}
    process = bench.start(*arguments, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 4096):
            shown += piece
    except OSError:  # Linux ends a terminal so
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()).replace("\r", "\n")


def test_a_terminal_shows_a_bar_and_a_table_that_fits(bench: Bench) -> None:
    arguments = ("--method", "random", "--method", "majority", "--seeds", "2")
    shown = on_a_terminal(bench, 80, *bench.run_arguments(*arguments))
    table = shown[shown.index("method  ") : shown.index("selection: none")]

    assert re.search(r"^cells ━+ 18/18 \d+\.\d\d/s 0 s left$", shown, re.MULTILINE)
    assert "…" not in shown
    assert max(len(line) for line in shown.splitlines() if not line.startswith("Report: ")) == 80
    assert re.search(r"^ majority +deterministic +6/6 +full +0\.1961 +0\.3333 +0\.4167 *$", table, re.MULTILINE)
    assert re.search(r"^ random +mean +full +0\.2975 +0\.3000 +0\.3125\s+±0\.0996 +±0\.1010", table, re.MULTILINE)


def test_options_of_the_config_file_are_merged_or_reported_as_unused(bench: Bench, tmp_path: Path) -> None:
    Path("mer-bench.toml").write_text('data = "synthetic-maps"\ndata-options = { seed = 7, size = "tiny" }\n')
    run = ("run", "--method", "majority", "--no-baselines", "--jobs", "1", "--json", "--results", tmp_path / "r")
    both = bench(*run, "--data-option", "size=tiny")
    alone = bench(*run)
    other = bench(*run, "--data", "synthetic-maps", "--data-option", "size=tiny")

    assert both.objects[0]["row_key"] == alone.objects[0]["row_key"] != other.objects[0]["row_key"]
    assert "data-options of the config file are not used" in other.err
    assert "not used" not in alone.err


@pytest.mark.slow
def test_closed_standard_streams_stop_no_run(bench: Bench) -> None:
    arguments = " ".join(map(str, bench.run_arguments("--method", "majority", jobs=2)))
    command = ["bash", "-c", f"{sys.executable} -m mer_bench {arguments} <&- >&- 2>&-"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)

    assert done.returncode == 0
    assert len(bench.cell_files()) == 6
