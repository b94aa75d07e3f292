"""Models of timm: any by its name, weights from a local file alone, and what cannot work is refused in a sentence."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
import torch.nn.functional as F  # noqa: N812
from support.method_instances import network_of, scores_of_the_rest
from support.moving_maps import motion
from torch import Tensor, nn

import mer_bench_timm_backbone
from mer_bench import MerBenchError
from mer_bench.testing import make_method
from mer_bench_timm_backbone.network import Backbone

(SPEC,) = mer_bench_timm_backbone.mer_bench_methods()

pytestmark = pytest.mark.usefixtures("reproducible")
TINY = "test_resnet"


@pytest.fixture(autouse=True)
def attempts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Whatever reaches for the network stops there, and stands in this list even if its error is caught."""
    found: list[str] = []

    def refuse(name: str) -> Any:
        def attempt(*_args: object, **_kwargs: object) -> None:
            found.append(name)
            raise AssertionError(f"{name} was called")

        return attempt

    for owner, name in (
        *((socket, "getaddrinfo"), (socket, "create_connection"), (urllib.request, "urlopen")),
        *((torch.hub, "download_url_to_file"), (torch.hub, "load_state_dict_from_url")),
    ):
        monkeypatch.setattr(owner, name, refuse(name))
    monkeypatch.setattr(socket.socket, "connect", refuse("connect"))
    yield found
    assert not found


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
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save(state, path)
    return {"weights": str(path), "weights_sha256": digest(path)}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pretrained(n_classes: int = 10, name: str = TINY, **settings: Any) -> dict[str, Tensor]:
    """Return weights unlike those that any model begins with."""
    state = timm.create_model(name, num_classes=n_classes, **settings).state_dict()
    return {name: torch.randn_like(x) if x.is_floating_point() else x for name, x in state.items()}


def test_the_default_is_a_resnet18_of_11_million_parameters_with_random_weights() -> None:
    network = built(None)

    assert sum(parameter.numel() for parameter in network.parameters()) == 11_178_051
    assert SPEC.default_preset == "resnet18"
    assert SPEC.resolve(None, {})["weights"] == ""
    assert (SPEC.representation.name, SPEC.family, SPEC.trains_by_epoch) == ("face-flow", "deep", True)


def test_the_quick_preset_is_timms_smallest_resnet() -> None:
    assert sum(parameter.numel() for parameter in built("quick").parameters()) == 372_979


@pytest.mark.parametrize("n_classes", [3, 7])
def test_maps_give_one_logit_a_class(n_classes: int) -> None:
    assert built(n_classes=n_classes)(torch.randn(4, 3, 28, 28)).shape == (4, n_classes)


@pytest.mark.parametrize("image", [28, 64])
def test_the_model_sees_maps_of_the_side_that_was_asked_for(image: int) -> None:
    network, maps = built(image=image), torch.randn(2, 3, 28, 28)
    seen: list[Tensor] = []
    network.model.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))

    network(maps)

    expected = maps if image == 28 else F.interpolate(maps, size=image, mode="bilinear", align_corners=False)
    torch.testing.assert_close(seen[0], expected)


def test_a_transformer_is_built_for_the_size_of_its_maps() -> None:
    network = built(model="test_vit", image=32)

    assert network.model.pos_embed.shape[1] == 1 + 2 * 2
    assert network(torch.randn(2, 3, 28, 28)).shape == (2, 3)


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
        raise ZeroDivisionError("division by zero\nand a second line")

    monkeypatch.setattr(timm, "create_model", create)

    assert refusal() == f"timm-backbone: timm cannot build model={TINY} at image=28: division by zero"


@pytest.mark.parametrize(
    ("output", "given"),
    [
        (lambda x: x.mean((2, 3)).repeat(1, 2), "(2, 6)"),
        (lambda x: x, "(2, 3, 28, 28)"),
        (lambda x: [x, x], "an object of type list"),
    ],
)
def test_a_model_that_does_not_classify_is_refused(output: Any, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Features(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return output(x)

    monkeypatch.setattr(timm, "create_model", lambda *_args, **_kwargs: Features())

    assert f"model={TINY} gives {given} for 2 samples of 3 classes" in refusal()


def test_an_unknown_model_is_refused_with_the_nearest_name() -> None:
    sentence = refusal(model="resnet81")

    assert f"timm {timm.__version__} has no model 'resnet81' (did you mean 'resnet18'?)" in sentence


@pytest.mark.parametrize("name", ["hf-hub:timm/resnet18.a1_in1k", "hf_hub:timm/resnet18", "", "resnet18/../x"])
def test_a_name_from_elsewhere_is_an_unknown_model(name: str) -> None:
    assert f"has no model {name!r}" in refusal(model=name)


def test_a_tag_is_refused_as_it_names_weights_to_download() -> None:
    sentence = refusal(model="resnet18.a1_in1k")

    assert "has the tag 'a1_in1k', which names weights to download" in sentence
    assert "weights=PATH" in sentence


def test_nothing_is_downloaded_though_timm_knows_where_weights_are(
    attempts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    create = timm.create_model
    monkeypatch.setattr(
        timm, "create_model", lambda *args, **kwargs: asked.append(kwargs["pretrained"]) or create(*args, **kwargs)
    )

    built("resnet18")

    assert set(asked) == {False}
    assert not attempts


def test_dropout_before_the_classifier_is_what_was_set() -> None:
    network = built(drop_rate=0.5)
    maps = torch.randn(8, 3, 28, 28)

    assert not torch.equal(network(maps), network(maps))
    assert network.model.drop_rate == 0.5
    assert built().model.drop_rate == 0.0


@pytest.mark.parametrize("settings", [{"drop_rate": 1.0}, {"image": 10**9}])
def test_values_beyond_their_limits_are_refused_by_the_spec(settings: dict[str, object]) -> None:
    (name,) = settings
    with pytest.raises(MerBenchError, match=f"{name}=.* is above the largest allowed value"):
        SPEC.resolve("quick", settings)


def test_single_samples_are_refused_where_batch_normalisation_is_left_with_one_position() -> None:
    sentence = refusal(preset="resnet18", batch_size=1)

    assert "model=resnet18 cannot train with batch_size=1 at image=28 (" in sentence
    assert sentence.endswith("take batch_size=2 or more")


def test_trying_a_single_sample_changes_neither_the_network_nor_the_random_state() -> None:
    settings = {"image": 64, "drop_rate": 0.5}
    torch.manual_seed(0)
    usual, drawn = built(**settings).state_dict(), torch.rand(1)
    torch.manual_seed(0)
    single, drawn_after = built(batch_size=1, **settings).state_dict(), torch.rand(1)

    assert all(torch.equal(usual[name], single[name]) for name in usual)
    assert torch.equal(drawn, drawn_after)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt", ".bin"])
def test_weights_come_from_a_file_and_the_classifier_of_other_classes_stays(suffix: str, tmp_path: Path) -> None:
    state = pretrained(10)
    network = built(**saved(tmp_path / f"weights{suffix}", state)).model.state_dict()

    assert {name for name in network if not torch.equal(network[name], state[name])} == {"fc.weight", "fc.bias"}
    assert network["fc.weight"].shape[0] == 3


def test_the_classifier_of_as_many_classes_is_taken_over(tmp_path: Path) -> None:
    state = pretrained(3)
    network = built(**saved(tmp_path / "w.safetensors", state)).model.state_dict()

    assert all(torch.equal(network[name], state[name]) for name in state)


def test_a_file_without_classifier_leaves_the_models_own(tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in pretrained().items() if not name.startswith("fc.")}
    network = built(**saved(tmp_path / "w.safetensors", state)).model.state_dict()

    assert all(torch.equal(network[name], state[name]) for name in state)
    assert network["fc.weight"].isfinite().all()


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
def test_what_training_scripts_wrap_around_weights_is_taken_off(wrapper: str, tmp_path: Path) -> None:
    state = pretrained()
    wrapped = {wrapper: {f"module.{name}": tensor for name, tensor in state.items()}, "epoch": 3}
    network = built(**saved(tmp_path / "w.pth", wrapped)).model.state_dict()

    assert torch.equal(network["conv1.0.weight"], state["conv1.0.weight"])


def test_weights_without_digest_are_refused_and_the_digest_is_said(tmp_path: Path) -> None:
    settings = saved(tmp_path / "w.safetensors", pretrained())

    assert f"set weights_sha256={settings['weights_sha256']}" in refusal(weights=settings["weights"])


def test_a_digest_of_another_file_is_refused_with_the_files_own(tmp_path: Path) -> None:
    settings = saved(tmp_path / "w.safetensors", pretrained())
    actual = str(settings["weights_sha256"])
    other = ("0" if actual[0] != "0" else "1") + actual[1:]

    assert refusal(weights=settings["weights"], weights_sha256=other).endswith(f"its digest is {actual}")


@pytest.mark.parametrize("length", [12, 40, 64])
def test_a_digest_may_be_cut_down_to_12_digits_of_either_case(length: int, tmp_path: Path) -> None:
    settings = saved(tmp_path / "w.safetensors", pretrained())

    assert built(weights=settings["weights"], weights_sha256=str(settings["weights_sha256"])[:length].upper())


@pytest.mark.parametrize("short", ["a" * 11, "a" * 65, "x" * 12, "sha256:0123456789ab"])
def test_what_is_no_digest_is_refused(short: str, tmp_path: Path) -> None:
    settings = saved(tmp_path / "w.safetensors", pretrained())

    sentence = refusal(weights=settings["weights"], weights_sha256=short)

    assert f"weights_sha256={short!r} is not 12 to 64 hexadecimal digits" in sentence
    assert str(settings["weights_sha256"]) in sentence


def test_a_digest_without_weights_is_refused() -> None:
    assert "is the digest of no file; set weights=PATH" in refusal(weights_sha256="0" * 64)


@pytest.mark.parametrize("weights", ["absent.pth", ".", "nul\0l.pth"])
def test_a_file_that_cannot_be_read_is_refused(weights: str) -> None:
    assert f"weights={weights!r} cannot be read" in refusal(weights=weights, weights_sha256="0" * 64)


def test_a_pickle_that_would_run_code_runs_nothing(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    settings = saved(tmp_path / "w.pth", {"fc.weight": Trap()})

    assert "is not a .pth file of tensors alone (UnpicklingError)" in refusal(**settings)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("content", [b"", b"no tensors", b"PK\x03\x04" + bytes(50), b"\xff" * 64])
def test_a_damaged_file_is_refused(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)

    assert f"is not a {suffix} file of tensors alone" in refusal(weights=str(path), weights_sha256=digest(path))


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    path.write_bytes(b"x")

    assert "is not of a kind that is read: .safetensors, .pth, .pt, .bin" in refusal(
        weights=str(path), weights_sha256=digest(path)
    )


@pytest.mark.parametrize("content", [{}, {"state_dict": {}}, {"epoch": 3}, [torch.ones(2)], torch.ones(2)])
def test_a_file_without_tensors_by_name_is_refused(content: Any, tmp_path: Path) -> None:
    assert "holds no tensors by name" in refusal(**saved(tmp_path / "w.pth", content))


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
@pytest.mark.parametrize(
    "tensor",
    [
        torch.full((3,), float("nan")),
        torch.ones(3, dtype=torch.complex64),
        torch.ones(3).to_sparse(),
        torch.ones(3, device="meta"),
    ],
)
def test_tensors_that_are_no_weights_are_refused(tensor: Tensor, tmp_path: Path) -> None:
    settings = saved(tmp_path / "w.pth", {**pretrained(), "bn1.weight": tensor})

    assert "has bn1.weight, which is not of finite real numbers" in refusal(**settings)


def test_weights_that_lack_or_have_too_many_tensors_are_refused_by_name(tmp_path: Path) -> None:
    state = pretrained()
    del state["bn1.weight"]
    state.update({f"extra{i}": torch.ones(1) for i in range(5)})

    sentence = refusal(**saved(tmp_path / "w.safetensors", state))

    assert "the file lacks bn1.weight and has extra0, extra1, extra2 and 2 more too many" in sentence


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    settings = saved(tmp_path / "w.safetensors", pretrained(name="test_efficientnet"))

    assert "it belongs to another model" in refusal(**settings)


def test_weights_of_other_shapes_outside_the_classifier_are_refused_with_both(tmp_path: Path) -> None:
    settings = saved(tmp_path / "w.safetensors", pretrained(name="test_vit", img_size=160))

    sentence = refusal(model="test_vit", image=32, **settings)

    assert "pos_embed is (1, 101, 64) in the file and (1, 5, 64) in the model" in sentence
    assert "image=32" in sentence
    assert built(model="test_vit", image=160, **settings).model.pos_embed.shape == (1, 101, 64)


def test_older_files_without_counters_of_batches_are_taken(tmp_path: Path) -> None:
    state = {name: tensor for name, tensor in pretrained().items() if "num_batches_tracked" not in name}

    assert torch.equal(
        built(**saved(tmp_path / "w.safetensors", state)).model.state_dict()["bn1.weight"], state["bn1.weight"]
    )


def test_the_gradient_reaches_every_parameter() -> None:
    """Once the last normalisation of each residual path, which timm begins with at zero, lets it through."""
    network = built().double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
    F.cross_entropy(network(torch.randn(8, 3, 28, 28, dtype=torch.float64)), torch.arange(8) % 3).backward()

    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def test_evaluation_is_the_same_each_time() -> None:
    network, maps = built(drop_rate=0.5).eval(), torch.randn(4, 3, 28, 28)

    assert torch.equal(network(maps), network(maps))


def test_being_checked_leaves_no_trace_in_the_network() -> None:
    network = built()

    assert network.training
    assert all(not module.num_batches_tracked for module in network.modules() if isinstance(module, nn.BatchNorm2d))


def test_the_same_seed_gives_the_same_weights() -> None:
    first = network_of(SPEC, model=TINY).state_dict()
    torch.manual_seed(0)
    second = network_of(SPEC, model=TINY).state_dict()
    torch.manual_seed(0)
    third = network_of(SPEC, model=TINY).state_dict()

    assert all(torch.equal(second[name], third[name]) for name in second)
    assert first.keys() == second.keys()


def test_describing_it_imports_neither_timm_nor_torch() -> None:
    code = "import sys, mer_bench_timm_backbone as p; p.mer_bench_methods(); print({'timm', 'torch'} & {*sys.modules})"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert found.stdout.strip() == "set()"


def test_it_learns_maps_that_differ_in_where_they_move() -> None:
    samples = motion(48, by=1.0)
    method = make_method(SPEC, preset="quick", epochs=12, batch_size=12)

    scores = scores_of_the_rest(method, samples, 36)
    again = scores_of_the_rest(method, samples, 36)

    assert (scores[-1].argmax(1) == samples.labels[36:]).mean() > 0.8
    np.testing.assert_array_equal(scores, again)
