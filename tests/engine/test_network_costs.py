"""What the networks of a run cost is measured beside the trainings, and changes nothing in them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.bench import SMALL_AHMSA, Bench
from support.hostile import install

from mer_bench.engine import session

NETWORKS = '''
    import os

    import torch

    from mer_bench import MethodSpec, Parameter, Representation, hookimpl, training_parameters


    class Net(torch.nn.Module):
        """A linear network with a frozen layer; what else it does, its parameter says."""

        def __init__(self, n_classes, *, what):
            super().__init__()
            self.what = what
            self.frozen = torch.nn.Linear(28 * 28 * 3, 5)
            self.frozen.requires_grad_(False)
            self.last = torch.nn.Linear(5, n_classes)

        def forward(self, x):
            if self.what == "dies" and x.device.type == "meta":
                os._exit(3)
            if self.what == "fails" and not x.any():
                raise ValueError("no motion at all")
            return self.last(self.frozen(x.flatten(1)))


    @hookimpl
    def mer_bench_methods():
        for what in ("works", "fails", "dies"):
            yield MethodSpec(
                what,
                "1",
                what.title(),
                "networks_plugin:Net",
                Representation("face-flow"),
                "deep",
                (Parameter("what", what, "what it does", choices=(what,)), *training_parameters(epochs=1)),
                trains_by_epoch=True,
            )
'''
"""Three networks: one that works, one that cannot take zeros, and one that ends its process when it is measured."""

FLOPS = 2 * (28 * 28 * 3 * 5 + 5 * 3)
TRAINABLE = 5 * 3 + 3


@pytest.fixture
def networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    install(site, "networks-plugins", {"networks_plugin": NETWORKS})
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))


def stored(bench: Bench) -> dict[str, dict[str, Any]]:
    files = bench.results.glob("cells/*/*/*/network.json")
    return {file.parts[-3]: json.loads(file.read_text(encoding="utf-8")) for file in files}


@pytest.mark.slow
@pytest.mark.usefixtures("networks")
def test_what_a_network_costs_is_stored_and_what_cannot_be_measured_stops_nothing(bench: Bench) -> None:
    methods = ("--method", "works", "--method", "fails", "--method", "dies", "--method", "majority")
    ended = bench.run(*methods, "--protocol", "loso-smic")
    assert ended.code == 0, ended.err
    found = stored(bench)
    assert set(found) == {"works", "fails"}
    assert (found["works"]["trainable"], found["works"]["flops"]) == (TRAINABLE, FLOPS)
    assert found["works"]["not_counted"] == ""
    assert (found["fails"]["trainable"], found["fails"]["flops"]) == (TRAINABLE, None)
    assert "no motion at all" in found["fails"]["not_counted"]


@pytest.mark.slow
def test_scores_are_the_same_to_the_bit_and_a_network_is_measured_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = (*SMALL_AHMSA, "--set", "epochs=2", "--protocol", "loso-smic")
    monkeypatch.setattr(session, "store_networks", lambda store, rows, tasks: None)
    assert bench.run(*arguments).code == 0
    alone = bench.predictions()
    assert not stored(bench)
    monkeypatch.undo()
    one, *others = bench.cell_files()
    for file in others:
        file.unlink()
    assert bench.run(*arguments).code == 0
    assert bench.predictions() == alone
    (file,) = bench.results.glob("cells/*/*/*/network.json")
    before = file.stat().st_mtime_ns
    one.unlink()
    assert bench.run(*arguments).code == 0
    assert file.stat().st_mtime_ns == before
    assert stored(bench)["ahmsa"]["flops"] > 0
