"""STSTNet as a mer-bench method."""

from __future__ import annotations

from mer_bench import TorchMethod
from mer_bench_ststnet.network import STSTNet


class STSTNetMethod(TorchMethod):
    """STSTNet on 28×28×3 whole-face flow maps (u, v, os)."""

    def build_network(self) -> STSTNet:
        """Return the network that the parameters describe."""
        return STSTNet(self.n_classes, **self.network_params())
