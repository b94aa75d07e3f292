"""HTNet as a mer-bench method."""

from __future__ import annotations

from mer_bench import TorchMethod
from mer_bench_htnet.network import HTNet


class HTNetMethod(TorchMethod):
    """HTNet on 28×28×3 key-region flow maps (u, v, os)."""

    def build_network(self) -> HTNet:
        """Return the network that the parameters describe."""
        return HTNet(self.n_classes, **self.network_params())
