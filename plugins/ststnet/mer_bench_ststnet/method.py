"""STSTNet as a mer-bench method."""

from __future__ import annotations

from typing import Any

from mer_bench import TorchMethod
from mer_bench_ststnet.network import STSTNet

_NETWORK = ("streams", "padding", "batch_norm", "dropout", "initialisation")


class STSTNetMethod(TorchMethod):
    """STSTNet on 28×28×3 whole-face flow maps (u, v, os)."""

    def build_network(self) -> STSTNet:
        """Return the network that the parameters describe."""
        settings: dict[str, Any] = {name: self.params[name] for name in _NETWORK}
        return STSTNet(self.n_classes, **settings)
