"""Build a timm model for small maps, and refuse what cannot work with one sentence, not an error of its layers."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import timm
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from mer_bench import MerBenchError, did_you_mean
from mer_bench_timm_backbone.weights import load_weights, read_weights


class Backbone(nn.Module):
    """A model behind a resizing of its maps.

    Parameters
    ----------
    model : nn.Module
        Takes (n, 3, image, image), gives logits.
    image : int
        Side in pixels.
    """

    def __init__(self, model: nn.Module, image: int) -> None:
        super().__init__()
        self.model = model
        self.image = image

    def forward(self, maps: Tensor) -> Tensor:
        """Return logits (n, n_classes) of maps (n, 3, side, side)."""
        if maps.shape[-1] != self.image or maps.shape[-2] != self.image:
            maps = F.interpolate(maps, size=(self.image, self.image), mode="bilinear", antialias=True)
        logits: Tensor = self.model(maps)
        return logits


def build_backbone(
    n_classes: int, *, model: str, image: int, drop_rate: float, weights: str, weights_sha256: str
) -> Backbone:
    """Return a timm model by name, with random weights or those of a local file.

    Parameters
    ----------
    n_classes : int
    model, image, drop_rate, weights, weights_sha256
        As in the method's spec.

    Raises
    ------
    MerBenchError
        timm has no such model, it does not take maps of this size or does not classify, or the weights are not those
        that were asked for.
    """
    _check_name(model)
    state = read_weights(weights, weights_sha256)
    try:
        network = _create(model, num_classes=n_classes, in_chans=3, drop_rate=drop_rate, image=image)
    except Exception as error:  # timm's models check their settings each in its own way
        raise MerBenchError(
            f"timm-backbone: timm cannot build model={model} at image={image}: {_line(error)}"
        ) from error
    _check_patches(network, model, image)
    backbone = Backbone(network, image)
    _check_output(backbone, model, n_classes)
    if state is not None:
        load_weights(network, state, f"timm-backbone: weights={weights!r} for model={model} at image={image}")
    return backbone


@torch.no_grad()
def check_single_samples(backbone: Backbone, model: str) -> None:
    """Refuse a model that cannot train on one sample a step. It tries a copy: network and random state do not change.

    Batch normalisation that is left with one position has one value a channel, and so no deviation to divide by.

    Raises
    ------
    MerBenchError
        The model fails on one map.
    """
    image = backbone.image
    with torch.random.fork_rng(devices=[]):
        try:
            deepcopy(backbone).train()(torch.zeros(1, 3, image, image))
        except Exception as error:  # whatever a model's layers raise
            raise MerBenchError(
                f"timm-backbone: model={model} cannot train with batch_size=1 at image={image} ({_line(error)}); "
                "take batch_size=2 or more"
            ) from error


def _check_name(model: str) -> None:
    known = timm.list_models()
    if model in known:
        return
    name, _, tag = model.partition(".")
    if tag and name in known:
        raise MerBenchError(
            f"timm-backbone: model={model!r} has the tag {tag!r}, which names weights to download; "
            f"take model={name}, and pretrained weights from a local file with weights=PATH"
        )
    raise MerBenchError(
        f"timm-backbone: timm {timm.__version__} has no model {model!r}{did_you_mean(model, known)}; "
        "timm.list_models() names them all"
    )


def _create(name: str, *, image: int, **settings: Any) -> nn.Module:
    """Give a model the size of its input if it takes one, such as a model with a table of positions."""
    try:
        return timm.create_model(name, pretrained=False, img_size=image, **settings)
    except TypeError as error:
        if "img_size" not in str(error):
            raise
        return timm.create_model(name, pretrained=False, **settings)


def _check_patches(network: nn.Module, model: str, image: int) -> None:
    """Refuse maps that patches do not tile: timm's vision transformers silently ignore the rest."""
    patches = getattr(getattr(network, "patch_embed", None), "proj", None)
    if not isinstance(patches, nn.Conv2d) or patches.stride != patches.kernel_size:
        return
    side = patches.stride[0]
    if image % side:
        raise MerBenchError(
            f"timm-backbone: patches of {side} pixels of model={model} do not tile image={image}; "
            f"take image={-(-image // side) * side}"
        )


@torch.no_grad()
def _check_output(backbone: Backbone, model: str, n_classes: int) -> None:
    """Score two empty maps in evaluation mode: network and random state do not change."""
    image = backbone.image
    backbone.eval()
    try:
        outputs = backbone(torch.zeros(2, 3, image, image))
    except Exception as error:  # whatever a model's layers raise on maps that are too small for them
        raise MerBenchError(
            f"timm-backbone: model={model} cannot take maps of image={image} ({_line(error)}); a larger image may do"
        ) from error
    finally:
        backbone.train()
    if not isinstance(outputs, Tensor) or outputs.shape != (2, n_classes):
        given = tuple(outputs.shape) if isinstance(outputs, Tensor) else f"an object of type {type(outputs).__name__}"
        raise MerBenchError(
            f"timm-backbone: model={model} gives {given} for 2 samples of {n_classes} classes, not one score for each; "
            "it is not a classifier; choose another model"
        )


def _line(error: Exception) -> str:
    """Return an error's first line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
