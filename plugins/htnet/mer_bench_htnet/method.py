"""HTNet as a mer-bench method."""

from __future__ import annotations

from typing import Any

from mer_bench import TorchMethod
from mer_bench_htnet.network import HTNet

_NETWORK = ("attention", "width", "heads", "patch", "blocks", "mlp_ratio", "dropout")


class HTNetMethod(TorchMethod):
    """HTNet on 28×28×3 key-region flow maps (u, v, os)."""

    def build_network(self) -> HTNet:
        """Return the network that the parameters describe."""
        settings: dict[str, Any] = {name: self.params[name] for name in _NETWORK}
        return HTNet(self.n_classes, **settings)
