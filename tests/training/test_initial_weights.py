"""Weights of a file in a network: only the classifier may be of other classes."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from mer_bench.errors import MethodError
from mer_bench.training.initial_weights import load_initial_weights


def network(n_classes: int, *, channels: int = 3, width: int = 6, tied: bool = False) -> nn.Sequential:
    """A network whose first layer has as many maps as there may be classes."""
    layers = nn.Sequential(nn.Conv2d(2, channels, 1), nn.BatchNorm2d(channels), nn.Flatten(), nn.Linear(12, width))
    layers.append(nn.Linear(width, n_classes))
    if tied:
        layers.register_module("copy", layers[4])
    return layers


def filled(own: nn.Module) -> nn.Module:
    """Give every tensor values of its own."""
    for number, tensor in enumerate(own.state_dict().values()):
        tensor.fill_(100 + number)
    return own


def loaded(
    into: nn.Module, tensors: dict[str, Tensor], folder: Path, n_classes: int = 3
) -> tuple[dict[str, Tensor], set[str]]:
    """Return the tensors after loading, and the names of those that kept their values."""
    file = folder / "weights.safetensors"
    safetensors.torch.save_file({name: tensor.clone() for name, tensor in tensors.items()}, file)
    before = {name: tensor.clone() for name, tensor in into.state_dict().items()}
    load_initial_weights(into, file, n_classes)
    after = into.state_dict()
    return after, {name for name in after if torch.equal(after[name], before[name])}


def test_a_classifier_of_other_classes_stays_fresh_and_all_else_is_the_files(tmp_path: Path) -> None:
    given = filled(network(5)).state_dict()
    after, fresh = loaded(network(3), given, tmp_path)

    assert fresh == {"4.weight", "4.bias"}
    assert all(torch.equal(after[name], given[name]) for name in after if name not in fresh)


def test_a_classifier_that_fits_is_loaded_and_one_that_is_missing_stays_fresh(tmp_path: Path) -> None:
    given = filled(network(3)).state_dict()
    without = {name: tensor for name, tensor in given.items() if not name.startswith("4.")}

    assert loaded(network(3), given, tmp_path)[1] == set()
    assert loaded(network(3), without, tmp_path)[1] == {"4.weight", "4.bias"}


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (network(3, channels=4), "in another shape 0.weight, 0.bias, 1.weight and 3 more"),
        (network(5, width=7), "in another shape 3.weight, 3.bias, 4.weight$"),
    ],
    ids=["maps", "width"],
)
def test_a_layer_with_as_many_maps_as_classes_is_no_classifier(other: nn.Module, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(MethodError, match=sentence):
        loaded(network(3), other.state_dict(), tmp_path)


def test_first_tensors_that_the_file_lacks_are_named(tmp_path: Path) -> None:
    given = {name: tensor for name, tensor in network(3).state_dict().items() if not name.startswith("0.")}
    with pytest.raises(MethodError, match=r"the file lacks 0.weight, 0.bias$"):
        loaded(network(3), given, tmp_path)


def test_names_of_one_tensor_stay_fresh_together_or_need_one_of_them(tmp_path: Path) -> None:
    others = filled(network(5, tied=True)).state_dict()
    _, fresh = loaded(network(3, tied=True), others, tmp_path)
    assert fresh == {"4.weight", "4.bias", "copy.weight", "copy.bias"}

    given = {name: own for name, own in filled(network(3, tied=True)).state_dict().items() if "copy" not in name}
    after, fresh = loaded(network(3, tied=True), given, tmp_path)
    assert not fresh
    assert torch.equal(after["copy.weight"], given["4.weight"])


def test_a_network_without_a_row_for_each_class_takes_the_file_as_it_is(tmp_path: Path) -> None:
    assert loaded(network(3), filled(network(3)).state_dict(), tmp_path, n_classes=7)[1] == set()
    with pytest.raises(MethodError, match=r"in another shape 4\.weight, 4\.bias"):
        loaded(network(3), network(5).state_dict(), tmp_path, n_classes=7)
