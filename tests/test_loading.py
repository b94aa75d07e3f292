"""Plugins that load without end are named, and those that change mer-bench itself are refused and change nothing."""

from __future__ import annotations

import json
import os
import pkgutil
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import redirect_stderr
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from support.hostile import install, method_plugin

import mer_bench
from mer_bench import (
    MerBenchError,
    bounded_files,
    caveats,
    errors,
    foreign,
    loading,
    names,
    specs,
    strict_toml,
)
from mer_bench.caveats import Caveat
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.databases.open import open_source
from mer_bench.engine import home
from mer_bench.executors.cluster_file import open_executor
from mer_bench.parameters import Parameter
from mer_bench.plugin_manager import PluginRecord, PluginStatus, load_catalogue
from mer_bench.synthesis import plans
from mer_bench.testing import kit

HEALTHY = method_plugin("zz_healthy", "zz-net")
WAITS = "import builtins\nassert builtins.said.wait(60)\n"
"""Waits until something is said on stderr, which is the test's own."""


class Said:
    """A stream that tells when something is written to it."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.event = threading.Event()

    def wait(self, seconds: float) -> bool:
        return self.event.wait(seconds)

    def write(self, text: str) -> int:
        self.texts.append(text)
        return len(text)

    def flush(self) -> None:
        self.event.set()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A site folder for plugins, whose modules are forgotten afterwards."""
    folder = tmp_path / "site"
    install(folder, "healthy-plugin", {"zz_healthy": HEALTHY})
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Said:
    """A stream for stderr; a plugin that loads for 50 ms counts as slow."""
    said = Said()
    monkeypatch.setattr("builtins.said", said, raising=False)
    monkeypatch.setattr(loading, "LONG_SECONDS", 0.05)
    return said


def record_of(name: str) -> PluginRecord:
    (record,) = [record for record in load_catalogue().records if record.name == name]
    return record


@pytest.mark.parametrize(
    "source",
    [
        WAITS + HEALTHY.replace("zz", "acme"),
        HEALTHY.replace("zz", "acme").replace("return [", f"{WAITS.replace(chr(10), ';')}return ["),
    ],
    ids=["import", "hook"],
)
def test_a_plugin_that_loads_for_long_is_named_once(site: Path, said: Said, source: str) -> None:
    install(site, "acme-plugins", {"acme": source}, version="3.1")

    with redirect_stderr(said):  # type: ignore[type-var]
        assert "acme-net" in load_catalogue().methods
    shown = [line for line in "".join(said.texts).splitlines() if "acme" in line]
    assert shown == [
        "still loading plugin 'acme' of acme-plugins 3.1; Ctrl-C ends this; MER_BENCH_BLOCK_PLUGINS=acme goes on "
        "without it"
    ]


def test_a_name_of_a_slow_plugin_is_not_obeyed_by_the_terminal(said: Said) -> None:
    with (
        redirect_stderr(said),
        loading.Loading().watched() as watched,
        watched.of("plugin \x1b[2J\x1b]0;x\x07z", "do\rwithout", "acme"),
    ):
        assert said.wait(60)

    assert "".join(said.texts).strip("\n").isprintable()
    assert "z; Ctrl-C ends this; do without" in "".join(said.texts)


def test_nothing_is_said_and_no_thread_stays_where_all_load_quickly(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = threading.active_count()

    assert "zz-net" in load_catalogue().methods
    assert "loading" not in capsys.readouterr().err
    assert threading.active_count() == before


ENDLESS = "n = 0\nwhile True: n += 1"
QUICKLY = "from mer_bench import loading; loading.LONG_SECONDS = 0.2; from mer_bench.cli import main; main()"


@pytest.mark.parametrize(
    "source",
    [ENDLESS, "from mer_bench import hookimpl\n@hookimpl\ndef mer_bench_methods():\n    while True: pass"],
    ids=["import", "hook"],
)
def test_a_plugin_without_end_is_named_and_ctrl_c_ends_the_command(site: Path, source: str) -> None:
    install(site, "acme-plugins", {"acme": source})
    process = subprocess.Popen(
        [sys.executable, "-c", QUICKLY, "list", "methods"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        named = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()

    assert named.startswith("still loading plugin 'acme' of acme-plugins 1.0; ")
    assert process.returncode == ExitCode.INTERRUPTED
    assert out == ""
    assert err.splitlines()[-1] == (
        "interrupted: plugin 'acme' of acme-plugins 1.0 was still loading; MER_BENCH_BLOCK_PLUGINS=acme goes on "
        "without it"
    )


PATCHES = {
    "a function of a module": ("from mer_bench import names\nnames.is_name = lambda name: True", "names.is_name"),
    "a constant": ("from mer_bench import errors\nerrors.MOST_CHARACTERS = 5", "errors.MOST_CHARACTERS"),
    "a class of a module": (
        "from mer_bench import errors\nclass MerBenchError(Exception): pass\nerrors.MerBenchError = MerBenchError",
        "errors.MerBenchError",
    ),
    "a method of a class": (
        "from mer_bench import parameters\nparameters.Parameter.check = lambda self, value: value",
        "parameters.Parameter.check",
    ),
    "a method that is added": (
        "from mer_bench import specs\nspecs.MethodSpec.__bool__ = lambda self: False",
        "specs.MethodSpec.__bool__",
    ),
    "a property": (
        "from mer_bench import strict_toml\nstrict_toml.TomlTable.keys = ()",
        "strict_toml.TomlTable.keys",
    ),
    "the code of a function": (
        "from mer_bench import names\nnames.is_name.__code__ = (lambda name: True).__code__",
        "names.is_name",
    ),
    "the code of a method": (
        "from mer_bench import parameters\nparameters.Parameter.check.__code__ = (lambda self, value: 1).__code__",
        "parameters.Parameter.check",
    ),
    "the code behind a property": (
        "from mer_bench import strict_toml\nstrict_toml.TomlTable.keys.fget.__code__ = (lambda self: 1).__code__",
        "strict_toml.TomlTable.keys",
    ),
    "a default": ("from mer_bench import errors\nerrors.shortened.__defaults__ = (7,)", "errors.shortened"),
    "a default that only a keyword names": (
        "from mer_bench.bounded_files import read_bounded\nread_bounded.__kwdefaults__['may_be_empty'] = True",
        "bounded_files.read_bounded",
    ),
    "what a closure holds": (
        "from mer_bench.foreign import foreign_code\nforeign_code.__closure__[0].cell_contents = lambda *_: iter([0])",
        "foreign.foreign_code",
    ),
    "the code behind a decorator": (
        "from mer_bench.foreign import foreign_code\nforeign_code.__wrapped__.__code__ = (lambda: (yield)).__code__",
        "foreign.foreign_code",
    ),
    "the value of an enumeration": (
        "from mer_bench.caveats import Caveat\nCaveat.SYNTHETIC._value_ = 'real'",
        "caveats.Caveat.SYNTHETIC._value_",
    ),
    "a member of an enumeration": (
        "from mer_bench.caveats import Caveat\nCaveat._member_map_['SYNTHETIC'] = Caveat.PARTIAL",
        "caveats.Caveat._member_map_",
    ),
    "the inside of a dictionary": ("from mer_bench import caveats\ncaveats._SENTENCES.clear()", "caveats._SENTENCES"),
    "a dictionary in a dictionary": (
        "from mer_bench.synthesis import plans\nnext(iter(plans._OTHERS.values())).clear()",
        "synthesis.plans._OTHERS",
    ),
    "the inside of a list": ("from mer_bench.testing import kit\nkit._NAMES.pop()", "testing.kit._NAMES"),
    "the inside of a set": ("from mer_bench.engine import home\nhome._SHARED.clear()", "engine.home._SHARED"),
    "what is built in": ("from mer_bench import errors\nerrors.len = lambda text: 0", "errors.len"),
    "a function that is removed": ("from mer_bench import names\ndel names.is_name", "names.is_name"),
    "a whole module": (
        "import sys, types\nsys.modules['mer_bench.names'] = types.ModuleType('mer_bench.names')",
        "names",
    ),
    "the public interface": ("import mer_bench\nmer_bench.MerBenchError = ValueError", "MerBenchError"),
}
"""Sources that change mer-bench, and the name of what each changes."""


def whole() -> tuple[object, ...]:
    """What the sources of `PATCHES` change."""
    method, parameter, table = vars(specs.MethodSpec), vars(Parameter), vars(strict_toml.TomlTable)
    functions = (names.is_name, parameter["check"], table["keys"].fget, errors.shortened)
    codes = tuple((function.__code__, function.__defaults__) for function in functions)
    held = (errors.MOST_CHARACTERS, errors.MerBenchError, mer_bench.MerBenchError, method.get("__bool__"))
    assert foreign.foreign_code.__closure__
    closed = (foreign.foreign_code.__closure__[0].cell_contents, foreign.foreign_code.__wrapped__.__code__)  # type: ignore[attr-defined]
    inside = (dict(bounded_files.read_bounded.__kwdefaults__ or {}), Caveat.SYNTHETIC.value, Caveat["SYNTHETIC"])
    contents = deepcopy((caveats._SENTENCES, plans._OTHERS, kit._NAMES, home._SHARED))
    seen = (*closed, inside, contents)
    return (*functions, codes, held, table["keys"], vars(errors).get("len"), sys.modules["mer_bench.names"], seen)


@pytest.mark.parametrize("case", PATCHES)
def test_a_plugin_that_changes_mer_bench_is_refused_and_changes_nothing(site: Path, case: str) -> None:
    source, name = PATCHES[case]
    install(site, "acme-plugins", {"acme": f"{source}\n{HEALTHY.replace('zz', 'acme')}"}, version="3.1")
    before = whole()
    catalogue = load_catalogue()
    (record,) = [record for record in catalogue.records if record.name == "acme"]

    assert (record.distribution, record.version, record.status) == ("acme-plugins", "3.1", PluginStatus.FAILED)
    assert record.reason.startswith(f"it changes mer_bench.{name}")
    assert "uninstall it" in record.reason
    assert whole() == before
    assert "acme-net" not in catalogue.methods
    assert {"zz-net", "ahmsa"} <= catalogue.methods.keys()
    with pytest.raises(MerBenchError, match=r"plugin 'acme' of acme-plugins 3\.1 failed: it changes mer_bench\."):
        catalogue.method("acme-net")


def test_a_plugin_that_was_refused_is_refused_again_though_python_does_not_execute_it_again(site: Path) -> None:
    source, _ = PATCHES["a constant"]
    install(site, "acme-plugins", {"acme": f"{source}\n{HEALTHY.replace('zz', 'acme')}"})
    first, again = record_of("acme"), record_of("acme")

    assert first.reason.startswith("it changes mer_bench.errors.MOST_CHARACTERS")
    assert (again.status, again.reason) == (PluginStatus.FAILED, first.reason)


READER = """
    from mer_bench import DatabaseSpec, ExecutorSpec, Parameter, hookimpl

    @hookimpl
    def mer_bench_databases():
        return [DatabaseSpec("acme-data", "Acme", "acme_here:Here", needs_path=False)]

    @hookimpl
    def mer_bench_executors():
        return [ExecutorSpec("acme", "Acme", "acme_here:Here", (Parameter("x", 1, "a number"),))]
"""


def test_a_reader_or_executor_that_changes_mer_bench_when_it_is_imported_is_refused(site: Path, tmp_path: Path) -> None:
    here = "from mer_bench import names\nnames.is_name = lambda name: True\nclass Here: pass"
    install(site, "acme-plugins", {"acme": READER, "acme_here": here})
    cluster, catalogue, before = tmp_path / "cluster.toml", load_catalogue(), whole()
    cluster.write_text("acme_x = 2")

    # The second time of each, Python does not execute the module again.
    for _ in range(2):
        with pytest.raises(MerBenchError, match=r"it changes mer_bench\.names\.is_name of mer-bench itself"):
            open_source("acme-data", {}, catalogue)
        assert whole() == before
    del sys.modules["acme_here"]
    for _ in range(2):
        with pytest.raises(MerBenchError, match=r"it changes mer_bench\.names\.is_name of mer-bench itself"):
            open_executor(cluster, catalogue)
        assert whole() == before


def test_a_plugin_that_changes_mer_bench_and_fails_changes_nothing(site: Path) -> None:
    source = "from mer_bench import names\nnames.is_name = None\nraise OSError('no licence')"
    install(site, "acme-plugins", {"acme": source})
    before = whole()

    assert record_of("acme").reason.startswith("it changes mer_bench.names.is_name of mer-bench itself")
    assert "OSError: no licence" in record_of("acme").traceback
    assert whole() == before


def test_a_hook_that_changes_mer_bench_is_refused(site: Path) -> None:
    hook = "    from mer_bench import names; names.is_name = None\n    return ["
    install(site, "acme-plugins", {"acme": HEALTHY.replace("zz", "acme").replace("    return [", hook)})
    before = whole()

    assert record_of("acme").reason.startswith("it changes mer_bench.names.is_name of mer-bench itself")
    assert whole() == before


def fresh(site: Path, code: str) -> Any:
    """Return what a new interpreter prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_a_module_that_only_the_plugin_has_imported_is_whole_afterwards(site: Path) -> None:
    # `metrics` is not imported by the command before it loads plugins, and `megc_log` takes a function from it.
    source = """
        import mer_bench.scoring.metrics as metrics
        metrics.score = lambda *_, **__: "forged"
        import mer_bench.scoring.megc_log
    """
    install(site, "acme-plugins", {"acme": source})
    found = fresh(
        site,
        """
        import json, sys
        from mer_bench.plugin_manager import load_catalogue
        before = "mer_bench.scoring.metrics" in sys.modules
        (record,) = [record for record in load_catalogue().records if record.name == "acme"]
        from mer_bench.scoring import megc_log, metrics
        print(json.dumps([before, record.reason, metrics.score.__module__, megc_log.score is metrics.score]))
        """,
    )

    assert found[0] is False
    assert found[1].startswith("it changes mer_bench.scoring.metrics.score of mer-bench itself")
    assert found[2:] == ["mer_bench.scoring.metrics", True]


def test_a_plugin_that_changes_the_report_is_refused(site: Path) -> None:
    source = "from mer_bench_reports import rendering\nrendering.build_report = lambda *_: 'forged'"
    install(site, "acme-plugins", {"acme": source})
    found = fresh(
        site,
        """
        import json
        from mer_bench.plugin_manager import load_catalogue
        (record,) = [record for record in load_catalogue().records if record.name == "acme"]
        from mer_bench_reports import builder, rendering
        print(json.dumps([record.reason, rendering.build_report is builder.build_report]))
        """,
    )

    assert found[0].startswith("it changes mer_bench_reports.rendering.build_report of mer-bench itself")
    assert found[1] is True


@pytest.mark.slow
def test_what_imports_all_of_mer_bench_changes_nothing_of_it(site: Path) -> None:
    every = [
        module.name
        for module in pkgutil.walk_packages(mer_bench.__path__, "mer_bench.")
        if not module.name.endswith("__main__")
    ]
    assert len(every) > 150
    public = "".join(f"import mer_bench; mer_bench.{name}\n" for name in mer_bench.__all__)
    source = "".join(f"import {name}\n" for name in every) + public + "class Own(mer_bench.TorchMethod): pass\n"
    install(site, "acme-plugins", {"acme": source + HEALTHY.replace("zz", "acme")})
    found = fresh(
        site,
        """
        import json
        from mer_bench.plugin_manager import load_catalogue
        records = [load_catalogue().records for _ in range(2)]
        print(json.dumps([[record.reason for record in each] for each in records]))
        """,
    )

    assert len(found[0]) > 10
    assert {reason for each in found for reason in each} == {""}
