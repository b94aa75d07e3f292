"""A process that trains networks starts quickly: nothing imports torch's compiler, which takes more than a second."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from mer_bench.training import optimizers

TRAIN = """
import sys

from support.stacked import folds_of, own_method, trained

for name in ("sgd", "adam", "adamw"):
    (fold,) = trained(folds_of(lambda: own_method(optimizer=name, epochs=1), 1), stacked=False)
    assert fold.probabilities
assert "torch._dynamo" not in sys.modules
"""


def weights_after(kind: Callable[..., torch.optim.Optimizer]) -> list[torch.Tensor]:
    """Return the weights after some steps, with a schedule, as in a training."""
    generator = torch.Generator().manual_seed(1)
    weights = [torch.randn(size, generator=generator).requires_grad_() for size in ((5, 3), (7,))]
    groups = [{"params": weights[:1], "weight_decay": 0.1}, {"params": weights[1:], "lr": 0.2}]
    optimizer = kind(groups, lr=0.05, fused=True)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    for _ in range(3):
        for weight in weights:
            weight.grad = torch.randn(weight.shape, generator=generator)
        optimizer.step()
        schedule.step()
    return [weight.detach() for weight in weights]


@pytest.mark.parametrize(
    ("own", "torchs"),
    [
        (partial(optimizers.SGD, momentum=0.9), partial(torch.optim.SGD, momentum=0.9)),
        (optimizers.Adam, torch.optim.Adam),
        (optimizers.AdamW, torch.optim.AdamW),
    ],
    ids=["sgd", "adam", "adamw"],
)
def test_an_optimiser_gives_the_bits_of_torchs(
    own: Callable[..., torch.optim.Optimizer], torchs: Callable[..., torch.optim.Optimizer]
) -> None:
    mine, theirs = weights_after(own), weights_after(torchs)

    assert all(torch.equal(one, other) for one, other in zip(mine, theirs, strict=True))


@pytest.mark.slow
def test_training_imports_no_compiler() -> None:
    command = [sys.executable, "-c", TRAIN]
    tests = Path(__file__).parents[1]

    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=tests)

    assert (done.returncode, done.stderr) == (0, "")
