from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.hostile import BROKEN, install, method_plugin

from mer_bench import AblationSpec, MerBenchError, hookspecs
from mer_bench.plugin_manager import Catalogue, PluginRecord, PluginStatus, load_catalogue, load_target


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A site folder that hides the installed mer-bench behind a small distribution of the same name."""
    folder = tmp_path / "site"
    built_in = method_plugin("fake_built_in", "ahmsa", "majority")
    install(folder, "mer-bench", {"fake_built_in": built_in}, {"built-in": "fake_built_in"}, "0.1.0")
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def record_of(catalogue: Catalogue, name: str) -> PluginRecord:
    (record,) = [record for record in catalogue.records if record.name == name]
    return record


@pytest.mark.parametrize("flaw", BROKEN)
def test_a_broken_plugin_fails_alone_with_a_reason(site: Path, flaw: str) -> None:
    source, reason = BROKEN[flaw]
    install(site, "acme-plugins", {"acme": source}, version="3.1")
    install(site, "healthy-plugin", {"zz_healthy": method_plugin("zz_healthy", "zz-net")})
    catalogue = load_catalogue()
    record = record_of(catalogue, "acme")
    assert (record.distribution, record.version, record.status) == ("acme-plugins", "3.1", PluginStatus.FAILED)
    assert record.reason.startswith(reason)
    assert "Traceback" in record.traceback
    assert list(catalogue.methods) == ["ahmsa", "majority", "zz-net"]
    assert (dict(catalogue.databases), dict(catalogue.protocols)) == ({}, {})
    assert record_of(catalogue, "zz_healthy").status == "ok"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("no_such_acme", "ModuleNotFoundError: No module named 'no_such_acme'"),
        ("acme:nothing", "AttributeError: module 'acme' has no attribute"),
        ("1 + 2", "entry point 'plugin' is malformed: '1 + 2' is neither"),
    ],
)
def test_an_entry_point_that_names_no_object_fails(site: Path, target: str, reason: str) -> None:
    install(site, "acme-plugins", {"acme": method_plugin("acme", "net")}, {"plugin": target})
    assert record_of(load_catalogue(), "plugin").reason.startswith(reason)


def test_a_plugin_may_be_an_object_and_may_name_its_hooks_freely(site: Path) -> None:
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


def test_a_plugin_whose_hook_returns_nothing_is_ok(site: Path) -> None:
    install(site, "acme-plugins", {"acme": method_plugin("acme")})
    assert record_of(load_catalogue(), "acme") == PluginRecord("acme", "acme-plugins", "1.0", PluginStatus.OK)


def test_every_hook_is_called_and_its_result_checked(site: Path) -> None:
    hooks = [name for name, _ in inspect.getmembers(hookspecs, inspect.isfunction) if name.startswith("mer_bench_")]
    for hook in hooks:
        lines = f"from mer_bench import hookimpl\n@hookimpl\ndef {hook}(): return (1,)"
        install(site, f"only-{hook}", {f"only_{hook}": lines}, {hook: f"only_{hook}"})
    catalogue = load_catalogue()
    assert len(hooks) == 6
    for hook in hooks:
        assert record_of(catalogue, hook).reason.startswith(
            f"hook {hook!r} returned a collection with an object of type"
        )


def test_databases_protocols_ablations_and_executors_are_catalogued_by_name(site: Path) -> None:
    source = """
        from pathlib import Path
        from mer_bench import AblationSpec, DatabaseSpec, ExecutorSpec, TrackerSpec, ProtocolSpec, hookimpl

        @hookimpl
        def mer_bench_databases():
            return DatabaseSpec("zoo", "Zoo", "acme:Zoo"), DatabaseSpec("ark", "Ark", "acme:Ark")

        @hookimpl
        def mer_bench_protocols():
            return {ProtocolSpec("zoo-loso", Path("zoo.toml"))}

        @hookimpl
        def mer_bench_ablations():
            return [AblationSpec("zoo-depth", Path("depth.toml"))]

        @hookimpl
        def mer_bench_executors():
            return [ExecutorSpec("herd", "Herd", "acme:Herd")]

        @hookimpl
        def mer_bench_trackers():
            return [TrackerSpec("trail", "Trail", "acme:Trail")]
    """
    install(site, "acme-plugins", {"acme": source})
    catalogue = load_catalogue()
    assert list(catalogue.databases) == ["ark", "zoo"]
    assert catalogue.database("ARK ").title == "Ark"
    assert catalogue.protocol("zoo_loso").path == Path("zoo.toml")
    assert catalogue.ablations == {"zoo-depth": AblationSpec("zoo-depth", Path("depth.toml"))}
    assert catalogue.executor("herd").target == "acme:Herd"
    assert catalogue.tracker("trail").target == "acme:Trail"
    assert catalogue.owners["database", "zoo"] == "acme-plugins"
    with pytest.raises(MerBenchError, match=r"^unknown database 'zo' \(did you mean 'zoo'\?\); known: ark, zoo$"):
        catalogue.database("zo")


def test_the_readers_of_mer_bench_load_without_heavy_imports(site: Path) -> None:
    install(site, "mer-bench", {}, {"databases": "mer_bench.databases"}, "0.1.0")
    code = """
        import json, sys
        import mer_bench.protocol, mer_bench_protocols
        from mer_bench.plugin_manager import load_catalogue
        mer_bench_protocols.mer_bench_protocols()
        names = list(load_catalogue(blocked=()).databases)
        print(json.dumps([names, sorted({"numpy", "pandas", "torch", "sklearn", "cv2"} & set(sys.modules))]))
    """
    path = os.pathsep.join([str(site), *(entry for entry in sys.path if entry)])
    command = [sys.executable, "-c", textwrap.dedent(code)]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout) == [["flow-maps", "releases", "synthetic", "synthetic-maps"], []]


def test_a_blocked_plugin_runs_no_code(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("acme", "zoo"):
        install(site, f"{module}-plugins", {module: "raise SystemError"}, {f"{module.title()}_Nets": module})
    monkeypatch.setenv("MER_BENCH_BLOCK_PLUGINS", "other, acme-nets")
    catalogue = load_catalogue(blocked=["ZOO-nets"])
    expected = PluginRecord(
        "Acme_Nets", "acme-plugins", "1.0", PluginStatus.BLOCKED, "named in MER_BENCH_BLOCK_PLUGINS"
    )
    assert record_of(catalogue, "Acme_Nets") == expected
    assert record_of(catalogue, "Zoo_Nets").reason == "blocked by the caller"
    assert list(catalogue.methods) == ["ahmsa", "majority"]
    message = "plugin 'Acme_Nets' of acme-plugins 1.0 is blocked: named in MER_BENCH_BLOCK_PLUGINS"
    with pytest.raises(MerBenchError, match=message):
        catalogue.method("net")


def test_the_built_in_keeps_its_name_and_the_other_plugin_its_other_methods(site: Path) -> None:
    install(site, "aaa-plugins", {"aaa": method_plugin("aaa", "aaa-net", "ahmsa")})
    catalogue = load_catalogue()
    assert catalogue.method("ahmsa").target == "fake_built_in.method:Net"
    assert catalogue.method("aaa-net").target == "aaa.method:Net"
    assert catalogue.owners["method", "ahmsa"] == "mer-bench"
    assert record_of(catalogue, "built-in").status is PluginStatus.OK
    record = record_of(catalogue, "aaa")
    assert record.status is PluginStatus.SHADOWED
    assert record.reason == "its method 'ahmsa' is ignored: plugin 'built-in' of mer-bench already provides that name"


def test_between_third_parties_the_first_distribution_keeps_the_name(site: Path) -> None:
    install(site, "zoo-plugins", {"a_zoo": method_plugin("a_zoo", "net", "zoo-net")})
    install(site, "ark-plugins", {"z_ark": method_plugin("z_ark", "net")})
    catalogue = load_catalogue()
    assert catalogue.owners["method", "net"] == "ark-plugins"
    reason = "its method 'net' is ignored: plugin 'z_ark' of ark-plugins already provides that name"
    assert record_of(catalogue, "a_zoo").reason == reason
    assert "zoo-net" in catalogue.methods


def test_one_module_behind_two_entry_points_is_used_once(site: Path) -> None:
    install(site, "acme-plugins", {"acme": method_plugin("acme", "net")}, {"first": "acme", "second": "acme"})
    catalogue = load_catalogue()
    assert [record_of(catalogue, name).reason for name in ("first", "second")] == [
        *("", "is the same object as plugin 'acme-plugins:first'; remove one of the two entry points")
    ]


def test_strict_mode_raises_the_first_error_unchanged(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "acme-plugins", {"acme": "raise ZeroDivisionError('from acme')"})
    monkeypatch.setenv("MER_BENCH_STRICT_PLUGINS", "1")
    with pytest.raises(ZeroDivisionError, match="from acme"):
        load_catalogue()
    damage(site, "entry_points.txt", b"\xff")
    with pytest.raises(MerBenchError, match=r"^entry_points\.txt of acme_plugins"):
        load_catalogue()
    monkeypatch.setenv("MER_BENCH_STRICT_PLUGINS", "0")
    assert record_of(load_catalogue(), "acme-plugins").status is PluginStatus.FAILED


def test_a_warning_at_import_does_not_fail_a_plugin(site: Path) -> None:
    source = "import warnings\nwarnings.warn('old', DeprecationWarning)\nwarnings.simplefilter('ignore')\n"
    install(site, "acme-plugins", {"acme": source + method_plugin("acme", "net")})
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("error")
        before = list(warnings.filters)
        assert "net" in load_catalogue().methods
        assert warnings.filters == before
    assert [str(warning.message) for warning in shown] == ["old"]


def damage(site: Path, file: str, content: bytes) -> None:
    (site / "acme_plugins-1.0.dist-info" / file).write_bytes(content)


def test_a_plugin_that_changes_the_environment_or_the_folder_changes_them_for_no_other(site: Path) -> None:
    source = "import os\nos.environ.clear()\nos.environ['OMP_NUM_THREADS'] = '7'\nos.chdir('/')\n"
    install(site, "acme-plugins", {"acme": source + method_plugin("acme", "net")})
    before = dict(os.environ), Path.cwd()
    catalogue = load_catalogue()

    assert "net" in catalogue.methods
    assert (dict(os.environ), Path.cwd()) == before


def test_metadata_may_lack_name_and_version(site: Path) -> None:
    install(site, "acme-plugins", {"acme": method_plugin("acme", "net")})
    (site / "acme_plugins-1.0.dist-info" / "METADATA").unlink()
    record = record_of(load_catalogue(), "acme")
    assert (record.distribution, record.version, record.status) == ("unknown", "", PluginStatus.OK)


def test_a_distribution_whose_entry_points_cannot_be_read_fails_alone(site: Path) -> None:
    install(site, "acme-plugins", {"acme": method_plugin("acme", "net")})
    damage(site, "entry_points.txt", b"[mer_bench.plugins]\nacme\n")
    catalogue = load_catalogue()
    record = record_of(catalogue, "acme-plugins")
    assert (record.distribution, record.version, record.status) == ("acme-plugins", "1.0", PluginStatus.FAILED)
    assert record.reason.startswith("entry_points.txt of acme_plugins-1.0.dist-info cannot be read (")
    assert "Traceback" in record.traceback
    assert "ahmsa" in catalogue.methods
    damage(site, "METADATA", b"\xff")
    assert record_of(load_catalogue(), "acme_plugins-1.0.dist-info").status is PluginStatus.FAILED


def test_a_plugin_whose_metadata_cannot_be_read_fails(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "acme-plugins", {"acme": method_plugin("acme", "net")})
    damage(site, "METADATA", "Name: acme-plugins\nVersion: 1.0\nAuthor: José\n".encode("latin-1"))
    record = record_of(load_catalogue(), "acme")
    assert (record.distribution, record.status) == ("acme_plugins-1.0.dist-info", PluginStatus.FAILED)
    assert record.reason.startswith("METADATA of acme_plugins-1.0.dist-info cannot be read ('utf-8' codec")
    monkeypatch.setenv("MER_BENCH_BLOCK_PLUGINS", "acme")
    assert record_of(load_catalogue(), "acme").status is PluginStatus.BLOCKED


def test_the_first_distribution_of_a_name_on_the_path_hides_the_others(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "acme-plugins", {"acme_old": method_plugin("acme_old", "net")}, version="3.0")
    install(tmp_path / "first", "Acme.Plugins", {"acme_new": method_plugin("acme_new", "net")}, version="2.0")
    monkeypatch.syspath_prepend(str(tmp_path / "first"))
    catalogue = load_catalogue()
    assert catalogue.method("net").target == "acme_new.method:Net"
    assert "acme_old" not in {record.name for record in catalogue.records}


def test_an_unknown_method_is_explained_by_the_plugins_that_failed(site: Path) -> None:
    install(site, "acme-plugins", {"acme": "import torch_that_is_missing"}, {"super_flow": "acme"}, "4.2")
    install(site, "aaa-plugins", {"aaa": "x = 1"})
    with pytest.raises(MerBenchError) as caught:
        load_catalogue().method("super-flow")
    assert str(caught.value) == (
        "unknown method 'super-flow'; plugin 'super_flow' of acme-plugins 4.2 failed: ModuleNotFoundError: No module "
        "named 'torch_that_is_missing'; plugin 'aaa' of aaa-plugins 1.0 failed: implements no hook; decorate its hook "
        "functions with @mer_bench.hookimpl; known: ahmsa, majority; see `mer-bench plugins`"
    )


def test_a_long_reason_is_one_bounded_line(site: Path) -> None:
    install(site, "acme-plugins", {"acme": "raise ImportError('numpy\\n' + 'was compiled otherwise ' * 100)"})
    reason = record_of(load_catalogue(), "acme").reason
    assert reason.startswith("ImportError: numpy was compiled")
    assert 280 < len(reason) <= 300


@pytest.mark.parametrize(
    ("target", "source", "message", "cause"),
    [
        ("acme_gone:Net", "", "target 'acme_gone:Net': the import of module 'acme_gone' failed", ModuleNotFoundError),
        ("acme:Nett", "class Net: pass", r"has no class 'Nett' \(did you mean 'Net'\?\)", type(None)),
        ("acme:Net", "Net = 5", "target 'acme:Net' is of type int; it must name a class", type(None)),
        (
            "acme:Net",
            "def __getattr__(name): raise ImportError('torch is not installed')",
            r"module 'acme' failed \(ImportError: torch is not installed\)",
            ImportError,
        ),
    ],
)
def test_a_target_that_cannot_be_imported_is_explained(
    site: Path, target: str, source: str, message: str, cause: type[BaseException]
) -> None:
    install(site, "acme-plugins", {"acme": source}, {})
    with pytest.raises(MerBenchError, match=message) as caught:
        load_target(target)
    assert isinstance(caught.value.__cause__, cause)
