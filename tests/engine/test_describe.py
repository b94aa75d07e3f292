"""``mer-bench describe``: a method's facts, input and cost, and errors of broken ones."""

from __future__ import annotations

import json
import math
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

from mer_bench import MethodSpec
from mer_bench.engine.describe import Description, describe_method
from mer_bench.engine.describe_network import NetworkFacts
from mer_bench.methods.instances import make_instance
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.parameters import resolve_parameters
from mer_bench.plugin_manager import load_catalogue
from mer_bench.representations.preprocess import preprocess_sample
from mer_bench.representations.resolve import recipe_of, resolve_representation
from mer_bench.representations.settings import PREPROCESSING
from mer_bench.representations.stack import compute_representation
from mer_bench.representations.task import preprocess_task

NETWORKS = sorted(name for name, spec in load_catalogue().methods.items() if spec.trains_by_epoch)
OTHERS = sorted(set(load_catalogue().methods) - set(NETWORKS))

PLUGIN = """
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
        def extract(self, sample):
            import numpy as np

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
        nets = ("Net", "Vector", "Penalised", "Branching", "Frozen", "Attentive", "Clips")
        broken = ("BuildRaises", "ForwardRaises", "Refuses", "Shapeless")
        sized = ("Huge", "Lazy", "LazyDeciding", "LazyBroken", "Three", "Harmless", "Products")
        for net in nets + broken + sized:
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
        yield spec("no-module", "a_module_that_nobody_has:Net")
        yield spec("misshapen", takes=Representation("frames", ("width",)))
"""

NETS = '''
    import torch
    from torch import nn

    from mer_bench import MerBenchError, TorchMethod


    class Net(TorchMethod):
        def build_network(self):
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
    ForwardRaises = method(lambda n: nn.Sequential(nn.Flatten(), nn.Linear(7, n)))
    Refuses = method(lambda n: failing(MerBenchError("refuses: width=4 is odd; take 3")))
    Shapeless = method(lambda n: Through(lambda body, x: {"logits": x}, nn.Identity()))
    Lazy = method(lambda n: nn.Sequential(
        nn.LazyConv2d(2, 5), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(n)))
    LazyDeciding = method(lambda n: deciding(nn.LazyLinear(n)))
    LazyBroken = method(lambda n: nn.Sequential(nn.Linear(7, 7), nn.LazyLinear(n)))
    Huge = method(lambda n: deciding(nn.Sequential(nn.Linear(2352, 200000), nn.Linear(200000, 200000))))
    Three = method(lambda n: nn.Sequential(nn.Flatten(), nn.Linear(2352, 3)))
    Products = forward(lambda x: (
        torch.addbmm(x[0, 0], x[0], x[0]), torch.addr(x[0, 0], x[0, 0, 0], x[0, 0, 0]), torch.fft.rfft2(x),
        torch.conv_tbc(x[0], torch.zeros(3, 28, 2), torch.zeros(2)), torch.dot(x[0, 0, 0], x[0, 0, 0]),
        torch.linalg.inv(torch.eye(28) + 0 * x[0, 0]), torch.cdist(x, x),
        nn.functional.bilinear(x, x, torch.zeros(2, 28, 28))))


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
    yield
    for name in modules:
        sys.modules.pop(name, None)


def described(name: str, *, preset: str | None = None, n_classes: int = 3, **overrides: object) -> Description:
    return describe_method(load_catalogue(), name, preset=preset, overrides=overrides, n_classes=n_classes)


def measured(name: str, **options: Any) -> NetworkFacts:
    network = described(name, **options).network
    assert network is not None
    return network


@pytest.mark.slow
@pytest.mark.parametrize("name", [*OTHERS, *NETWORKS])
def test_every_installed_method_is_described_and_its_network_like_a_real_one(name: str, bench: Bench) -> None:
    spec = load_catalogue().method(name)
    preset = ["--preset", "quick"] if spec.trains_by_epoch else []
    ended = bench("describe", name.replace("-", "_"), "--json", "--classes", "5", *preset)
    shown = json.loads(ended.out)

    assert (ended.code, ended.err) == (0, "")
    for field in ("name", "title", "version", "citation", "target", "family"):
        assert shown[field] == getattr(spec, field)
    assert shown["distribution"] == load_catalogue().owners["method", name]
    assert shown["representation"]["name"] == spec.representation.name
    assert (shown["features"] is not None) == (spec.features is not None)
    defaults = json.dumps({parameter.name: parameter.default for parameter in spec.parameters})
    assert {parameter["name"]: parameter["default"] for parameter in shown["parameters"]} == json.loads(defaults)
    assert (shown["network"] is not None) == spec.trains_by_epoch
    if spec.trains_by_epoch:
        assert_like_a_real_one(shown["network"], spec)


def assert_like_a_real_one(network: dict[str, Any], spec: MethodSpec) -> None:
    method = make_instance(MethodSetting(spec, spec.resolve("quick", {}), 5))
    assert isinstance(method, TorchMethod)
    real = method.build_network().eval()
    with torch.no_grad():
        outputs = real(torch.zeros(2, *network["input_shape"]))
    logits = outputs[0] if isinstance(outputs, tuple) else outputs

    assert network["parameters"] == sum(p.numel() for p in real.parameters())
    assert network["trainable"] == sum(p.numel() for p in real.parameters() if p.requires_grad)
    assert network["output_shape"] == list(logits.shape[1:]) == [5]
    assert network["flops"] > 0
    assert network["not_counted"] == ""


def test_a_network_of_a_hundred_million_parameters_is_not_given_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = set()
    moved = torch.nn.Module.to

    def watched(module: torch.nn.Module, device: str) -> torch.nn.Module:
        devices.update(parameter.device.type for parameter in module.parameters())
        return moved(module, device)

    monkeypatch.setattr(torch.nn.Module, "to", watched)

    assert (measured("htnet").parameters, devices) == (114_429_446, {"meta"})


CONV = 24 * 24 * 2 * 3 * 5 * 5
ATTENTION = 28 * 4 * 28 * 28 + 2 * 28 * 28 * 28 + 2 * 28 * 28 * 32
"""Multiply-adds: projections, scores and the feed-forward layers."""
PRODUCTS = "_euclidean_dist, _fft_r2c, _trilinear, addbmm, addr, conv_tbc, dot, linalg_inv_ex"


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
        ("lazy", {}, {"parameters": 2 * 76 + 4 + 1153 * 3, "flops": 2 * (CONV + 1152 * 3)}),
        ("lazydeciding", {}, {"parameters": 2353 * 3, "flops": 2 * 2352 * 3}),
        ("penalised", {}, {"output_shape": (3,)}),
        ("branching", {}, {"parameters": 2353 * 3, "flops": 2 * 2352 * 3}),
        ("frozen", {}, {"parameters": 23530 + 20 + 33, "trainable": 20 + 33}),
        ("clips", {"length": 6}, {"input_shape": (1, 6, 192, 192), "output_shape": (3,)}),
        ("harmless", {}, {"flops": 0}),
        ("products", {}, {"not_counted": PRODUCTS}),
    ],
)
def test_a_network_is_measured_with_two_flops_a_multiply_add_and_names_what_is_not_counted(
    name: str, options: dict[str, Any], facts: dict[str, object]
) -> None:
    network = measured(name, **options)
    wanted = {"not_counted": "", "input_shape": (3, 28, 28), **facts}

    assert {key: getattr(network, key) for key in wanted} == wanted


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("arguments", "sentences"),
    [
        (["vector"], ["FLOPs at least 504 per forward pass", " not counted: mv"]),
        (["frozen"], ["23,583 parameters, 53 of them trained"]),
        (
            ["huge"],
            [
                f"{2353 * 200_000 + 200_001 * 200_000:,} parameters, all of them trained",
                "not counted: without values the forward pass fails (RuntimeError: ",
                "its 161,883,200,000 bytes of weights are above the 1,073,741,824 that are built",
            ],
        ),
        (["three", "--classes", "5"], ["(n, 3, 28, 28) to (n, 3)", "returns 3 scores per sample for 5 classes (--cla"]),
        (["forwardraises"], ["24 parameters", "FLOPs not counted: the forward pass fails (RuntimeError: "]),
        (["shapeless"], ["something other than a tensor"]),
        (["net"], ["how wide [bold]really[/bold] :smile:", "int 1..8", "acme-nets: described_plugin_nets:Net"]),
    ],
)
def test_the_page_says_what_is_not_counted_not_trained_and_not_right(
    arguments: list[str], sentences: list[str], bench: Bench
) -> None:
    ended = bench("describe", *arguments)
    page = " ".join(ended.out.split())

    assert ended.code == 0
    assert all(sentence in page for sentence in sentences)
    assert ("training refuses that" in page) == (arguments[0] == "three")


@pytest.mark.usefixtures("plugin")
def test_describing_leaves_the_callers_random_state_and_torch_as_they_were() -> None:
    with torch.random.fork_rng(devices=[]):
        states = torch.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
        described("branching")

        assert torch.equal(torch.get_rng_state(), states[0])
        assert np.random.get_state()[1].tolist() == states[1]  # type: ignore[index]  # noqa: NPY002
        assert torch.zeros(1).device.type == "cpu"
        assert torch.is_grad_enabled()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lbp-top", "bi-woof", "svm-flow", "ahmsa"])
def test_the_shape_is_that_of_a_preprocessed_sample(name: str, tmp_path: Path) -> None:
    source, spec = Clips(tmp_path), load_catalogue().method(name)
    preprocessing = resolve_parameters("preprocessing", PREPROCESSING, {})
    record = resolve_representation(spec, spec.resolve(None, {}), source, preprocessing)
    recipe = recipe_of(record)
    assert recipe is not None
    preprocess_sample(preprocess_task(source, "smic/s1/a", recipe))
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
    assert described("bi-woof", bins=6).as_json()["features"]["size"] == 25 * 6


@pytest.mark.slow
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
    as_json = description.as_json()
    assert [as_json[key] for key in ("presets", "preset", "default_preset")] == [spec.presets, "quick", "paper"]


@pytest.mark.parametrize(("name", "columns"), [("lbp-top", 80), ("svm-flow", 120), ("majority", 80)])
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

    assert "fixed             tuning=fixed, C=10.0" in plain
    assert "value" not in plain.replace("values", "")
    assert "linear (shown)    kernel=linear" in changed
    assert "nested (shown)" not in changed
    assert "--results; default: 'results' in the config file, else ./mer-bench-results" in " ".join(plain.split())
    rows = {line.split()[0]: line.split() for line in changed.splitlines() if line.strip()}
    assert rows["C"][:6] == ["C", "float", "≥", "1e-09", "1.0", "2.0"]
    assert rows["kernel"][3:6] == ["linear", "rbf", "linear"]
    assert "the method gets the 2,352 values of each sample" in plain


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("buildraises", "build_network failed (ValueError: no [good] reason at all); try other settings"),
        ("extracts-none", "extract failed (described_plugin:ExtractsNone: extract gives NoneType"),
        ("says-features", "described_plugin:Plain: its spec's features do not fit its class"),
        ("says-network", "described_plugin:Plain: its spec's trains_by_epoch does not fit its class"),
        ("unmade", "its class failed (ZeroDivisionError: over [nothing])"),
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
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("net", "--classes", "1"), "Invalid value for '--classes'"),
        (("refuses",), "error: refuses: width=4 is odd; take 3"),
        (("lazybroken",), "the sizes of its network's lazy modules are not known: the forward pass fails ("),
    ],
)
def test_bad_input_is_answered_with_one_sentence(arguments: tuple[str, ...], sentence: str, bench: Bench) -> None:
    ended = bench("describe", *arguments)

    assert (ended.code, ended.out, len(ended.errors)) == (2, "", 1)
    assert sentence in ended.errors[0]


@pytest.mark.parametrize(
    "settings",
    [
        ("schedule=one-cycle", "warmup=3"),
        ("init_sha256=abc",),
        ("init_from=nofile",),
        ("layout=htnet", "flip=0.5"),
    ],
)
def test_training_settings_that_a_run_refuses_are_refused_with_its_words(
    settings: tuple[str, ...], bench: Bench
) -> None:
    name = "htnet" if "layout=htnet" in settings else "ststnet"
    chosen = [part for setting in settings for part in ("--set", setting)]
    described = bench("describe", name, *chosen)
    ran = bench("run", "--method", name, "--data", "synthetic-maps", "--data-option", "size=tiny", "--dry-run", *chosen)

    assert (described.code, described.out, len(described.errors)) == (2, "", 1)
    assert described.errors[0].startswith(f"error: method {name} of ")
    assert described.errors[0].partition(": ")[2].partition(": ")[2] == ran.errors[0].removeprefix(f"error: {name}: ")


@pytest.mark.slow
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
