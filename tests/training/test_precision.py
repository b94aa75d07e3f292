"""The arithmetic of products: coarser where it is asked for, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support.bench import Bench
from support.stacked import SmallMethod, folds_of, own_method, same, trained
from torch import Tensor

from mer_bench import MerBenchError
from mer_bench.engine import run
from mer_bench.training.folds import TrainingFold
from mer_bench.training.precision import tf32_allowed

SEEN: list[tuple[torch.dtype, torch.dtype]] = []


class Watching(SmallMethod):
    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        SEEN.append((logits.dtype, torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype))
        return super().loss(logits, labels)


def folds(precision: str) -> list[TrainingFold]:
    return folds_of(lambda: own_method(Watching, precision=precision), 3)


@pytest.mark.parametrize("stacked", [False, True])
def test_bf16_is_close_to_fp32_and_not_the_same(stacked: bool) -> None:
    SEEN.clear()
    exact, coarse = (trained(folds(precision), stacked=stacked) for precision in ("fp32", "bf16"))
    differences = [np.abs(a.probabilities[0] - b.probabilities[0]).max() for a, b in zip(exact, coarse, strict=True)]

    assert 1e-4 < max(differences) < 0.05
    assert all(not same(a, b) for a, b in zip(exact, coarse, strict=True))
    # The loss is computed in float32, outside of the coarser arithmetic.
    assert set(SEEN) == {(torch.float32, torch.float32)}


def test_tf32_is_refused_on_a_cpu_and_the_flags_are_those_from_before() -> None:
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    with pytest.raises(MerBenchError, match=r"^precision=tf32 needs a GPU \(--device cuda\); on a CPU use fp32 or bf"):
        trained(folds("tf32"), stacked=False)
    for precision in ("fp32", "tf32", "bf16"):
        with tf32_allowed(precision, torch.device("cuda")):
            now = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
            assert now == (precision == "tf32",) * 2
    assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before


def test_a_run_refuses_a_precision_that_its_device_lacks(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "has_bf16", lambda: False)
    for precision, sentence in (
        ("tf32", "error: ststnet: precision=tf32 needs a GPU; use precision=fp32 or bf16 on a CPU"),
        ("bf16", "error: ststnet: precision=bf16 needs a GPU, or a processor with AVX512-BF16, which this one ("),
    ):
        ended = bench.run("--method", "ststnet", "--set", f"precision={precision}")
        assert ended.code == 2
        assert ended.errors[0].startswith(sentence)
    assert not bench.results.exists()
