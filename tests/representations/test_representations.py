"""Representations: what a method takes as input is refused, marked, hashed and stored honestly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mer_bench import DataSource, MerBenchError, MethodSpec, Parameter, Representation, Sample, SampleTable
from mer_bench.arrays import FloatArray
from mer_bench.caveats import Caveat
from mer_bench.representations import preprocessing
from mer_bench.representations.resolve import representation_caveats, resolve_representation
from mer_bench.representations.stack import compute_representation, stored_representation
from mer_bench.specs import ParameterValue
from mer_bench.store.schema import RepresentationRecord
from mer_bench.vision.regions import LAYOUTS, TEMPLATE_LANDMARKS, recombine_regions

LAYOUT = Parameter("layout", "five-mosaic", "the layout", choices=tuple(LAYOUTS))
METHOD = MethodSpec(
    "net",
    "1",
    "Net",
    "acme:Net",
    Representation("region-flow", ("layout",)),
    "deep",
    (LAYOUT, Parameter("lr", 0.1, "")),
)
IDS = ["smic/s1/a", "smic/s1/b", "smic/s2/a"]


class Maps(DataSource):
    """Three maps in memory; it counts what is loaded."""

    native = "face-flow"

    def __init__(self) -> None:
        super().__init__(None, {})
        self.loaded: list[str] = []

    def read_samples(self) -> SampleTable:
        return SampleTable(Sample(*sample_id.split("/"), "negative", "memory") for sample_id in IDS)

    def load(self, sample_id: str) -> FloatArray:
        self.loaded.append(sample_id)
        return np.random.default_rng(IDS.index(sample_id)).normal(size=(28, 28, 3)).astype(np.float32)

    def digest(self, sample_id: str) -> str:
        return sample_id


class Frames(Maps):
    native = "frames"


def of_ready_made(spec: MethodSpec, params: Mapping[str, ParameterValue], source: DataSource) -> RepresentationRecord:
    """Describe a representation of ready-made data."""
    return resolve_representation(spec, params, source, {})


def stack_of(source: DataSource, sample_ids: Sequence[str], record: RepresentationRecord) -> FloatArray:
    return np.stack([array for array, _ in compute_representation(source, sample_ids, record, print)])


def described(layout: str = "five-mosaic", **params: object) -> dict[str, object]:
    return dict(of_ready_made(METHOD, METHOD.resolve(None, {"layout": layout, **params}), Maps()))


def face_flow() -> MethodSpec:
    return replace(METHOD, representation=Representation("face-flow"))


@pytest.mark.parametrize("name", ["frames", "flow"])
def test_ready_made_maps_cannot_give_what_they_were_made_of(name: str) -> None:
    spec = replace(METHOD, representation=Representation(name))

    with pytest.raises(
        MerBenchError, match=rf"^method net needs the representation '{name}', which this data \(ready-made"
    ):
        of_ready_made(spec, spec.resolve(None, {}), Maps())


def test_data_of_another_kind_is_refused_by_its_name() -> None:
    with pytest.raises(MerBenchError, match=r"ready-made 'frames'\) cannot give; choose another method, or data"):
        of_ready_made(METHOD, METHOD.resolve(None, {}), Frames())


def test_each_layout_has_its_own_hash() -> None:
    assert len({described(layout)["hash"] for layout in LAYOUTS}) == len(LAYOUTS)
    assert described("htnet")["params"] == {"layout": "htnet"}


@pytest.mark.parametrize("name", ["face-flow", "region-flow"])
def test_new_code_of_a_representation_changes_its_hash(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = METHOD if name == "region-flow" else face_flow()
    before = of_ready_made(spec, METHOD.resolve(None, {}), Maps())["hash"]
    monkeypatch.setitem(preprocessing.VERSIONS, name, preprocessing.VERSIONS[name] + 1)

    assert of_ready_made(spec, METHOD.resolve(None, {}), Maps())["hash"] != before


def test_a_parameter_that_does_not_shape_the_maps_changes_no_hash() -> None:
    assert described(lr=0.5) == described(lr=0.1)


def test_two_methods_share_a_representation_that_is_the_same() -> None:
    other = replace(METHOD, name="other", version="9", presets={}, family="baseline")

    assert of_ready_made(other, other.resolve(None, {}), Maps()) == described()
    assert of_ready_made(face_flow(), {}, Maps())["hash"] != described("whole-face")["hash"]


@pytest.mark.parametrize(
    ("layout", "caveats"),
    [(layout, () if layout == "whole-face" else (Caveat.TEMPLATE_LANDMARKS,)) for layout in sorted(LAYOUTS)],
)
def test_regions_cut_at_constant_places_are_marked(layout: str, caveats: tuple[str, ...]) -> None:
    record = of_ready_made(METHOD, METHOD.resolve(None, {"layout": layout}), Maps())

    assert representation_caveats(record) == caveats


def test_whole_maps_need_no_mark() -> None:
    assert representation_caveats(of_ready_made(face_flow(), {}, Maps())) == ()


def test_face_flow_is_what_the_data_loads_in_the_order_asked_for() -> None:
    source, order = Maps(), [IDS[2], IDS[0]]
    stack = stack_of(source, order, of_ready_made(face_flow(), {}, source))

    assert (stack.shape, stack.dtype, source.loaded) == ((2, 28, 28, 3), np.float32, order)
    np.testing.assert_array_equal(stack, [source.load(sample_id) for sample_id in order])


class Odd(Maps):
    """Gives one array for every sample."""

    def __init__(self, given: object) -> None:
        super().__init__()
        self.given = given

    def load(self, sample_id: str) -> FloatArray:
        return self.given  # type: ignore[return-value]


MAP = np.zeros((28, 28, 3), dtype=np.float32)
ODD: dict[str, tuple[object, str]] = {
    "None": (None, "gave NoneType, not an array of floats"),
    "a list": (MAP.tolist(), "gave list, not an array of floats"),
    "pixels": (MAP.astype(np.uint8), "gave dtype uint8, not an array of floats"),
    "complex numbers": (MAP.astype(complex), "gave dtype complex128, not"),
    "objects": (MAP.astype(object), "gave dtype object, not"),
    "channels first": (MAP.transpose(2, 0, 1), r"an array of shape \(3, 28, 28\), not \(28, 28, 3\)"),
    "another size": (np.zeros((56, 56, 3)), r"an array of shape \(56, 56, 3\)"),
    "two maps": (np.stack([MAP, MAP]), r"an array of shape \(2, 28, 28, 3\)"),
    "NaN": (np.where(np.arange(3) == 1, np.nan, MAP), "holds NaN or infinite values"),
    "infinity": (MAP - np.inf, "holds NaN or infinite values"),
    "more than single precision holds": (MAP + 1e300, "holds NaN or infinite values"),
}


@pytest.mark.parametrize("name", ["face-flow", "region-flow"])
@pytest.mark.parametrize("case", ODD)
def test_what_is_no_map_is_refused_with_its_sample(case: str, name: str) -> None:
    given, said = ODD[case]
    spec = METHOD if name == "region-flow" else face_flow()
    source = Odd(given)
    record = of_ready_made(spec, METHOD.resolve(None, {}), source)

    with pytest.raises(MerBenchError, match=rf"^smic/s1/b: .*{said}"):
        stack_of(source, IDS[1:], record)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_maps_of_another_precision_become_single(dtype: type) -> None:
    source = Odd(MAP.astype(dtype) + dtype(0.5))
    stack = stack_of(source, IDS, of_ready_made(face_flow(), {}, source))

    assert stack.dtype == np.float32
    np.testing.assert_array_equal(stack, np.full((3, 28, 28, 3), 0.5))


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_region_flow_is_each_map_recombined_by_the_layout(layout: str) -> None:
    source = Maps()
    record = of_ready_made(METHOD, METHOD.resolve(None, {"layout": layout}), source)
    stack = stack_of(source, IDS, record)

    assert (stack.shape, stack.dtype) == ((3, 28, 28, 3), np.float32)
    for sample_id, image in zip(IDS, stack, strict=True):
        np.testing.assert_array_equal(image, recombine_regions(source.load(sample_id), TEMPLATE_LANDMARKS, layout))


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Callable[[], Path], list[str], list[int]]:
    """Return what stores a stack under one key, its notices, and a list that grows with every computation."""
    notices: list[str] = []
    computed: list[int] = []

    def compute() -> Iterator[FloatArray]:
        computed.append(1)
        yield from np.arange(24, dtype=np.float32).reshape(2, 2, 2, 3)

    return lambda: stored_representation(tmp_path / "cache", "abc", 2, compute, notices.append), notices, computed


Stored = tuple[Callable[[], Path], list[str], list[int]]


def test_a_stored_stack_is_computed_once_and_can_be_mapped(stored: Stored) -> None:
    store, notices, computed = stored
    file = store()

    assert store() == file
    assert (notices, len(computed), file.name) == ([], 1, "abc.npy")
    mapped = np.load(file, mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, np.arange(24, dtype=np.float32).reshape(2, 2, 2, 3))


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        flip_a_bit,
        lambda file: file.write_bytes(file.read_bytes()[:-8]),
        lambda file: file.write_bytes(b""),
        lambda file: file.with_suffix(".sha256").unlink(),
        lambda file: file.with_suffix(".sha256").write_bytes(b"\xff\xfe not a checksum"),
    ],
    ids=["a flipped bit", "a lost end", "an empty file", "no checksum", "a damaged checksum"],
)
def test_a_damaged_stack_is_computed_anew_and_said_so(stored: Stored, damage: Callable[[Path], object]) -> None:
    store, notices, computed = stored
    file = store()
    good = file.read_bytes()
    damage(file)

    assert store().read_bytes() == good
    assert notices == [f"{file} is damaged; it is computed again"]
    assert len(computed) == 2
    assert store() == file
    assert (len(notices), len(computed)) == (1, 2)


def test_a_lost_stack_is_computed_anew_without_a_word(stored: Stored) -> None:
    store, notices, computed = stored
    store().unlink()

    assert store().exists()
    assert (notices, len(computed)) == ([], 2)


def test_a_stack_that_cannot_be_computed_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail() -> Iterator[FloatArray]:
        yield MAP
        raise MerBenchError("smic/s1/a is corrupt")

    with pytest.raises(MerBenchError, match="is corrupt"):
        stored_representation(tmp_path, "abc", 2, fail, print)
    assert list(tmp_path.iterdir()) == []
