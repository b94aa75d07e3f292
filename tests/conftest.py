from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from support.bench import Bench
from support.desk_executor import DESK
from support.hostile import install
from support.naughty import NAUGHTY

from mer_bench.engine import pool
from mer_bench.threads import THREAD_VARIABLES

_HOMES = count()


def pytest_configure() -> None:
    """Handle Ctrl-C: background jobs of a shell ignore it, and so would the processes that tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Before a test module imports a numerical library: pytest's two workers have a core each.
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    gc.disable()


def pytest_collection_finish() -> None:
    """Leave the processes that tests start to choose their own number of threads.

    The garbage collector passes over what was imported until now, torch above all: that takes a tenth of the time.
    """
    for name in THREAD_VARIABLES:
        os.environ.pop(name, None)
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """Let libraries free their objects, which some complain about otherwise."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of all tests, which may share it because its keys are hashes of contents; workers have it in common."""
    folder = tmp_path_factory.getbasetemp()
    return (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "mer-bench-cache"


@pytest.fixture(autouse=True)
def _isolated(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, shared_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep the settings, home and working directory of the user from the tests and the processes that they start."""
    for name in list(os.environ):
        if name.startswith("MER_BENCH_") and name != "MER_BENCH_REAL_DATA":
            monkeypatch.delenv(name)
    # Never `mktemp`, which reads the whole folder to number a new one.
    home = str(tmp_path_factory.getbasetemp() / f"home-{next(_HOMES)}")
    Path(home).mkdir()
    monkeypatch.setenv("MER_BENCH_CACHE", str(shared_cache))
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("XDG_CONFIG_HOME", home)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Bench]:
    """The command line with its own store and tiny synthetic data."""
    command_line = Bench(tmp_path / "results", monkeypatch, capsys)
    yield command_line
    command_line.end()


@pytest.fixture
def own_workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """New workers for a test that ends some: the idle ones have imported torch, and stay for the next tests."""
    own = pool._Idle()
    monkeypatch.setattr(pool, "_IDLE", own)
    yield
    own.stop()


@pytest.fixture
def naughty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the methods of `naughty.NAUGHTY`, for this process and those that it starts."""
    site = tmp_path / "site"
    install(site, "naughty-plugins", {"naughty_plugin": NAUGHTY})
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    yield
    sys.modules.pop("naughty_plugin", None)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install the executor of `desk_executor.DESK`, and write a cluster file that names it."""
    site = tmp_path / "desk-site"
    install(site, "desk-plugins", {"desk_plugin": DESK})
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    file = tmp_path / "desk.toml"
    file.write_text('desk_label = "fast"\n', encoding="utf-8")
    yield file
    sys.modules.pop("desk_plugin", None)


@pytest.fixture
def reproducible() -> Iterator[None]:
    """Torch on one thread, with the same random numbers in every test."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
    torch.set_num_threads(threads)
