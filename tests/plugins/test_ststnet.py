"""STSTNet: the network is the paper's Table I."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import BUILT_IN
from torch import nn

from mer_bench_ststnet.network import Stream

SPEC = BUILT_IN["ststnet"]

pytestmark = pytest.mark.usefixtures("reproducible")


def test_a_stream_convolves_rectifies_normalises_pools_and_drops_in_this_order() -> None:
    stream = Stream(4, 1, True, 0.5).eval()
    convolution, norm = stream[0], stream[2]
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2.0)
    maps = torch.randn(5, 3, 28, 28)

    rectified = F.conv2d(maps, convolution.weight, convolution.bias, padding=1).clamp(min=0)
    deviation = torch.sqrt(norm.running_var + norm.eps)
    scaled = (rectified - norm.running_mean[:, None, None]) / deviation[:, None, None]
    normalised = scaled * norm.weight[:, None, None] + norm.bias[:, None, None]
    framed = F.pad(normalised, (1, 1, 1, 1), value=-torch.inf)
    pooled = framed.reshape(5, 4, 10, 3, 10, 3).amax((3, 5))

    assert [type(part).__name__ for part in stream] == ["Conv2d", "ReLU", "BatchNorm2d", "MaxPool2d", "Dropout"]
    torch.testing.assert_close(stream(maps), pooled)
