"""AHMSA-Net as a mer-bench method."""

from __future__ import annotations

from typing import Any

from mer_bench import TorchMethod
from mer_bench_ahmsa.network import AHMSANet

_NETWORK = ("width", "heads", "patch", "blocks", "mlp_ratio", "reduction", "head_hidden", "dropout", "residual")


class AHMSA(TorchMethod):
    """AHMSA-Net on 28×28×3 key-region flow maps (u, v, os)."""

    def build_network(self) -> AHMSANet:
        """Return the network that the parameters describe."""
        settings: dict[str, Any] = {name: self.params[name] for name in _NETWORK}
        return AHMSANet(self.n_classes, **settings)
