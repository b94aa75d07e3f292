"""RCN-A as a mer-bench method."""

from __future__ import annotations

from typing import Any

from mer_bench import TorchMethod
from mer_bench_rcn_a.network import RCNA

_NETWORK = ("maps", "pool", "recurrences", "dropout", "attention_eps")


class RCNAMethod(TorchMethod):
    """RCN-A on 28×28×3 face maps (u, v, os)."""

    def build_network(self) -> RCNA:
        """Return the network that the parameters describe."""
        settings: dict[str, Any] = {name: self.params[name] for name in _NETWORK}
        return RCNA(self.n_classes, **settings)
