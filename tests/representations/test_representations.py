"""Representations of ready-made maps: refusals, caveats, hashes, and their stacks on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mer_bench import DataSource, MerBenchError, MethodSpec, Parameter, Representation, Sample, SampleTable
from mer_bench.arrays import FloatArray
from mer_bench.caveats import Caveat
from mer_bench.databases.base import InputFacts
from mer_bench.representations import preprocessing
from mer_bench.representations.preprocessing import sample_shape
from mer_bench.representations.resolve import representation_caveats, resolve_representation
from mer_bench.representations.stack import compute_representation, stored_representation
from mer_bench.store.schema import RepresentationRecord
from mer_bench.vision.choices import LAYOUTS
from mer_bench.vision.regions import TEMPLATE_LANDMARKS, recombine_regions

LAYOUT = Parameter("layout", "five-mosaic", "the layout", choices=tuple(LAYOUTS))
REGION_FLOW = Representation("region-flow", ("layout",))
METHOD = MethodSpec("net", "1", "Net", "acme:Net", REGION_FLOW, "deep", (LAYOUT, Parameter("lr", 0.1, "")))
FACE_FLOW = replace(METHOD, representation=Representation("face-flow"))
SCALED = replace(
    METHOD,
    representation=Representation("region-flow", ("layout", "scale", "side")),
    parameters=(*METHOD.parameters, Parameter("scale", "per-map", ""), Parameter("side", 28, "")),
)
IDS = ["smic/s1/a", "smic/s1/b", "smic/s2/a"]
MAP = np.zeros((28, 28, 3), dtype=np.float32)


class Maps(DataSource):
    """Three maps in memory, or one given object for every sample."""

    def __init__(self, given: object = None, native: str = "face-flow", scale: str = "") -> None:
        super().__init__(None, {})
        self.given = given
        self.native = native
        self.scale = scale

    def input_facts(self) -> InputFacts:
        return InputFacts("maps in memory", scale=self.scale)

    def read_samples(self) -> SampleTable:
        return SampleTable(Sample(*sample_id.split("/"), "negative", "memory") for sample_id in IDS)

    def load(self, sample_id: str) -> FloatArray:
        drawn = np.random.default_rng(IDS.index(sample_id)).normal(size=(28, 28, 3)).astype(np.float32)
        return drawn if self.given is None else self.given  # type: ignore[return-value]

    def digest(self, sample_id: str) -> str:
        return sample_id


def record_of(
    spec: MethodSpec = METHOD, native: str = "face-flow", data_scale: str = "", **params: object
) -> RepresentationRecord:
    return resolve_representation(spec, spec.resolve(None, params), Maps(native=native, scale=data_scale), {})


def stack_of(source: DataSource, sample_ids: Sequence[str], record: RepresentationRecord) -> FloatArray:
    return np.stack([array for array, _ in compute_representation(source, sample_ids, record, print)])


@pytest.mark.parametrize(
    ("wanted", "native"), [("frames", "face-flow"), ("flow", "face-flow"), ("region-flow", "frames")]
)
def test_data_that_cannot_give_a_representation_is_refused(wanted: str, native: str) -> None:
    sentence = (
        rf"^method net needs the representation '{wanted}', which this data \(ready-made '{native}'\) cannot give; "
        "choose another method, or data with frames$"
    )
    with pytest.raises(MerBenchError, match=sentence):
        record_of(replace(METHOD, representation=Representation(wanted)), native)


def test_a_parameter_that_is_not_a_setting_of_the_representation_is_refused() -> None:
    spec = replace(METHOD, representation=Representation("region-flow", ("lr",)))

    with pytest.raises(MerBenchError, match=r"^method net: 'lr' is not a setting of the representation 'region-flow'"):
        record_of(spec)


@pytest.mark.parametrize(("spec", "name"), [(METHOD, "region-flow"), (FACE_FLOW, "face-flow")])
def test_the_hash_depends_on_name_layout_and_version_and_on_nothing_else(
    spec: MethodSpec, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(spec, name="other", version="9", presets={}, family="baseline")
    before = record_of(spec)

    assert record_of(other, lr=0.5) == before
    assert len({record_of(METHOD, layout=layout)["hash"] for layout in LAYOUTS} | {record_of(FACE_FLOW)["hash"]}) == 5
    assert record_of(METHOD, layout="htnet")["params"] == {"layout": "htnet", "data_scale": "unknown"}
    monkeypatch.setitem(preprocessing.VERSIONS, name, preprocessing.VERSIONS[name] + 1)
    assert record_of(spec)["hash"] != before["hash"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_regions_cut_at_constant_positions_have_a_caveat(layout: str) -> None:
    expected = () if layout == "whole-face" else (Caveat.TEMPLATE_LANDMARKS,)

    assert representation_caveats(record_of(layout=layout)) == expected
    assert representation_caveats(record_of(FACE_FLOW)) == ()


@pytest.mark.parametrize(
    ("asked", "stated", "caveats"),
    [
        ("per-map-8bit", "per-map-8bit", ()),
        ("physical", "per-map-8bit", (Caveat.OTHER_SCALE,)),
        # As images they have the same 8 bits, whatever they are called.
        ("per-map", "per-map-8bit", ()),
        ("per-map-8bit", "per-map", ()),
        ("physical", "per-map", (Caveat.OTHER_SCALE,)),
        ("per-map", "physical", ()),
        ("per-map", "", ()),
    ],
)
def test_ready_made_maps_of_another_scale_than_the_method_asks_for_have_a_caveat(
    asked: str, stated: str, caveats: tuple[str, ...]
) -> None:
    record = record_of(SCALED, data_scale=stated, layout="whole-face", scale=asked)

    assert representation_caveats(record) == caveats
    assert record["params"] == {"layout": "whole-face", "scale": asked, "data_scale": stated or "unknown"}
    # Only maps in physical units can be scaled; the arrays of others are the same whatever is asked for or stated.
    assert (record["hash"] == record_of(METHOD, layout="whole-face")["hash"]) == (stated != "physical")


def test_ready_made_maps_in_physical_units_are_scaled_as_the_method_asks() -> None:
    record = record_of(SCALED, data_scale="physical", layout="whole-face", scale="per-map-8bit")
    flow = Maps().load(IDS[0])
    levels = stack_of(Maps(), IDS[:1], record)[0] * 255

    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)
    assert levels.min(axis=(0, 1)).tolist() == [0.0, 0.0, 0.0]
    np.testing.assert_allclose(levels.max(axis=(0, 1)), 255.0)
    stated = record_of(SCALED, data_scale="per-map-8bit", layout="whole-face", scale="per-map-8bit")
    np.testing.assert_array_equal(stack_of(Maps(), IDS[:1], stated)[0], flow)


def test_a_method_that_asks_for_no_scale_has_no_caveat_on_scaled_maps() -> None:
    assert representation_caveats(record_of(FACE_FLOW, data_scale="per-map-8bit")) == ()


def test_ready_made_maps_are_not_resized() -> None:
    sentence = r"^method net: side=36, but the maps of this data are ready-made and have 28×28 pixels; set side=28, or"
    with pytest.raises(MerBenchError, match=sentence):
        record_of(SCALED, side=36)


def test_the_shape_of_a_sample_follows_the_side() -> None:
    assert sample_shape("region-flow", {"side": "36"}).shape == (36, 36, 3)
    assert sample_shape("face-flow", {}).shape == (28, 28, 3)
    with pytest.raises(MerBenchError, match=r"equally into side=35"):
        sample_shape("region-flow", {"side": 35})


def test_face_flow_is_what_the_reader_gives_in_the_requested_order() -> None:
    stack = stack_of(Maps(), [IDS[2], IDS[0]], record_of(FACE_FLOW))

    assert stack.dtype == np.float32
    np.testing.assert_array_equal(stack, [Maps().load(IDS[2]), Maps().load(IDS[0])])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_region_flow_is_each_map_recombined_by_the_layout(layout: str) -> None:
    stack = stack_of(Maps(), IDS, record_of(layout=layout))

    assert (stack.shape, stack.dtype) == ((3, 28, 28, 3), np.float32)
    for sample_id, image in zip(IDS, stack, strict=True):
        np.testing.assert_array_equal(image, recombine_regions(Maps().load(sample_id), TEMPLATE_LANDMARKS, layout))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (MAP.tolist(), "gave list, not an array of floats"),
        (MAP.astype(np.uint8), "gave dtype uint8, not an array of floats"),
        (MAP.transpose(2, 0, 1), r"an array of shape \(3, 28, 28\), not \(28, 28, 3\)"),
        (np.where(np.arange(3) == 1, np.nan, MAP), "holds NaN or infinite values"),
        (MAP + 1e300, "holds NaN or infinite values"),  # more than single precision can hold
    ],
)
def test_an_object_that_is_not_a_map_is_refused_with_its_sample(given: object, sentence: str) -> None:
    with pytest.raises(MerBenchError, match=rf"^smic/s1/b: .*{sentence}"):
        stack_of(Maps(given), IDS[1:], record_of())


Stored = tuple[Callable[[], Path], list[str], list[int]]


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    """Return a function that stores a stack, its notices, and a list that grows with every computation."""
    notices: list[str] = []
    computed: list[int] = []

    def compute() -> Iterator[FloatArray]:
        computed.append(1)
        yield from np.arange(24, dtype=np.float32).reshape(2, 2, 2, 3)

    return lambda: stored_representation(tmp_path / "cache", "abc", 2, compute, notices.append), notices, computed


def test_a_stored_stack_is_computed_once_and_can_be_mapped(stored: Stored) -> None:
    store, notices, computed = stored
    file = store()

    assert store() == file
    assert (notices, len(computed), file.name) == ([], 1, "abc.npy")
    mapped = np.load(file, mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, np.arange(24, dtype=np.float32).reshape(2, 2, 2, 3))
    file.unlink()
    assert store().exists()
    assert (notices, len(computed)) == ([], 2)


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(file.read_bytes()[:-1] + b"\x01"),
        lambda file: file.with_suffix(".sha256").unlink(),
        lambda file: file.with_suffix(".sha256").write_bytes(b"\xff\xfe not a checksum"),
    ],
    ids=["a changed byte", "no checksum", "a damaged checksum"],
)
def test_a_damaged_stack_is_computed_again_with_a_notice(stored: Stored, damage: Callable[[Path], object]) -> None:
    store, notices, computed = stored
    file = store()
    good = file.read_bytes()
    damage(file)

    assert store().read_bytes() == good
    assert notices == [f"{file} is damaged; it is computed again"]
    assert store() == file
    assert (len(notices), len(computed)) == (1, 2)


def test_a_stack_that_cannot_be_computed_leaves_no_file(tmp_path: Path) -> None:
    def fail() -> Iterator[FloatArray]:
        yield MAP
        raise MerBenchError("smic/s1/a is corrupt")

    with pytest.raises(MerBenchError, match="is corrupt"):
        stored_representation(tmp_path, "abc", 2, fail, print)
    assert list(tmp_path.iterdir()) == []
