"""RCN-A as a mer-bench method."""

from __future__ import annotations

from mer_bench import TorchMethod
from mer_bench_rcn_a.network import RCNA


class RCNAMethod(TorchMethod):
    """RCN-A on 28×28×3 face maps (u, v, os)."""

    def build_network(self) -> RCNA:
        """Return the network that the parameters describe."""
        return RCNA(self.n_classes, **self.network_params())
