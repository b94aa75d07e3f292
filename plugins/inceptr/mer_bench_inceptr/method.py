"""IncepTR as a mer-bench method."""

from __future__ import annotations

from mer_bench import TorchMethod
from mer_bench_inceptr.network import IncepTR


class IncepTRMethod(TorchMethod):
    """IncepTR on 28×28×3 whole-face flow maps (u, v, os)."""

    def build_network(self) -> IncepTR:
        """Return the network that the parameters describe."""
        return IncepTR(self.n_classes, **self.network_params())
