"""``mer-bench describe``: a method's facts, input and cost, and errors of broken ones."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.bench import Bench
from support.clip_data import Clips
from support.hostile import install

from mer_bench import MerBenchError, MethodSpec
from mer_bench.engine.describe import Description, describe_method
from mer_bench.engine.describe_network import NetworkFacts
from mer_bench.methods.instances import make_instance
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.plugin_manager import load_catalogue
from mer_bench.representations.resolve import resolve_representation
from mer_bench.representations.settings import PREPROCESSING
from mer_bench.representations.stack import compute_representation
from mer_bench.specs import resolve_parameters

NETWORKS = sorted(name for name, spec in load_catalogue().methods.items() if spec.trains_by_epoch)
OTHERS = sorted(set(load_catalogue().methods) - set(NETWORKS))

PLUGIN = '''
    import sys

    from mer_bench import Features, Method, MethodSpec, Parameter, Representation, hookimpl

    WIDTH = Parameter("width", 4, "how wide [bold]really[/bold] :smile:", minimum=1, maximum=8)
    LENGTH = Parameter("length", 4, "frames", minimum=2)


    def spec(name, target="described_plugin_nets:Net", takes="face-flow", trains=True, **more):
        representation = takes if isinstance(takes, Representation) else Representation(takes)
        more.setdefault("parameters", (WIDTH,))
        return MethodSpec(name, "3", name.title(), target, representation, "deep", trains_by_epoch=trains, **more)


    class Plain(Method):
        def fit(self, train, *, seed):
            pass

        def predict(self, test):
            pass


    class Extracting(Plain):
        """Says through its features what it was made with, and what it was handed."""

        def extract(self, sample):
            import numpy as np

            print("noise of extract")
            assert set(self.params) == {"width", "length"} and self.representation == "frames"
            assert sample.dtype == np.float32 and 1 < sample.max() <= 255 and sample.min() >= 0
            return np.zeros((*sample.shape, self.params["width"]))


    class ExtractsNone(Plain):
        def extract(self, sample):
            return None


    class Unmade(Plain):
        def __init__(self, *settings):
            raise ZeroDivisionError("over\\n[nothing]")


    @hookimpl
    def mer_bench_methods():
        nets = ("Net", "Lstm", "Vector", "Penalised", "Branching", "Frozen", "Attentive", "Clips")
        broken = ("BuildRaises", "BuildExits", "BuildsNothing", "ForwardRaises", "Refuses", "Shapeless")
        sized = ("Huge", "Lazy", "LazyDeciding", "LazyBroken", "Three", "Harmless")
        products = ("Addbmm", "Addr", "ConvTbc", "Dot", "Inverse", "Spectrum", "Distances", "Trilinear")
        for net in nets + broken + sized + products:
            takes = Representation("frames", ("length",)) if net == "Clips" else "face-flow"
            parameters = (WIDTH, LENGTH) if net == "Clips" else (WIDTH,)
            yield spec(net.lower(), f"described_plugin_nets:{net}", takes, parameters=parameters)
        features = {"features": Features(("width",)), "trains": False}
        frames = Representation("frames", ("length",), approximate="flow")
        more = (WIDTH, LENGTH, Parameter("C", 1.0, "penalty"))
        yield spec("extracting", "described_plugin:Extracting", frames, parameters=more, **features)
        yield spec("extracts-none", "described_plugin:ExtractsNone", **features)
        yield spec("says-features", "described_plugin:Plain", **features)
        yield spec("unmade", "described_plugin:Unmade", trains=False)
        yield spec("says-network", "described_plugin:Plain")
        yield spec("no-class", "described_plugin_nets:Nett")
        yield spec("no-module", "a_module_that_nobody_has:Net")
        yield spec("misshapen", takes=Representation("frames", ("width",)))
'''

NETS = '''
    import sys

    import torch
    from torch import nn

    from mer_bench import MerBenchError, TorchMethod

    print("noise of the import")


    class Net(TorchMethod):
        def build_network(self):
            print("noise of build_network")
            return nn.Sequential(nn.Conv2d(3, self.params["width"], 5), nn.ReLU(), nn.Flatten(),
                                 nn.Linear(self.params["width"] * 24 * 24, self.n_classes))


    class Through(nn.Module):
        def __init__(self, function, body):
            super().__init__()
            self.function, self.body = function, body

        def forward(self, x):
            return self.function(self.body, x)


    def method(build):
        class Made(TorchMethod):
            def build_network(self):
                return build(self.n_classes)

        return Made


    def with_head(function, n, width, **layers):
        return Through(function, nn.ModuleDict({"head": nn.Linear(width, n), **layers}))


    def deciding(body):
        """Cannot run without values: torch's meta device has none."""
        return Through(lambda body, x: body(x.flatten(1)) if x.sum() >= 0 else None, body)


    def branching(n):
        torch.linspace(0, 1, 3)[1].item()
        return deciding(nn.Linear(2352, n))


    def failing(error):
        raise error


    def forward(function):
        return method(lambda n: Through(lambda body, x: (function(x), x[:, 0, 0, :3])[1], nn.Identity()))


    Lstm = method(lambda n: with_head(
        lambda body, x: body["head"](body["lstm"](x.transpose(1, 2).flatten(2))[0][:, -1]), n, 16,
        lstm=nn.LSTM(84, 16, batch_first=True)))
    Vector = method(lambda n: with_head(
        lambda body, x: body["head"]((x @ body["vector"].weight[0]).flatten(1)), n, 84, vector=nn.Linear(28, 1)))
    Attentive = method(lambda n: with_head(
        lambda body, x: body["head"](body["layer"](x[:, 0]).mean(dim=1)), n, 28,
        layer=nn.TransformerEncoderLayer(28, 4, 32, batch_first=True)))
    Penalised = method(lambda n: Through(lambda body, x: (body(x.flatten(1)), body.weight.norm()), nn.Linear(2352, n)))
    Branching = method(branching)
    Frozen = method(lambda n: nn.Sequential(
        nn.Flatten(), nn.Linear(2352, 10).requires_grad_(False), nn.BatchNorm1d(10), nn.Linear(10, n)))
    Clips = method(lambda n: nn.Sequential(
        nn.Conv3d(1, 2, 1), nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(2, n)))
    BuildRaises = method(lambda n: failing(ValueError("no [good] reason\\nat all")))
    BuildExits = method(lambda n: sys.exit(3))
    BuildsNothing = method(lambda n: None)
    ForwardRaises = method(lambda n: nn.Sequential(nn.Flatten(), nn.Linear(7, n)))
    Refuses = method(lambda n: failing(MerBenchError("refuses: width=4 is odd; take 3")))
    Shapeless = method(lambda n: Through(lambda body, x: {"logits": x}, nn.Identity()))
    Lazy = method(lambda n: nn.Sequential(
        nn.LazyConv2d(2, 5), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(n)))
    LazyDeciding = method(lambda n: deciding(nn.LazyLinear(n)))
    LazyBroken = method(lambda n: nn.Sequential(nn.Linear(7, 7), nn.LazyLinear(n)))
    Huge = method(lambda n: deciding(nn.Sequential(nn.Linear(2352, 200000), nn.Linear(200000, 200000))))
    Three = method(lambda n: nn.Sequential(nn.Flatten(), nn.Linear(2352, 3)))
    Addbmm = forward(lambda x: torch.addbmm(x[0, 0], x[0], x[0]))
    Addr = forward(lambda x: torch.addr(x[0, 0], x[0, 0, 0], x[0, 0, 0]))
    ConvTbc = forward(lambda x: torch.conv_tbc(x[0], torch.zeros(3, 28, 2), torch.zeros(2)))
    Dot = forward(lambda x: torch.dot(x[0, 0, 0], x[0, 0, 0]))
    Inverse = forward(lambda x: torch.linalg.inv(torch.eye(28) + 0 * x[0, 0]))
    Spectrum = forward(lambda x: torch.fft.rfft2(x))
    Distances = forward(lambda x: torch.cdist(x, x))
    Trilinear = forward(lambda x: nn.functional.bilinear(x, x, torch.zeros(2, 28, 28)))


    def harmless(x):
        for layer in (nn.BatchNorm2d(3), nn.InstanceNorm2d(3), nn.GroupNorm(1, 3), nn.LayerNorm(28), nn.PReLU(),
                      nn.ReLU(True), nn.GELU(), nn.Softmax(1), nn.LogSoftmax(1), nn.Dropout(), nn.MaxPool2d(2),
                      nn.AvgPool2d(2), nn.AdaptiveMaxPool2d(2), nn.ReflectionPad2d(1), nn.ZeroPad2d(1), nn.GLU(2),
                      nn.Upsample(scale_factor=2), nn.Unfold(3), nn.Hardswish(True)):
            layer.eval()(x.clone())
        torch.cat([x, x.flip(2).roll(1, 3)]).repeat(2, 1, 1, 1).topk(2)[0].transpose_(0, 1)
        x[:, torch.zeros(2, dtype=torch.long)].gather(1, torch.zeros(1, 1, 2, 2, dtype=torch.long))
        x.masked_fill(x > 0, 1.0)
        torch.randn_like(x).std(1), x.cumsum(1), x.tril(), x.to(torch.float64).mean(), x.max(dim=1), x.sort()


    Harmless = forward(harmless)
'''


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    site = tmp_path / "site"
    modules = {"described_plugin": PLUGIN, "described_plugin_nets": NETS}
    install(site, "acme-nets", modules, {"acme": "described_plugin"})
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    yield
    for name in modules:
        sys.modules.pop(name, None)


def described(name: str, *, preset: str | None = None, n_classes: int = 3, **overrides: object) -> Description:
    return describe_method(load_catalogue(), name, preset=preset, overrides=overrides, n_classes=n_classes)


def measured(name: str, **options: Any) -> NetworkFacts:
    network = described(name, **options).network
    assert network is not None
    return network


def really_built(spec: MethodSpec, params: dict[str, Any], n_classes: int) -> torch.nn.Module:
    method = make_instance(MethodSetting(spec, params, n_classes))
    assert isinstance(method, TorchMethod)
    return method.build_network()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_has_the_parameters_and_shapes_of_a_real_one(name: str) -> None:
    spec = load_catalogue().method(name)
    network = measured(name, preset="quick", n_classes=5)

    real = really_built(spec, spec.resolve("quick", {}), 5)
    parameters = list(real.parameters())
    assert network.parameters == sum(p.numel() for p in parameters)
    assert network.trainable == sum(p.numel() for p in parameters if p.requires_grad)
    with torch.no_grad():
        outputs = real.eval()(torch.zeros(2, *network.input_shape))
    logits = outputs[0] if isinstance(outputs, tuple) else outputs
    assert network.output_shape == tuple(logits.shape[1:]) == (5,)
    assert network.flops is not None
    assert network.flops > 0
    assert network.not_counted == ""


def test_a_network_of_a_hundred_million_parameters_is_not_given_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = set()
    built = torch.nn.Module.to

    def watched(module: torch.nn.Module, device: str) -> torch.nn.Module:
        devices.update(parameter.device.type for parameter in module.parameters())
        return built(module, device)

    monkeypatch.setattr(torch.nn.Module, "to", watched)
    network = measured("htnet")

    assert (network.parameters, devices) == (114_429_446, {"meta"})


CONV = 24 * 24 * 2 * 3 * 5 * 5
ATTENTION = 28 * 4 * 28 * 28 + 2 * 28 * 28 * 28 + 2 * 28 * 28 * 32
"""Multiply-adds: projections, scores and the feed-forward layers."""


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("name", "options", "facts"),
    [
        (
            "net",
            {"width": 2, "n_classes": 7},
            {"parameters": 2 * 76 + 1153 * 7, "flops": 2 * (CONV + 1152 * 7), "output_shape": (7,)},
        ),
        ("attentive", {}, {"flops": 2 * (ATTENTION + 28 * 3)}),
        ("lstm", {}, {"flops": 2 * (28 * 4 * 16 * (84 + 16) + 16 * 3)}),
        ("vector", {}, {"flops": 2 * 84 * 3, "not_counted": "mv"}),
        ("lazy", {}, {"parameters": 2 * 76 + 4 + 1153 * 3, "flops": 2 * (CONV + 1152 * 3)}),
        ("lazydeciding", {}, {"parameters": 2353 * 3, "flops": 2 * 2352 * 3}),
        ("penalised", {}, {"output_shape": (3,)}),
        ("branching", {}, {"parameters": 2353 * 3, "flops": 2 * 2352 * 3}),
        ("frozen", {}, {"parameters": 23530 + 20 + 33, "trainable": 20 + 33}),
        ("clips", {"length": 6}, {"input_shape": (1, 6, 192, 192), "output_shape": (3,)}),
        ("harmless", {}, {"flops": 0}),
        ("addbmm", {}, {"not_counted": "addbmm"}),
        ("addr", {}, {"not_counted": "addr"}),
        ("convtbc", {}, {"not_counted": "conv_tbc"}),
        ("dot", {}, {"not_counted": "dot"}),
        ("inverse", {}, {"not_counted": "linalg_inv_ex"}),
        ("spectrum", {}, {"not_counted": "_fft_r2c"}),
        ("distances", {}, {"not_counted": "_euclidean_dist"}),
        ("trilinear", {}, {"not_counted": "_trilinear"}),
    ],
)
def test_a_network_is_measured_with_two_flops_a_multiply_add_and_names_what_is_not_counted(
    name: str, options: dict[str, Any], facts: dict[str, object]
) -> None:
    network = measured(name, **options)
    wanted = {"not_counted": "", "input_shape": (3, 28, 28), **facts}

    assert {key: getattr(network, key) for key in wanted} == wanted


@pytest.mark.usefixtures("plugin")
def test_the_page_says_what_is_not_counted_and_not_trained(bench: Bench) -> None:
    vector = bench("describe", "vector").out

    assert "at least 504 per forward pass" in vector
    assert "not counted: mv" in vector
    assert "23,583 parameters, 53 of them trained" in bench("describe", "frozen").out


@pytest.mark.usefixtures("plugin")
def test_a_network_too_large_for_memory_is_counted_and_its_cost_left_out(bench: Bench) -> None:
    network = measured("huge")

    assert network.parameters == 2353 * 200_000 + 200_001 * 200_000
    assert network.flops is None
    page = " ".join(bench("describe", "huge").out.split())
    assert "not counted: without values the forward pass fails (RuntimeError: " in page
    assert "its 161,883,200,000 bytes of weights are above the 1,073,741,824 that are built" in page


@pytest.mark.usefixtures("plugin")
def test_lazy_modules_that_no_pass_reaches_are_named_as_the_reason(bench: Bench) -> None:
    ended = bench("describe", "lazybroken")

    assert (ended.code, ended.out, len(ended.errors)) == (2, "", 1)
    assert "the sizes of its network's lazy modules are not known: the forward pass fails (" in ended.errors[0]
    assert "shapes cannot be multiplied" in ended.errors[0]


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(("classes", "is_shown"), [(3, False), (5, True)])
def test_a_network_that_ignores_the_number_of_classes_is_reported(classes: int, is_shown: bool, bench: Bench) -> None:
    page = " ".join(bench("describe", "three", "--classes", str(classes)).out.split())

    assert "(n, 3, 28, 28) to (n, 3)" in page
    assert ("returns 3 scores per sample for 5 classes (--classes): training refuses that" in page) == is_shown
    assert ("training refuses" in page) == is_shown


@pytest.mark.usefixtures("plugin")
def test_a_pass_that_fails_leaves_the_rest_described(bench: Bench) -> None:
    network = measured("forwardraises")

    assert (network.parameters, network.flops, network.output_shape) == (8 * 3, None, None)
    ended = bench("describe", "forwardraises")
    assert ended.code == 0
    assert "not counted: the forward pass fails (RuntimeError: " in ended.out
    assert bench("describe", "shapeless").out.count("something other than a tensor") == 1


@pytest.mark.usefixtures("plugin")
def test_describing_leaves_the_callers_random_state_and_torch_as_they_were() -> None:
    with torch.random.fork_rng(devices=[]):
        states = torch.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
        described("branching")

        assert torch.equal(torch.get_rng_state(), states[0])
        assert np.random.get_state()[1].tolist() == states[1]  # type: ignore[index]  # noqa: NPY002
        assert torch.zeros(1).device.type == "cpu"
        assert torch.is_grad_enabled()


@pytest.mark.parametrize("name", ["lbp-top", "bi-woof", "svm-flow", "ahmsa"])
def test_the_shape_is_that_of_a_preprocessed_sample(name: str, tmp_path: Path) -> None:
    source, spec = Clips(tmp_path), load_catalogue().method(name)
    preprocessing = resolve_parameters("preprocessing", PREPROCESSING, {})
    record = resolve_representation(spec, spec.resolve(None, {}), source, preprocessing)
    ((array, _),) = compute_representation(source, ["smic/s1/a"], record, print)

    description = described(name)
    representation = description.sample

    assert (description.spec.representation.name, representation.shape) == (record["name"], array.shape)
    assert len(representation.channels) == array.shape[-1]
    assert len(representation.axes) == array.ndim


@pytest.mark.usefixtures("plugin")
def test_features_are_extracted_once_from_a_generated_sample() -> None:
    description = described("extracting", width=5, length=3)

    shape = (3, 192, 192, 1, 5)
    assert description.as_json()["features"] == {"parameters": ("width",), "shape": shape, "size": math.prod(shape)}
    assert description.as_json()["representation"]["approximate"] == "flow"
    assert description.network is None


@pytest.mark.parametrize(
    ("name", "overrides", "size"),
    [
        ("lbp-top", {}, 25 * 3 * 16),
        ("lbp-top", {"blocks": "2,2,1", "neighbours": "4,4,8", "mapping": "uniform"}, 4 * (15 + 15 + 59)),
        ("bi-woof", {"bins": 6}, 25 * 6),
    ],
)
def test_the_size_of_the_features_follows_the_settings(name: str, overrides: dict[str, object], size: int) -> None:
    description = described(name, **overrides)

    assert description.features is not None
    assert math.prod(description.features) == size


def test_parameters_show_type_default_value_limits_and_reason() -> None:
    description = described("ahmsa", preset="quick", **{"ahmsa.width": "48", "width": "60"})
    parameters = {parameter["name"]: parameter for parameter in description.as_json()["parameters"]}
    spec = load_catalogue().method("ahmsa")

    assert list(parameters) == [parameter.name for parameter in spec.parameters]
    assert [p["doc"] for p in parameters.values()] == [p.doc for p in spec.parameters]
    width, layout = parameters["width"], parameters["layout"]
    assert [width[key] for key in ("type", "default", "value", "minimum", "maximum")] == ["int", 192, 48, 1, 4096]
    assert (layout["type"], layout["choices"][0]) == ("str", "five-mosaic")
    assert (parameters["epochs"]["value"], parameters["blocks"]["type"]) == (30, "ints")
    assert (parameters["residual"]["type"], parameters["dropout"]["type"]) == ("bool", "float")
    assert description.as_json()["presets"] == spec.presets
    assert description.as_json()["preset"] == "quick"
    assert (description.preset, description.as_json()["default_preset"]) == ("quick", "paper")


@pytest.mark.parametrize("name", [*OTHERS, *NETWORKS])
def test_every_installed_method_is_described_on_one_object(name: str, bench: Bench) -> None:
    ended = bench("describe", name.replace("-", "_"), "--json")
    spec = load_catalogue().method(name)
    shown = json.loads(ended.out)

    assert (ended.code, ended.err) == (0, "")
    assert (shown["name"], shown["title"], shown["version"]) == (name, spec.title, spec.version)
    assert (shown["citation"], shown["target"], shown["family"]) == (spec.citation, spec.target, spec.family)
    assert shown["distribution"] == load_catalogue().owners["method", name]
    assert shown["representation"]["name"] == spec.representation.name
    assert (shown["network"] is not None) == spec.trains_by_epoch
    assert (shown["features"] is not None) == (spec.features is not None)
    assert {p["name"]: p["default"] for p in shown["parameters"]} == json.loads(
        json.dumps({p.name: p.default for p in spec.parameters})
    )


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", ["ahmsa", "lbp-top", "bi-woof", "majority"])
def test_the_page_fits_its_terminal_and_leaves_no_word_out(
    name: str, columns: int, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    monkeypatch.setenv("COLUMNS", str(columns))
    page = bench("describe", name).out
    spec = load_catalogue().method(name)

    assert max(map(len, page.splitlines())) <= columns
    assert "…" not in page
    words = set(page.replace(",", " ").split())
    for parameter in spec.parameters:
        assert {parameter.name, *parameter.doc.replace(",", " ").split()} <= words
    assert set(spec.citation.replace(",", " ").split()) <= words


def test_the_page_shows_what_is_changed_and_by_which_preset(bench: Bench) -> None:
    plain = bench("describe", "svm-flow").out
    changed = bench("describe", "svm-flow", "--preset", "linear", "--set", "C=2").out

    assert "rbf (default)  kernel=rbf, C=10.0" in plain
    assert "value" not in plain.replace("values", "")
    assert "linear (shown)  kernel=linear, C=1.0" in changed
    assert "rbf (shown)" not in changed
    assert "--results; default: 'results' in the config file, else ./mer-bench-results" in " ".join(plain.split())
    rows = {line.split()[0]: line.split() for line in changed.splitlines() if line.strip()}
    assert rows["C"][:6] == ["C", "float", "≥", "1e-09", "10.0", "2.0"]
    assert rows["kernel"][3:6] == ["linear", "rbf", "linear"]
    assert "the method gets the 2,352 values of each sample" in plain


@pytest.mark.usefixtures("plugin")
def test_a_plugins_words_are_printed_as_they_are(bench: Bench) -> None:
    page = bench("describe", "net").out

    assert "how wide [bold]really[/bold] :smile:" in page
    assert "int 1..8" in page
    assert "acme-nets: described_plugin_nets:Net" in page


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("name", ["net", "extracting"])
def test_what_a_plugin_prints_is_no_part_of_the_json(name: str, bench: Bench) -> None:
    ended = bench("describe", name, "--json")

    assert json.loads(ended.out)["name"] == name
    assert "noise of" in ended.err


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("buildraises", "build_network failed (ValueError: no [good] reason at all); try other settings"),
        ("buildexits", "build_network failed (SystemExit: 3); try other settings"),
        ("buildsnothing", "build_network failed (AttributeError: 'NoneType' object has no attribute 'to')"),
        ("extracts-none", "extract failed (described_plugin:ExtractsNone: extract gives NoneType"),
        ("says-features", "described_plugin:Plain: its spec's features do not fit its class"),
        ("says-network", "described_plugin:Plain: its spec's trains_by_epoch does not fit its class"),
        ("unmade", "its class failed (ZeroDivisionError: over [nothing])"),
        ("no-class", "module 'described_plugin_nets' has no class 'Nett' (did you mean 'Net'?)"),
        ("no-module", "the import of module 'a_module_that_nobody_has' failed"),
        ("misshapen", "representation frames has no parameter 'width'; its parameters: interpolation, length"),
    ],
)
def test_a_broken_plugin_is_named_with_its_distribution(name: str, sentence: str, bench: Bench) -> None:
    ended = bench("describe", name, "--json")

    assert (ended.code, ended.out, len(ended.errors)) == (2, "", 1)
    assert ended.errors[0].startswith(f"error: method {name} of acme-nets: ")
    assert sentence in ended.errors[0]
    assert "Traceback" not in ended.err


@pytest.mark.usefixtures("plugin")
def test_an_author_may_see_where_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MER_BENCH_STRICT_PLUGINS", "1")

    with pytest.raises(ValueError, match="reason\nat all"):
        described("buildraises")


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nett",), "unknown method 'nett' (did you mean 'net'?)"),
        (("net", "--set", "width"), "--set 'width' is not of the form NAME=VALUE"),
        (("net", "--classes", "1"), "Invalid value for '--classes'"),
        (("refuses",), "error: refuses: width=4 is odd; take 3"),
    ],
)
def test_bad_input_is_answered_with_one_sentence(arguments: tuple[str, ...], sentence: str, bench: Bench) -> None:
    ended = bench("describe", *arguments)

    assert (ended.code, ended.out, len(ended.errors)) == (2, "", 1)
    assert sentence in ended.errors[0]


def test_a_method_of_a_failed_plugin_is_asked_for_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bench: Bench
) -> None:
    install(tmp_path / "site", "acme-broken", {"brokennet": "raise OSError('no licence')"})
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    ended = bench("describe", "brokennet")

    assert ended.code == 2
    assert "plugin 'brokennet' of acme-broken 1.0 failed: OSError: no licence" in ended.errors[0]


def test_methods_that_are_no_networks_are_described_without_torch() -> None:
    script = textwrap.dedent("""
        import sys
        from mer_bench.cli import main
        for name in sys.argv[1:]:
            sys.argv = ["mer-bench", "describe", name]
            try:
                main()
            except SystemExit as end:
                assert not end.code
        assert not {"torch", "timm"} & set(sys.modules)
    """)
    command = [sys.executable, "-c", script, *OTHERS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert all(load_catalogue().method(name).title in done.stdout for name in OTHERS)


def test_python_gets_the_facts_and_the_same_refusal() -> None:
    description = described("majority", n_classes=7)

    assert (description.n_classes, description.spec.parameters, description.preset) == (7, (), None)
    with pytest.raises(MerBenchError, match="method majority has no parameter 'lr'; its parameters: none"):
        described("majority", lr=1)
