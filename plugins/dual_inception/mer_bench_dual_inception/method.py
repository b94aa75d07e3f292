"""Dual-Inception as a mer-bench method."""

from __future__ import annotations

from mer_bench import TorchMethod
from mer_bench_dual_inception.network import DualInception


class DualInceptionMethod(TorchMethod):
    """Dual-Inception on the u and v of 28×28×3 face maps (u, v, os)."""

    def build_network(self) -> DualInception:
        """Return the network that the parameters describe."""
        return DualInception(self.n_classes, **self.network_params())
