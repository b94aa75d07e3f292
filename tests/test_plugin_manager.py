from __future__ import annotations

import inspect
import io
import json
import os
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.hostile import BROKEN, install, method_plugin, write_project

from mer_bench import MerBenchError, hookspecs
from mer_bench.plugin_manager import Catalogue, PluginRecord, PluginStatus, load_catalogue, load_target

BUILT_IN = method_plugin("fake_built_in", "ahmsa", "majority")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A site folder that hides the installed mer-bench behind a small distribution of the same name."""
    folder = tmp_path / "site"
    install(folder, "mer-bench", {"fake_built_in": BUILT_IN}, {"built-in": "fake_built_in"}, "0.1.0")
    monkeypatch.delenv("MER_BENCH_BLOCK_PLUGINS", raising=False)
    monkeypatch.delenv("MER_BENCH_STRICT_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("flaw", BROKEN)
def test_a_broken_plugin_fails_alone_and_says_why(site: Path, flaw: str) -> None:
    source, reason = BROKEN[flaw]
    install(site, "acme-plugins", {"acme": source}, version="3.1")
    install(site, "healthy-plugin", {"zz_healthy": method_plugin("zz_healthy", "zz-net")})
    catalogue = load_catalogue()
    record = record_of(catalogue, "acme")
    assert (record.distribution, record.version, record.status) == ("acme-plugins", "3.1", PluginStatus.FAILED)
    assert record.reason.startswith(reason)
    assert "Traceback" in record.traceback
    assert list(catalogue.methods) == ["ahmsa", "majority", "zz-net"]
    assert not catalogue.databases
    assert not catalogue.protocols
    assert record_of(catalogue, "zz_healthy").status == "ok"


def test_an_entry_point_to_a_missing_module_or_attribute_fails(site: Path) -> None:
    install(site, "acme-plugins", {"acme": "x = 1"}, {"gone": "no_such_acme", "attribute": "acme:nothing"})
    catalogue = load_catalogue()
    assert record_of(catalogue, "gone").reason == "ModuleNotFoundError: No module named 'no_such_acme'"
    assert record_of(catalogue, "attribute").reason.startswith("AttributeError: module 'acme' has no attribute")


def test_a_plugin_may_be_a_module_a_class_instance_or_name_its_hooks_freely(site: Path) -> None:
    source = """
        from mer_bench import MethodSpec, Representation, hookimpl

        def spec(name):
            return MethodSpec(name, "1", name, "acme:Net", Representation("flow"), "deep")

        class Plugin:
            @hookimpl
            def mer_bench_methods(self):
                return (spec("from-instance"),)

        plugin = Plugin()

        @hookimpl(specname="mer_bench_methods")
        def offers():
            return (spec("renamed"),)
    """
    install(site, "acme-plugins", {"acme": source}, {"acme": "acme", "instance": "acme:plugin"})
    catalogue = load_catalogue()
    assert {"renamed", "from-instance"} <= set(catalogue.methods)
    assert record_of(catalogue, "instance").status is PluginStatus.OK


def test_hooks_that_return_nothing_are_sound(site: Path) -> None:
    install(site, "acme-plugins", {"acme": method_plugin("acme")})
    assert record_of(load_catalogue(), "acme") == PluginRecord("acme", "acme-plugins", "1.0", PluginStatus.OK)


def test_every_hook_of_the_hookspecs_is_called_and_its_answer_checked(site: Path) -> None:
    hooks = [name for name, _ in inspect.getmembers(hookspecs, inspect.isfunction) if name.startswith("mer_bench_")]
    for hook in hooks:
        lines = f"from mer_bench import hookimpl\n@hookimpl\ndef {hook}(): return (1,)"
        install(site, f"only-{hook}", {f"only_{hook}": lines}, {hook: f"only_{hook}"})
    catalogue = load_catalogue()
    assert hooks
    for hook in hooks:
        assert record_of(catalogue, hook).reason.startswith(f"hook {hook!r} returned an object of type int where a")


def test_databases_and_protocols_are_catalogued_by_name(site: Path) -> None:
    source = """
        from pathlib import Path
        from mer_bench import DatabaseSpec, ProtocolSpec, hookimpl

        @hookimpl
        def mer_bench_databases():
            return DatabaseSpec("zoo", "Zoo", "acme:Zoo"), DatabaseSpec("ark", "Ark", "acme:Ark")

        @hookimpl
        def mer_bench_protocols():
            return {ProtocolSpec("zoo-loso", Path("zoo.toml"))}
    """
    install(site, "acme-plugins", {"acme": source})
    catalogue = load_catalogue()
    assert list(catalogue.databases) == ["ark", "zoo"]
    assert catalogue.database("ARK ").title == "Ark"
    assert catalogue.protocol("zoo_loso").path == Path("zoo.toml")
    assert catalogue.owners["database", "zoo"] == "acme-plugins"
    assert catalogue.owners["method", "ahmsa"] == "mer-bench"
    with pytest.raises(MerBenchError, match=r"^unknown database 'zo' \(did you mean 'zoo'\?\); known: ark, zoo$"):
        catalogue.database("zo")


def test_the_readers_that_come_with_mer_bench_load_without_heavy_imports(site: Path) -> None:
    install(site, "mer-bench", {}, {"databases": "mer_bench.databases"}, "0.1.0")
    code = """
        import json, sys
        from mer_bench.plugin_manager import load_catalogue
        names = list(load_catalogue(blocked=()).databases)
        print(json.dumps([names, sorted({"numpy", "pandas", "torch", "sklearn", "cv2"} & set(sys.modules))]))
    """
    names, heavy = json.loads(python(site, code).stdout)
    assert names == ["flow-maps", "releases", "synthetic", "synthetic-maps"]
    assert heavy == []


def test_a_blocked_plugin_runs_no_code(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = tmp_path / "ran"
    touch = f"from pathlib import Path\nPath({str(trace)!r}).touch()\n"
    install(site, "acme-plugins", {"acme": touch + method_plugin("acme", "net")}, {"Acme_Nets": "acme"})
    monkeypatch.setenv("MER_BENCH_BLOCK_PLUGINS", "other, acme-nets")
    catalogue = load_catalogue()
    expected = PluginRecord(
        "Acme_Nets", "acme-plugins", "1.0", PluginStatus.BLOCKED, "named in MER_BENCH_BLOCK_PLUGINS"
    )
    assert record_of(catalogue, "Acme_Nets") == expected
    assert list(catalogue.methods) == ["ahmsa", "majority"]
    assert not trace.exists()


def test_a_caller_may_block_too(site: Path) -> None:
    install(site, "acme-plugins", {"acme": "raise SystemError"})
    catalogue = load_catalogue(blocked=["ACME"])
    assert record_of(catalogue, "acme").status is PluginStatus.BLOCKED
    assert record_of(catalogue, "acme").reason == "blocked by the caller"


def test_the_built_in_keeps_its_name_and_the_other_plugin_its_other_methods(site: Path) -> None:
    install(site, "aaa-plugins", {"aaa": method_plugin("aaa", "aaa-net", "ahmsa")})
    catalogue = load_catalogue()
    assert catalogue.method("ahmsa").target == "fake_built_in.method:Net"
    assert catalogue.method("aaa-net").target == "aaa.method:Net"
    assert catalogue.owners["method", "ahmsa"] == "mer-bench"
    assert record_of(catalogue, "built-in").status is PluginStatus.OK
    record = record_of(catalogue, "aaa")
    assert record.status is PluginStatus.SHADOWED
    assert record.reason == "method 'ahmsa' of aaa-plugins gives way to the one of mer-bench (plugin 'built-in')"


def test_between_third_parties_the_first_distribution_keeps_the_name(site: Path) -> None:
    install(site, "zoo-plugins", {"a_zoo": method_plugin("a_zoo", "net", "zoo-net")})
    install(site, "ark-plugins", {"z_ark": method_plugin("z_ark", "net")})
    catalogue = load_catalogue()
    assert catalogue.owners["method", "net"] == "ark-plugins"
    assert (
        record_of(catalogue, "a_zoo").reason
        == "method 'net' of zoo-plugins gives way to the one of ark-plugins (plugin 'z_ark')"
    )
    assert "zoo-net" in catalogue.methods


def test_a_failed_plugin_shadows_nobody(site: Path) -> None:
    install(site, "aaa-plugins", {"aaa": method_plugin("aaa", "net", "net")})
    install(site, "zoo-plugins", {"zoo": method_plugin("zoo", "net")})
    catalogue = load_catalogue()
    assert catalogue.owners["method", "net"] == "zoo-plugins"
    assert record_of(catalogue, "zoo").status is PluginStatus.OK


def test_one_module_behind_two_entry_points_is_used_once(site: Path) -> None:
    install(site, "acme-plugins", {"acme": method_plugin("acme", "net")}, {"first": "acme", "second": "acme"})
    catalogue = load_catalogue()
    assert record_of(catalogue, "first").status is PluginStatus.OK
    assert (
        record_of(catalogue, "second").reason
        == "is the same object as plugin 'acme-plugins:first'; remove one entry point"
    )
    assert "net" in catalogue.methods


def test_a_module_that_failed_fails_alike_behind_its_second_entry_point(site: Path) -> None:
    install(site, "acme-plugins", {"acme": BROKEN["a hook that raises"][0]}, {"first": "acme", "second": "acme"})
    catalogue = load_catalogue()
    assert record_of(catalogue, "first").reason == "ZeroDivisionError: division by zero"
    assert record_of(catalogue, "second").reason == "ZeroDivisionError: division by zero"


def test_strict_mode_raises_the_failure_as_it_was(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "acme-plugins", {"acme": "raise ZeroDivisionError('from acme')"})
    monkeypatch.setenv("MER_BENCH_STRICT_PLUGINS", "1")
    with pytest.raises(ZeroDivisionError, match="from acme"):
        load_catalogue()
    monkeypatch.setenv("MER_BENCH_STRICT_PLUGINS", "0")
    assert record_of(load_catalogue(), "acme").status is PluginStatus.FAILED


def test_an_interrupt_passes_through(site: Path) -> None:
    install(site, "acme-plugins", {"acme": "raise KeyboardInterrupt"})
    with pytest.raises(KeyboardInterrupt):
        load_catalogue()


def test_a_warning_at_import_does_not_fail_a_plugin(site: Path) -> None:
    source = "import warnings\nwarnings.warn('old', DeprecationWarning)\n" + method_plugin("acme", "net")
    install(site, "acme-plugins", {"acme": source})
    code = """
        from mer_bench.plugin_manager import load_catalogue
        catalogue = load_catalogue()
        print("net" in catalogue.methods)
    """
    result = python(site, code, "-W", "error")
    assert result.stdout == "True\n"
    assert "DeprecationWarning: old" in result.stderr


def test_the_loader_leaves_the_warning_filters_as_they_were(site: Path) -> None:
    install(site, "acme-plugins", {"acme": "import warnings\nwarnings.simplefilter('ignore')\nx = 1"})
    before = list(warnings.filters)
    load_catalogue()
    assert warnings.filters == before


def test_what_a_plugin_prints_goes_to_stderr(site: Path) -> None:
    source = (
        "print('noise at import')\n"
        + method_plugin("acme", "net")
        + "\n@hookimpl\ndef mer_bench_protocols():\n    print('noise in a hook')\n    return ()\n"
    )
    install(site, "acme-plugins", {"acme": source})
    result = python(site, "from mer_bench.plugin_manager import load_catalogue\nload_catalogue()\nprint('{}')")
    assert result.stdout == "{}\n"
    assert result.stderr == "noise at import\nnoise in a hook\n"


def test_metadata_without_name_and_version_is_borne(site: Path) -> None:
    install(site, "acme-plugins", {"acme": method_plugin("acme", "net")})
    (site / "acme_plugins-1.0.dist-info" / "METADATA").unlink()
    record = record_of(load_catalogue(), "acme")
    assert (record.distribution, record.version, record.status) == ("unknown", "", PluginStatus.OK)


def damage(site: Path, file: str, content: bytes) -> None:
    (site / "acme_plugins-1.0.dist-info" / file).write_bytes(content)


@pytest.mark.parametrize("content", [b"[mer_bench.plugins]\nacme = acme\xff\n", b"[mer_bench.plugins]\nacme\n"])
def test_a_distribution_whose_entry_points_cannot_be_read_fails_alone(site: Path, content: bytes) -> None:
    install(site, "acme-plugins", {"acme": method_plugin("acme", "net")})
    damage(site, "entry_points.txt", content)
    catalogue = load_catalogue()
    record = record_of(catalogue, "acme-plugins")
    assert (record.distribution, record.version, record.status) == ("acme-plugins", "1.0", PluginStatus.FAILED)
    assert record.reason.startswith("entry_points.txt of acme_plugins-1.0.dist-info cannot be read (")
    assert "Traceback" in record.traceback
    assert "ahmsa" in catalogue.methods


def test_a_distribution_of_which_nothing_can_be_read_is_named_by_its_folder(site: Path) -> None:
    install(site, "acme-plugins", {"acme": method_plugin("acme", "net")})
    damage(site, "entry_points.txt", b"\xff")
    damage(site, "METADATA", b"\xff")
    assert record_of(load_catalogue(), "acme_plugins-1.0.dist-info").status is PluginStatus.FAILED


def test_a_plugin_whose_metadata_cannot_be_read_fails_by_its_name(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "acme-plugins", {"acme": method_plugin("acme", "net")})
    damage(site, "METADATA", "Name: acme-plugins\nVersion: 1.0\nAuthor: José\n".encode("latin-1"))
    record = record_of(load_catalogue(), "acme")
    assert (record.distribution, record.status) == ("acme_plugins-1.0.dist-info", PluginStatus.FAILED)
    assert record.reason.startswith("METADATA of acme_plugins-1.0.dist-info cannot be read ('utf-8' codec")
    monkeypatch.setenv("MER_BENCH_BLOCK_PLUGINS", "acme")
    assert record_of(load_catalogue(), "acme").status is PluginStatus.BLOCKED


@pytest.mark.parametrize("target", ["", "1 + 2", "acme:", "acme:two words"])
def test_a_malformed_entry_point_is_called_so(site: Path, target: str) -> None:
    install(site, "acme-plugins", {"acme": method_plugin("acme", "net")}, {"acme": target})
    reason = record_of(load_catalogue(), "acme").reason
    assert reason.startswith(f"its entry point 'acme' is malformed: {target!r} is neither 'package.module' nor")


def test_the_first_distribution_of_a_name_on_the_path_hides_the_others(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "acme-plugins", {"acme_old": method_plugin("acme_old", "net")})
    install(tmp_path / "newer", "Acme.Plugins", {"acme_new": method_plugin("acme_new", "net")}, version="2.0")
    monkeypatch.syspath_prepend(str(tmp_path / "newer"))
    catalogue = load_catalogue()
    assert catalogue.method("net").target == "acme_new.method:Net"
    assert "acme_old" not in {record.name for record in catalogue.records}


def test_strict_mode_raises_for_a_damaged_distribution_too(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "acme-plugins", {"acme": method_plugin("acme", "net")})
    damage(site, "entry_points.txt", b"\xff")
    monkeypatch.setenv("MER_BENCH_STRICT_PLUGINS", "1")
    with pytest.raises(MerBenchError, match=r"^entry_points\.txt of acme_plugins"):
        load_catalogue()


def test_names_are_found_with_underscores_and_capitals(site: Path) -> None:
    install(site, "acme-plugins", {"acme": method_plugin("acme", "lbp-top")})
    assert load_catalogue().method("LBP_TOP").name == "lbp-top"


def test_an_unknown_method_gets_the_nearest_name_and_all_known_ones(site: Path) -> None:
    catalogue = load_catalogue()
    expected = r"^unknown method 'ahsma' \(did you mean 'ahmsa'\?\); known: ahmsa, majority"
    with pytest.raises(MerBenchError, match=expected):
        catalogue.method("ahsma")


def test_asking_for_a_method_of_a_failed_plugin_says_which_distribution_failed_and_why(site: Path) -> None:
    install(site, "acme-plugins", {"acme": "import torch_that_is_missing"}, {"super_flow": "acme"}, "4.2")
    install(site, "aaa-plugins", {"aaa": "x = 1"})
    with pytest.raises(MerBenchError) as caught:
        load_catalogue().method("super-flow")
    message = str(caught.value)
    cause = (
        "plugin 'super_flow' of acme-plugins 4.2 failed: ModuleNotFoundError: No module named 'torch_that_is_missing'"
    )
    assert cause in message
    assert message.index(cause) < message.index("plugin 'aaa' of aaa-plugins 1.0 failed: registers nothing")
    assert message.endswith("see 'mer-bench plugins'")
    assert "\n" not in message


def test_asking_for_a_method_of_a_blocked_plugin_says_so(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "acme-plugins", {"acme": method_plugin("acme", "net")})
    monkeypatch.setenv("MER_BENCH_BLOCK_PLUGINS", "acme")
    expected = "plugin 'acme' of acme-plugins 1.0 is blocked: named in MER_BENCH_BLOCK_PLUGINS"
    with pytest.raises(MerBenchError, match=expected):
        load_catalogue().method("net")


def test_a_long_reason_is_one_bounded_line(site: Path) -> None:
    install(site, "acme-plugins", {"acme": "raise ImportError('numpy\\n' + 'was compiled otherwise ' * 100)"})
    reason = record_of(load_catalogue(), "acme").reason
    assert reason.startswith("ImportError: numpy was compiled")
    assert len(reason) <= 300
    assert "\n" not in reason


def test_a_status_reads_as_its_value() -> None:
    assert [f"{status}" for status in PluginStatus] == ["ok", "blocked", "failed", "shadowed"]
    assert json.dumps(PluginStatus.OK) == '"ok"'


def test_a_target_is_imported_as_a_class(site: Path) -> None:
    install(site, "acme-plugins", {"acme": "class Net:\n    pass"}, {})
    assert load_target("acme:Net").__name__ == "Net"


@pytest.mark.parametrize(
    ("target", "source", "message", "cause"),
    [
        ("acme_gone:Net", "", "target 'acme_gone:Net': the import of module 'acme_gone' failed", ModuleNotFoundError),
        ("acme:Net", "import acme_needs_this", "No module named 'acme_needs_this'", ModuleNotFoundError),
        ("acme:Net", "raise SystemExit(1)", "SystemExit: 1", SystemExit),
        ("acme:Net", "import asyncio\nraise asyncio.CancelledError", "CancelledError", BaseException),
        ("acme:Nett", "class Net: pass", r"has no class 'Nett' \(did you mean 'Net'\?\)", type(None)),
        ("acme:Net", "Net = 5", "target 'acme:Net' is of type int; it must name a class", type(None)),
        (".acme:Net", "", "the import of module '.acme' failed", TypeError),
    ],
)
def test_a_target_that_cannot_be_had_says_why(
    site: Path, target: str, source: str, message: str, cause: type[BaseException]
) -> None:
    install(site, "acme-plugins", {"acme": source}, {})
    with pytest.raises(MerBenchError, match=message) as caught:
        load_target(target)
    assert isinstance(caught.value.__cause__, cause)


def test_importing_a_target_keeps_stdout_clean(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "acme-plugins", {"acme": "print('noise')\nclass Net: pass"}, {})
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    load_target("acme:Net")
    assert out.getvalue() == ""


def test_a_plugin_that_pip_installed_is_found(tmp_path: Path) -> None:
    project = tmp_path / "project"
    write_project(project, "acme-plugins", "acme", "acme", method_plugin("acme", "net"))
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    site = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(site), str(project)]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    code = """
        import json
        from mer_bench.plugin_manager import load_catalogue
        catalogue = load_catalogue()
        record = next(record for record in catalogue.records if record.name == "acme")
        print(json.dumps([record.distribution, record.version, record.status, catalogue.method("net").target]))
    """
    assert json.loads(python(site, code).stdout) == ["acme-plugins", "2.5", "ok", "acme.method:Net"]


def record_of(catalogue: Catalogue, name: str) -> PluginRecord:
    (found,) = [record for record in catalogue.records if record.name == name]
    return found


def python(site: Path, code: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that sees the site folder first."""
    path = os.pathsep.join([str(site), *(entry for entry in sys.path if entry)])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, *options, "-c", textwrap.dedent(code)]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60)
