"""IncepTR as a mer-bench method."""

from __future__ import annotations

from typing import Any

from mer_bench import TorchMethod
from mer_bench_inceptr.network import IncepTR

_NETWORK = (
    *("paths", "squeeze", "reduction", "width", "depth", "heads", "mlp_ratio", "drop_path", "msad", "msad_part"),
    *("channels", "hidden", "dropout", "similarity"),
)


class IncepTRMethod(TorchMethod):
    """IncepTR on 28×28×3 whole-face flow maps (u, v, os)."""

    def build_network(self) -> IncepTR:
        """Return the network that the parameters describe."""
        settings: dict[str, Any] = {name: self.params[name] for name in _NETWORK}
        return IncepTR(self.n_classes, **settings)
