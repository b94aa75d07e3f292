"""A model of timm as a mer-bench method."""

from __future__ import annotations

from mer_bench import TorchMethod
from mer_bench_timm_backbone.network import Backbone, build_backbone, check_single_samples


class TimmBackbone(TorchMethod):
    """A timm model on 28×28×3 whole-face flow maps (u, v, os), as its three input channels."""

    def build_network(self) -> Backbone:
        """Return the model that the parameters name, with the weights that they name."""
        network = build_backbone(self.n_classes, **self.network_params())
        if self.training.batch_size == 1:
            check_single_samples(network, str(self.params["model"]))
        return network
