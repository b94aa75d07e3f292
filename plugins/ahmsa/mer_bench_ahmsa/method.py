"""AHMSA-Net as a mer-bench method."""

from __future__ import annotations

from mer_bench import TorchMethod
from mer_bench_ahmsa.network import AHMSANet


class AHMSA(TorchMethod):
    """AHMSA-Net on 28×28×3 key-region flow maps (u, v, os)."""

    def build_network(self) -> AHMSANet:
        """Return the network that the parameters describe."""
        return AHMSANet(self.n_classes, **self.network_params())
