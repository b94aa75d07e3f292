from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bench import Bench
from support.hostile import install
from support.naughty import NAUGHTY


def pytest_configure() -> None:
    """Hear Ctrl-C: what a shell starts in the background ignores it, and so would all that the tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _isolated(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the person at the keyboard reaches a test or the processes it starts: no settings, no home, no cwd."""
    for name in list(os.environ):
        if name.startswith("MER_BENCH_") and name != "MER_BENCH_REAL_DATA":
            monkeypatch.delenv(name)
    home = str(tmp_path_factory.mktemp("home"))
    # Content-addressed, so tests may share it: the workers of a run have one parent folder.
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path_factory.getbasetemp().parent / "mer-bench-cache"))
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("XDG_CONFIG_HOME", home)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Bench]:
    """The command line with a store of its own and tiny synthetic data."""
    command_line = Bench(tmp_path / "results", monkeypatch, capsys)
    yield command_line
    command_line.end()


@pytest.fixture
def naughty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the methods of `naughty.NAUGHTY`, for this process and for those it starts."""
    site = tmp_path / "site"
    install(site, "naughty-plugins", {"naughty_plugin": NAUGHTY})
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    yield
    sys.modules.pop("naughty_plugin", None)


@pytest.fixture
def reproducible() -> Iterator[None]:
    """Torch on one thread, drawing the same numbers in every test."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
    torch.set_num_threads(threads)
