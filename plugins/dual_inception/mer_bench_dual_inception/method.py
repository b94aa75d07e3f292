"""Dual-Inception as a mer-bench method."""

from __future__ import annotations

from typing import Any

from mer_bench import TorchMethod
from mer_bench_dual_inception.network import DualInception

_NETWORK = ("maps", "hidden", "branch_channels", "initialisation")


class DualInceptionMethod(TorchMethod):
    """Dual-Inception on the u and v of 28×28×3 face maps (u, v, os)."""

    def build_network(self) -> DualInception:
        """Return the network that the parameters describe."""
        settings: dict[str, Any] = {name: self.params[name] for name in _NETWORK}
        return DualInception(self.n_classes, **settings)
