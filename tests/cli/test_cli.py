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
from support.bench import FOLDS, SMALL_AHMSA, TINY, Bench
from support.flow_data import write_flow_data
from support.hostile import install

import mer_bench.cli.verbs
from mer_bench.cli import cli
from mer_bench.cli.console import console, print_line
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.scoring.megc_log import read_log, score_log

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


@pytest.mark.usefixtures("naughty")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["check", "words", "good", "--only", "finite-scores"], ExitCode.FAILED),
        (["list", "databases"], None),
        (["--version"], ExitCode.DONE),
    ],
)
def test_the_command_line_returns_what_a_verb_returns(arguments: list[str], code: ExitCode | None) -> None:
    assert cli.main(arguments, prog_name="mer-bench", standalone_mode=False) == code


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


def test_text_in_a_file_is_wide_and_printed_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = "[bold]folds[/bold] :warning: " + "twelve folds " * 6
    console(stderr=True).print(text)

    assert capsys.readouterr() == ("", text + "\n")


@pytest.mark.parametrize(("is_terminal", "n_lines"), [(True, 2), (False, 1)])
def test_a_line_is_folded_at_words_in_a_terminal_and_never_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_terminal: bool, n_lines: int
) -> None:
    monkeypatch.setattr("rich.console.Console.is_terminal", is_terminal)
    monkeypatch.setenv("COLUMNS", "130")
    print_line(console(), "twelve folds " * 14)
    lines = capsys.readouterr().out.splitlines()

    assert [line.split()[-1] for line in lines] == ["folds"] * n_lines


def test_without_a_verb_the_help_is_shown(bench: Bench) -> None:
    ended = bench()

    assert "Usage: mer-bench" in ended.out + ended.err
    assert not ended.errors


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


@pytest.mark.parametrize(("is_terminal", "folds"), [(True, True), (False, False)])
def test_a_list_is_folded_at_words_in_a_terminal_and_never_in_a_file(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, is_terminal: bool, folds: bool
) -> None:
    monkeypatch.setattr("rich.console.Console.is_terminal", is_terminal)
    monkeypatch.setenv("COLUMNS", "90")
    lines = bench("list", "databases").out.splitlines()

    assert (max(map(len, lines)) <= 90) == folds
    assert any("releases        official releases as downloaded: SMIC-HS, SAMM, CASME" in line for line in lines)
    assert "…" not in "".join(lines)


@pytest.mark.usefixtures("naughty")
def test_a_protocol_that_cannot_be_read_hides_no_other(bench: Bench, tmp_path: Path) -> None:
    source = """
        from pathlib import Path
        from mer_bench import ProtocolSpec, hookimpl

        @hookimpl
        def mer_bench_protocols():
            return [ProtocolSpec("broken", Path("/nowhere/broken.toml"))]
    """
    install(tmp_path / "site", "broken-protocols", {"broken_protocols": source})
    ended = bench("list", "protocols")

    assert ended.code == 0
    assert "cannot be used" in next(line for line in ended.out.splitlines() if line.startswith("broken"))
    assert "cde" in ended.out


def test_a_run_prints_plan_scores_caveats_and_report(bench: Bench) -> None:
    ended = bench.run("--method", "majority", "--method", "svm-flow")

    assert ended.code == 0
    assert "cells: 12 in total, 0 stored, 12 to compute" in ended.out
    assert re.search(r"majority +0 +6/6 +0\.1961 0\.3333", ended.out)
    assert "SYNTHETIC data" in ended.out
    assert f"Report: {bench.results / 'report.html'}" in ended.out.splitlines()
    assert (bench.results / "report.html").stat().st_size > 1000
    assert "12/12 cells" in ended.err
    assert "Traceback" not in ended.out + ended.err


def test_a_dry_run_shows_what_is_left_and_writes_nothing(bench: Bench, tmp_path: Path) -> None:
    nothing = sorted(tmp_path.rglob("*"))
    first = bench.run("--method", "majority", "--seeds", "2", "--dry-run")
    left_by_first = sorted(tmp_path.rglob("*"))
    bench.run("--method", "majority")
    before = {path: path.stat().st_mtime_ns for path in bench.results.rglob("*")}
    second = bench.run("--method", "majority", "--method", "svm-flow", "--dry-run")

    assert first.code == 0
    assert "protocol cde@1: 24 samples, 6 folds, selection last" in first.out
    assert "cells: 12 in total, 0 stored, 12 to compute" in first.out
    assert left_by_first == nothing
    assert "cells: 12 in total, 6 stored, 6 to compute" in second.out
    assert {path: path.stat().st_mtime_ns for path in bench.results.rglob("*")} == before


def test_json_is_one_object_for_each_method_and_seed_and_nothing_else(bench: Bench) -> None:
    ended = bench.run("--method", "svm-flow", "--method", "majority", "--seeds", "2", "--json")

    assert [(o["method"], o["seed"]) for o in ended.objects] == [
        ("svm-flow", 0),
        ("svm-flow", 1),
        ("majority", 0),
        ("majority", 1),
    ]
    last = ended.objects[-1]
    assert {"protocol": "cde", "selection": "none", "n_samples": 24, "n_folds": 6}.items() <= last.items()
    assert list(last["slices"]) == ["full", "smic", "samm", "casme2"]
    assert last["slices"]["full"] == {"uf1": pytest.approx(10 / 51), "uar": pytest.approx(1 / 3), "accuracy": 10 / 24}
    assert "cells: 24 in total" in ended.err


@pytest.mark.usefixtures("naughty")
def test_what_a_method_prints_stays_out_of_the_json(bench: Bench) -> None:
    in_workers = bench.spawn(*bench.run_arguments("--method", "prints", "--json", jobs=2))
    inline = bench.run("--method", "prints", "--json", "--seeds", "2")

    assert [o["method"] for o in (*in_workers.objects, *inline.objects)] == ["prints"] * 3
    assert (in_workers.err.count("noise of fit"), in_workers.err.count("noise of native code")) == (6, 6)
    assert inline.err.count("noise of fit") == 6


def test_underscores_and_capitals_are_read_as_hyphens_and_small_letters(bench: Bench) -> None:
    ended = bench.run("--method", "SVM_Flow", "--protocol", "LOSO_smic", "--allow_partial", "--dry_run")

    assert ended.code == 0
    assert "protocol loso-smic@1" in ended.out
    assert "method svm-flow" in ended.out


def test_without_data_the_synthetic_release_is_used_with_the_quick_preset(bench: Bench) -> None:
    ended = bench("run", "--method", "ahmsa", "--dry-run", "--data-option", "size=tiny")

    assert ended.err.startswith("note: no data is named: this run uses the built-in SYNTHETIC release")
    assert "preset 'quick' is used" in ended.out
    assert "method ahmsa (region-flow): width=96, epochs=30, lr=0.0005, batch_size=64\n" in ended.out


def test_export_then_score_gives_the_scores_of_the_run(bench: Bench, tmp_path: Path) -> None:
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
    headings, line, *_ = bench("score", log).out.splitlines()
    assert headings.split()[:5] == ["slice", "UF1", "UAR", "accuracy", "samples"]
    assert line.split()[:5] == ["full", "0.5255", "0.5524", "0.5833", "24"]


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


def test_status_counts_folds_and_report_shows_no_mean_of_an_incomplete_run(bench: Bench, tmp_path: Path) -> None:
    bench.run("--method", "majority")
    bench.cell_files()[0].unlink()
    headings, _, line = bench("status", "--results", bench.results).out.splitlines()
    (row,) = bench("status", "--results", bench.results, "--json").objects[0]
    report = bench("report", "--results", bench.results, "--out", tmp_path / "pages")
    page = (tmp_path / "pages" / "report.html").read_text(encoding="utf-8")

    assert headings.split() == ["protocol", "method", "row", "key", "training", "seed", "caveats", "folds"]
    assert line.split() == ["cde@1", "majority", row["row_key"], "full", "0", "partial,", "synthetic", "5/6"]
    assert (row["done"], row["failed"], row["missing"], row["caveats"]) == (5, 0, 1, "partial, synthetic")
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


def test_a_lost_oracle_diagnostic_is_computed_again(bench: Bench) -> None:
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
    arguments = ("run", *TINY, "--method", "majority", "--no-baselines", "--jobs", "1", "--results", folder)
    bench(*arguments)
    (cell, *_) = folder.glob("cells/*/*/*/seed-0/*.json")
    cell.write_text("{")
    ended = bench(*arguments)

    assert ended.code == 0
    assert f"note: {cell} cannot be read" in ended.err
    assert f"Report: {folder}" in ended.out


def test_a_path_that_is_not_utf8_does_not_stop_a_run(bench: Bench, tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    ended = bench.spawn("run", *TINY, "--method", "majority", "--no-baselines", "--jobs", "1", "--results", folder)

    assert ended.code == 0
    assert "caf\\udce9" in ended.out


def test_a_reader_that_left_the_pipe_is_no_error(bench: Bench) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        ended = bench.spawn("list", "methods", stdout=closed)

    assert ended.code == 0
    assert ended.err == ""


def test_a_full_output_file_is_an_error_of_one_sentence(bench: Bench) -> None:
    with Path("/dev/full").open("w") as full:
        ended = bench.spawn("list", "methods", stdout=full)

    assert ended.code == 2
    assert len(ended.errors) == 1
    assert "No space left on device" in ended.errors[0]
    assert "Traceback" not in ended.err


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
    shown = on_a_terminal(bench, 80, *bench.run_arguments("--method", "majority", "--seeds", "2"))
    table = shown[shown.index("method  ") : shown.index("selection: none")]

    assert re.search(r"^cells ━+ 12/12 \d+\.\d\d/s 0:00:\d\d$", shown, re.MULTILINE)
    assert "…" not in shown
    assert max(len(line) for line in shown.splitlines() if not line.startswith("Report: ")) == 80
    assert table.count("0.3333") == 12
    assert "0.1961±0.0000" in table


@pytest.mark.usefixtures("naughty")
def test_elsewhere_plain_lines_show_cells_done_rate_and_time_left(bench: Bench) -> None:
    ended = bench.run("--method", "slow", "--set", "seconds=0.01")

    assert re.fullmatch(r"6/6 cells, \d+\.\d\d/s, 0 s left\n", ended.err)


def test_options_of_the_config_file_are_merged_or_reported_as_unused(bench: Bench, tmp_path: Path) -> None:
    Path("mer-bench.toml").write_text('data = "synthetic-maps"\ndata-options = { seed = 7, size = "tiny" }\n')
    run = ("run", "--method", "majority", "--no-baselines", "--jobs", "1", "--json", "--results", tmp_path / "r")
    both = bench(*run, "--data-option", "size=tiny")
    alone = bench(*run)
    other = bench(*run, "--data", "synthetic-maps", "--data-option", "size=tiny")

    assert both.objects[0]["row_key"] == alone.objects[0]["row_key"] != other.objects[0]["row_key"]
    assert "data-options of the config file are not used" in other.err
    assert "not used" not in alone.err


def test_closed_standard_streams_stop_no_run(bench: Bench) -> None:
    arguments = " ".join(map(str, bench.run_arguments("--method", "majority", jobs=2)))
    command = ["bash", "-c", f"{sys.executable} -m mer_bench {arguments} <&- >&- 2>&-"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)

    assert done.returncode == 0
    assert len(bench.cell_files()) == 6


def test_version_is_that_of_the_package(bench: Bench) -> None:
    from mer_bench import __version__

    assert bench("--version").out == f"mer-bench, version {__version__}\n"


def test_the_manifest_of_a_run_states_how_it_was_made(bench: Bench) -> None:
    bench.run("--method", "majority")
    (file,) = bench.results.glob("runs/*/manifest.json")
    manifest = json.loads(file.read_text())

    assert manifest["argv"][1:4] == ["run", "--data", "synthetic-maps"]
    assert (manifest["cells"], manifest["jobs"], manifest["device"]) == (6, 1, "cpu")
    assert manifest["packages"]["numpy"]
    assert {json.loads(path.read_text())["run_id"] for path in bench.cell_files()} == {manifest["run_id"]}
    assert sorted({path.stem for path in bench.cell_files()}) == sorted(FOLDS)
