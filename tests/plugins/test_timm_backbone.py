"""Models of timm: any by its name, weights from a local file alone, and what cannot work is refused in a sentence."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import BUILT_IN, network_of
from torch import Tensor, nn

from mer_bench import MerBenchError
from mer_bench_timm_backbone.network import Backbone

SPEC = BUILT_IN["timm-backbone"]

pytestmark = pytest.mark.usefixtures("reproducible")
TINY = "test_resnet"


@pytest.fixture(autouse=True)
def attempts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Stop whatever reaches for the network, and list it, so that a test fails even if its error is caught."""
    names: list[str] = []

    def attempt(address: object, *_args: object, **_kwargs: object) -> None:
        names.append(str(address))
        raise AssertionError(f"{address} was asked for")

    for owner, name in ((socket, "getaddrinfo"), (socket, "create_connection"), (socket.socket, "connect")):
        monkeypatch.setattr(owner, name, attempt)
    yield names
    assert not names


def built(preset: str | None = "quick", n_classes: int = 3, **settings: object) -> Backbone:
    network: Backbone = network_of(SPEC, preset=preset, n_classes=n_classes, **settings)
    return network


def refusal(**settings: object) -> str:
    with pytest.raises(MerBenchError) as caught:
        built(**settings)
    sentence = str(caught.value)
    assert sentence.startswith("timm-backbone: ")
    assert "\n" not in sentence
    return sentence


def saved(path: Path, state: Any) -> dict[str, object]:
    """Write a file and return the settings that name it."""
    if isinstance(state, bytes):
        path.write_bytes(state)
    elif path.suffix == ".safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save(state, path)
    return {"weights": str(path), "weights_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def pretrained(n_classes: int = 10, name: str = TINY, **settings: Any) -> dict[str, Tensor]:
    """Return weights unlike those that any model begins with."""
    state = timm.create_model(name, num_classes=n_classes, **settings).state_dict()
    return {name: torch.randn_like(x) if x.is_floating_point() else x for name, x in state.items()}


@pytest.fixture
def weights(tmp_path: Path) -> dict[str, object]:
    return saved(tmp_path / "w.safetensors", pretrained())


@pytest.mark.parametrize("image", [16, 28])
def test_maps_are_resized_bilinearly_with_antialiasing_to_the_side_that_was_asked_for(image: int) -> None:
    """Lines of one pixel, of which shrinking without antialiasing loses some."""
    maps = torch.zeros(2, 3, 28, 28)
    maps[:, 0, ::3] = 1.0
    maps[:, 1, :, ::5] = -2.0
    inputs: list[Tensor] = []
    network = Backbone(nn.Identity(), image)
    network.model.register_forward_pre_hook(lambda _module, given: inputs.append(given[0]))

    network(maps)

    expected = F.interpolate(maps, size=image, mode="bilinear", align_corners=False, antialias=True)
    torch.testing.assert_close(inputs[0], maps if image == 28 else expected)


def test_patches_that_leave_pixels_unseen_are_refused_with_the_next_size_that_fits() -> None:
    assert refusal(model="test_vit", image=28) == (
        "timm-backbone: patches of 16 pixels of model=test_vit do not tile image=28; take image=32"
    )


def test_a_model_that_needs_larger_maps_is_refused_before_it_trains() -> None:
    sentence = refusal(model="test_convnext", image=28)

    assert "model=test_convnext cannot take maps of image=28 (" in sentence
    assert sentence.endswith("a larger image may do")
    assert built(model="test_convnext", image=64)(torch.randn(2, 3, 28, 28)).shape == (2, 3)


def test_a_model_that_cannot_be_built_for_the_size_is_refused_with_timms_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def create(*_args: object, **_kwargs: object) -> nn.Module:
        raise TypeError("division by zero\nand a second line")

    monkeypatch.setattr(timm, "create_model", create)

    assert refusal() == f"timm-backbone: timm cannot build model={TINY} at image=28: division by zero"


@pytest.mark.parametrize(
    ("output", "given"),
    [(lambda x: x, "(2, 3, 28, 28)"), (lambda x: [x, x], "an object of type list")],
)
def test_a_model_that_does_not_classify_is_refused(output: Any, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoClassifier(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return output(x)

    monkeypatch.setattr(timm, "create_model", lambda *_args, **_kwargs: NoClassifier())

    assert f"model={TINY} gives {given} for 2 samples of 3 classes" in refusal()


def test_an_unknown_name_is_refused_with_the_nearest_and_a_tag_because_it_names_weights_to_download() -> None:
    assert f"timm {timm.__version__} has no model 'hf-hub:timm/resnet18.a1_in1k'" in refusal(
        model="hf-hub:timm/resnet18.a1_in1k"
    )
    assert "has no model 'resnet81' (did you mean 'resnet18'?)" in refusal(model="resnet81")
    assert refusal(model="resnet18.a1_in1k") == (
        "timm-backbone: model='resnet18.a1_in1k' has the tag 'a1_in1k', which names weights to download; "
        "take model=resnet18, and pretrained weights from a local file with weights=PATH"
    )


def test_single_samples_are_refused_where_batch_normalisation_is_left_with_one_position() -> None:
    sentence = refusal(preset="resnet18", batch_size=1)

    assert "model=resnet18 cannot train with batch_size=1 at image=28 (" in sentence
    assert sentence.endswith("take batch_size=2 or more")


def test_checks_change_neither_the_network_nor_the_random_state() -> None:
    settings = {"image": 64, "drop_rate": 0.5}
    torch.manual_seed(0)
    usual, drawn = built(**settings).state_dict(), torch.rand(1)
    torch.manual_seed(0)
    checked = built(batch_size=1, **settings)
    drawn_after = torch.rand(1)

    assert all(torch.equal(usual[name], tensor) for name, tensor in checked.state_dict().items())
    assert not any(tensor.any() for name, tensor in usual.items() if name.endswith("num_batches_tracked"))
    assert torch.equal(drawn, drawn_after)
    assert checked.training


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_weights_come_from_a_file_and_the_classifier_of_other_classes_stays(suffix: str, tmp_path: Path) -> None:
    state = pretrained(10)
    network = built(**saved(tmp_path / f"weights{suffix}", state)).model.state_dict()

    assert {name for name in network if not torch.equal(network[name], state[name])} == {"fc.weight", "fc.bias"}
    assert network["fc.weight"].shape[0] == 3


@pytest.mark.parametrize("left_out", ["fc.", "num_batches_tracked"])
def test_a_classifier_of_as_many_classes_is_loaded_and_a_file_may_lack_it_or_counters_of_batches(
    left_out: str, tmp_path: Path
) -> None:
    state = {name: tensor for name, tensor in pretrained(3).items() if left_out not in name}
    network = built(**saved(tmp_path / "w.safetensors", state)).model.state_dict()

    assert all(torch.equal(network[name], state[name]) for name in state)
    assert network["fc.weight"].isfinite().all()


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
def test_what_training_scripts_wrap_around_weights_is_taken_off(wrapper: str, tmp_path: Path) -> None:
    state = pretrained()
    wrapped = {wrapper: {f"module.{name}": tensor for name, tensor in state.items()}, "epoch": 3}
    network = built(**saved(tmp_path / "w.pth", wrapped)).model.state_dict()

    assert torch.equal(network["conv1.0.weight"], state["conv1.0.weight"])


def test_weights_without_digest_or_with_another_files_are_refused_with_the_files_own(weights: dict[str, Any]) -> None:
    actual = weights["weights_sha256"]
    other = ("0" if actual[0] != "0" else "1") + actual[1:]

    assert f"set weights_sha256={actual}" in refusal(weights=weights["weights"])
    assert refusal(weights=weights["weights"], weights_sha256=other).endswith(f"its digest is {actual}")


def test_a_digest_may_be_cut_down_to_12_digits_of_either_case(weights: dict[str, Any]) -> None:
    assert built(weights=weights["weights"], weights_sha256=weights["weights_sha256"][:12].upper())


@pytest.mark.parametrize("text", ["a" * 11, "a" * 65, "x" * 12])
def test_what_is_no_digest_is_refused(text: str, weights: dict[str, Any]) -> None:
    sentence = refusal(weights=weights["weights"], weights_sha256=text)

    assert f"weights_sha256={text!r} is not 12 to 64 hexadecimal digits" in sentence
    assert weights["weights_sha256"] in sentence


@pytest.mark.parametrize("path", ["absent.pth", "nul\0l.pth"])
def test_a_file_that_cannot_be_read_is_refused(path: str) -> None:
    sentence = refusal(weights=path, weights_sha256="0" * 64)

    assert f"weights={path!r}: " in sentence
    assert sentence.endswith(".pth does not exist; name a file of weights")


def test_a_pickle_that_would_run_code_runs_nothing(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    settings = saved(tmp_path / "w.pth", {"fc.weight": Trap()})

    assert "is not a .pth file that holds only tensors (UnpicklingError)" in refusal(**settings)
    assert not (tmp_path / "ran").exists()


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("w.safetensors", b"no tensors", "is not a .safetensors file that holds only tensors"),
        ("w.npz", b"x", "is not of a supported kind: .safetensors, .pth, .pt, .bin"),
        *(("w.pth", content, "holds no tensors by name") for content in ({}, {"epoch": 3}, [torch.ones(2)])),
        *(
            ("w.pth", {"bn1.weight": tensor}, "has bn1.weight, which is not of finite real numbers")
            for tensor in (
                torch.full((3,), float("nan")),
                torch.ones(3, dtype=torch.complex64),
                torch.ones(3).to_sparse(),
                torch.ones(3, device="meta"),
            )
        ),
    ],
)
def test_a_file_that_holds_no_weights_is_refused(name: str, content: Any, sentence: str, tmp_path: Path) -> None:
    assert sentence in refusal(**saved(tmp_path / name, content))


def test_weights_that_lack_or_have_too_many_tensors_are_refused_by_name(tmp_path: Path) -> None:
    state = pretrained()
    del state["bn1.weight"]
    state.update({f"extra{i}": torch.ones(1) for i in range(5)})

    sentence = refusal(**saved(tmp_path / "w.safetensors", state))

    assert "the file lacks bn1.weight and has the unknown extra0, extra1, extra2 and 2 more" in sentence
    assert sentence.endswith("it belongs to another model")


def test_weights_of_other_shapes_outside_the_classifier_are_refused_with_both(tmp_path: Path) -> None:
    settings = saved(tmp_path / "w.safetensors", pretrained(name="test_vit", img_size=160))

    sentence = refusal(model="test_vit", image=32, **settings)

    assert "pos_embed is (1, 101, 64) in the file and (1, 5, 64) in the model" in sentence
    assert "image=32" in sentence
    assert built(model="test_vit", image=160, **settings).model.pos_embed.shape == (1, 101, 64)
