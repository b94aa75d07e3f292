"""Weights to start from: trained on all samples of a protocol, and refused where a test subject was among them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from safetensors import safe_open
from support.bench import TINY, Bench

from mer_bench.engine import pretraining
from mer_bench.methods.initial_weights import SUBJECTS

pytestmark = pytest.mark.slow

SHORT = ("--set", "epochs=2", "--set", "streams=2,3", "--set", "batch_size=8")
NET_ON_SAMM = ("-m", "ststnet", "-p", "loso-samm")
SMIC = ["smic/synthetic01", "smic/synthetic02"]
SAMM = ["samm/synthetic01", "samm/synthetic02"]


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def start_from(file: Path) -> tuple[str, ...]:
    return ("--set", f"init_from={file}", "--set", f"init_sha256={digest(file)[:16]}")


def subjects_in(file: Path) -> object:
    with safe_open(file, "numpy") as opened:
        return json.loads(opened.metadata()[SUBJECTS]) if SUBJECTS in (opened.metadata() or {}) else None


@pytest.fixture
def from_smic(bench: Bench, tmp_path: Path) -> Path:
    file = tmp_path / "smic.safetensors"
    ended = bench("pretrain", "ststnet", "-p", "loso-smic", *TINY, *SHORT, "--out", file)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines() == [
        f"{file}: trained on 2 subjects",
        f"--set init_from={file} --set init_sha256={digest(file)[:16]}",
    ]
    return file


@pytest.mark.parametrize(("place", "reason"), [("none/net", "No such file or directory"), ("here", "is a folder")])
def test_a_file_that_cannot_be_written_is_refused_before_the_training(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, reason: str
) -> None:
    (tmp_path / "here.safetensors").mkdir()
    trained: list[object] = []
    monkeypatch.setattr(pretraining, "_trained", lambda *asked: trained.append(asked) or {})
    out = tmp_path / f"{place}.safetensors"
    ended = bench("pretrain", "ststnet", "-p", "loso-smic", *TINY, *SHORT, "--out", out)

    assert (ended.code, trained) == (2, [])
    (error,) = ended.errors
    assert error.startswith(f"error: {out} ")
    assert reason in error


def test_weights_are_refused_where_their_subjects_are_tested_on(bench: Bench, from_smic: Path) -> None:
    own = bench("run", "-m", "ststnet", "-p", "loso-smic", *TINY, *SHORT, *start_from(from_smic))

    assert subjects_in(from_smic) == SMIC
    assert own.code == 2
    assert own.errors == [
        f"error: ststnet: the weights in {from_smic} were trained on smic/synthetic01, smic/synthetic02, which this "
        "protocol tests on; take weights that were trained on other subjects"
    ]


def test_subjects_are_handed_on_by_weights_that_started_from_others(
    bench: Bench, from_smic: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second.safetensors"
    made = bench("pretrain", "ststnet", "-p", "loso-samm", *TINY, *SHORT, *start_from(from_smic), "--out", second)
    refused = bench("run", "-m", "ststnet", "-p", "loso-smic", *TINY, *SHORT, *start_from(second))

    assert made.code == 0
    assert subjects_in(second) == sorted(SAMM + SMIC)
    assert refused.code == 2
    assert "were trained on smic/synthetic01" in refused.err


def test_weights_may_be_trained_further_on_their_own_subjects(bench: Bench, from_smic: Path, tmp_path: Path) -> None:
    second, third = tmp_path / "second.safetensors", tmp_path / "third.safetensors"
    further = bench("pretrain", "ststnet", "-p", "loso-smic", *TINY, *SHORT, *start_from(from_smic), "--out", second)
    both = bench("pretrain", "ststnet", "-p", "loso-samm", *TINY, *SHORT, *start_from(second), "--out", third)
    refused = bench("run", "-m", "ststnet", "-p", "loso-smic", *TINY, *SHORT, *start_from(third), "--dry-run")

    assert (further.code, both.code) == (0, 0), further.err + both.err
    assert (subjects_in(second), subjects_in(third)) == (SMIC, sorted(SAMM + SMIC))
    assert refused.code == 2
    assert "were trained on smic/synthetic01" in refused.err


def test_a_row_says_that_it_is_pretrained_and_starts_elsewhere(bench: Bench, from_smic: Path, tmp_path: Path) -> None:
    arrays = safetensors.numpy.load_file(from_smic)
    foreign = tmp_path / "foreign.safetensors"
    safetensors.numpy.save_file(arrays, foreign)
    arguments = ("run", *NET_ON_SAMM, *TINY, *SHORT, "--no-baselines", "--jobs", "1", "--json")
    results = ("--results", bench.results)
    fresh, known, unknown = (
        bench(*arguments, *extra, *results).objects[0] for extra in ((), start_from(from_smic), start_from(foreign))
    )

    assert [set(run["caveats"]) & {"pretrained", "unknown-pretraining"} for run in (fresh, known, unknown)] == [
        set(),
        {"pretrained"},
        {"unknown-pretraining"},
    ]
    assert len({run["row_key"] for run in (fresh, known, unknown)}) == 3


def test_where_the_file_is_does_not_change_a_row(bench: Bench, from_smic: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(from_smic.read_bytes())
    arguments = ("run", *NET_ON_SAMM, *TINY, *SHORT, "--no-baselines", "--jobs", "1", "--json")
    results = ("--results", bench.results)
    first, second = (bench(*arguments, *start_from(file), *results) for file in (from_smic, moved))

    assert first.objects[0]["row_key"] == second.objects[0]["row_key"]
    assert "2 stored, 0 to compute" in second.err


def test_the_weights_are_those_of_the_trained_network(bench: Bench, from_smic: Path) -> None:
    arrays = safetensors.numpy.load_file(from_smic)

    assert arrays["classifier.weight"].shape[0] == 3
    assert all(np.isfinite(own).all() for own in arrays.values())
    assert {name.rpartition(".")[2] for name in arrays} >= {"weight", "bias", "running_mean", "num_batches_tracked"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("--set", "init_from=no.safetensors", "--set", "init_sha256=" + "0" * 16),
            "no.safetensors does not exist",
        ),
        (("--set", "init_from={file}"), "set init_sha256="),
        (("--set", "init_from={file}", "--set", "init_sha256=" + "0" * 16), "it is {digest}"),
        (("--set", "init_sha256=" + "0" * 16), "is given without a file"),
    ],
)
def test_a_file_that_is_not_what_was_asked_for_is_refused(
    bench: Bench, from_smic: Path, change: tuple[str, ...], message: str
) -> None:
    own = [part.format(file=from_smic) for part in change]
    ended = bench("run", "-m", "ststnet", "-p", "loso-samm", *TINY, *SHORT, *own, "--dry-run")

    assert ended.code == 2
    assert message.format(digest=digest(from_smic)) in ended.err
