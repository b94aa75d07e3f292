"""OFF-ApexNet as a mer-bench method."""

from __future__ import annotations

from mer_bench import TorchMethod
from mer_bench_off_apexnet.network import OFFApexNet


class OFFApexNetMethod(TorchMethod):
    """OFF-ApexNet on the u and v of 28×28×3 face maps (u, v, os)."""

    def build_network(self) -> OFFApexNet:
        """Return the network that the parameters describe."""
        return OFFApexNet(self.n_classes, **self.network_params())
