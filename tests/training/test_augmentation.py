from __future__ import annotations

import math
from dataclasses import fields

import pytest
import torch
from support.recorded_maps import recorded
from torch import Tensor

from mer_bench.errors import MerBenchError
from mer_bench.methods.augmentation_config import AUGMENTATION_PARAMETERS, AugmentationConfig
from mer_bench.methods.draws import Draws, fold_key, step_keys
from mer_bench.methods.input_kind import InputKind
from mer_bench.training.augmentation import Augmenter, mirrored
from mer_bench.vision.choices import LAYOUTS, SCALES, layout_tiles

FACE = InputKind("face-flow")
CLIPS = InputKind("frames")
MOSAIC = InputKind("region-flow", "physical", "five-mosaic")
FOLLOWING = [name for name, layout in LAYOUTS.items() if not layout.transposed]
"""The layouts whose windows follow the face."""
ALL = AugmentationConfig(flip=0.5, shift=2, rotation=9.0, noise=0.05, erasing=0.5)


def keys(folds: int, step: int = 4) -> Tensor:
    return step_keys(torch.tensor([fold_key(seed) for seed in range(folds)], dtype=torch.int32), step)


def changed(x: Tensor, kind: InputKind, fold: int = 0, **settings: float) -> Tensor:
    """Samples as one fold sees them."""
    augment = Augmenter(AugmentationConfig(**settings), kind, *x.shape[-2:], "cpu")  # type: ignore[arg-type]
    return augment(x, Draws(keys(fold + 1)[fold]))


def noise_maps(n: int, side: int = 28) -> Tensor:
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(1))


def distance(made: Tensor, expected: Tensor) -> list[float]:
    """Of each channel, the difference as a share of what is expected."""
    error, scale = (each.transpose(0, 1).flatten(1) for each in (made - expected, expected))
    return (error.norm(dim=1) / (scale - scale.mean(1, keepdim=True)).norm(dim=1)).tolist()


U = torch.tensor([[1.0, 2.0, -3.0], [4.0, 5.0, 6.0]])
V = torch.tensor([[10.0, 20.0, 30.0], [-40.0, 50.0, 60.0]])
STRAIN = torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])


def test_a_mirrored_map_in_pixels_has_u_negated_and_nothing_else() -> None:
    expected = torch.stack((-U.flip(1), V.flip(1), STRAIN.flip(1)))
    assert torch.equal(changed(torch.stack((U, V, STRAIN))[None], FACE, flip=1.0)[0], expected)


@pytest.mark.parametrize("scale", ["per-map", "per-map-8bit"])
def test_in_a_mirrored_map_of_its_own_range_the_least_u_becomes_the_largest(scale: str) -> None:
    u = torch.tensor([[0.0, 0.25, 1.0]])
    still = torch.zeros(1, 3)
    x = torch.stack((torch.stack((u, u, u)), torch.stack((still, u, still))))
    made = changed(x, InputKind("face-flow", scale), flip=1.0)
    backwards = torch.tensor([[1.0, 0.25, 0.0]])
    assert torch.equal(made[0], torch.stack((torch.tensor([[0.0, 0.75, 1.0]]), backwards, backwards)))
    # A channel without any range is 0, mirrored or not.
    assert torch.equal(made[1], torch.stack((still, backwards, still)))


def test_a_quarter_turn_is_exact_in_places_and_vectors() -> None:
    # x to the right and y down: by 90 degrees the upper left goes to the upper right, and a vector right goes down.
    x = torch.zeros(1, 3, 3, 3)
    x[0, :, 0, 0] = torch.tensor([2.0, 5.0, 0.7])
    x[0, :, 1, 2] = torch.tensor([3.0, 0.0, 0.4])
    augment = Augmenter(AugmentationConfig(rotation=45.0), FACE, 3, 3, "cpu")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Draws, "uniform", lambda *_: torch.tensor([math.pi / 2]))
        made = augment(x, Draws(keys(1)[0]))
    expected = torch.zeros(3, 3, 3)
    expected[:, 0, 2] = torch.tensor([-5.0, 2.0, 0.7])
    expected[:, 2, 1] = torch.tensor([0.0, 3.0, 0.4])
    assert torch.allclose(made[0], expected, atol=1e-5)


def test_a_shift_moves_by_whole_pixels_and_repeats_the_rim() -> None:
    x = torch.stack((U, V, STRAIN)).repeat(200, 1, 1, 1)
    made = changed(x, FACE, shift=1)
    columns = {-1: [1, 2, 2], 0: [0, 1, 2], 1: [0, 0, 1]}
    rows = {-1: [1, 1], 0: [0, 1], 1: [0, 0]}
    possible = {(dx, dy): x[0][:, rows[dy]][:, :, columns[dx]] for dx in columns for dy in rows}
    counts = {by: int((made == each).all(dim=(1, 2, 3)).sum()) for by, each in possible.items()}
    assert sum(counts.values()) == 200
    assert min(counts.values()) > 5


def test_regions_move_inside_their_tiles() -> None:
    x = noise_maps(50)
    made, tiles = changed(x, MOSAIC, shift=3), layout_tiles("five-mosaic", 28)
    assert not torch.equal(made, x)
    for tile in tiles:
        inside = (slice(tile.row, tile.row + tile.height), slice(tile.col, tile.col + tile.width))
        assert set(made[..., inside[0], inside[1]].unique().tolist()) <= set(
            x[..., inside[0], inside[1]].unique().tolist()
        )
    # All regions of a sample move together.
    eye, lip = (made[:, :, tile.row + 6, tile.col + 4] for tile in (tiles[0], tiles[2]))
    by = [
        [
            [torch.equal(each[i], x[i, :, tile.row + 6 - dy, tile.col + 4 - dx]) for dx in range(-3, 4)]
            for dy in range(-3, 4)
        ]
        for each, tile in ((eye, tiles[0]), (lip, tiles[2]))
        for i in range(50)
    ]
    assert by[:50] == by[50:]
    assert all(sum(map(sum, each)) == 1 for each in by)


@pytest.mark.parametrize("layout", FOLLOWING)
def test_the_tiles_of_a_layout_are_symmetric_at_every_side(layout: str) -> None:
    other = {0: 1, 1: 0, 2: 2, 3: 4, 4: 3}
    for side in range(14, 226, 2):
        placed = {tile.region: (tile.row, tile.col, tile.height, tile.width) for tile in layout_tiles(layout, side)}
        for region, (row, col, height, width) in placed.items():
            assert placed[other[region]] == (row, side - col - width, height, width)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("layout", FOLLOWING)
def test_a_mirrored_map_is_the_map_of_the_mirrored_face(layout: str, scale: str) -> None:
    face, kind = recorded(), InputKind("region-flow", scale, layout)
    x, expected = face.map(layout, scale), face.mirrored(off=0).map(layout, scale)
    # Flow is the same to rounding, which 8-bit levels and the strain at the border enlarge.
    assert max(distance(mirrored(x, kind), expected)) < 3e-3
    assert distance(x.flip(-1), expected)[0] > 1.5
    assert min(distance(x, expected)) > 1

    rounded = distance(mirrored(x, kind), face.mirrored(off=1).map(layout, scale))
    assert max(rounded[:2]) < 0.1
    assert rounded[2] < 0.3


@pytest.mark.parametrize("degrees", [8.0, -12.0])
@pytest.mark.parametrize("layout", FOLLOWING)
def test_a_rotated_map_is_the_map_of_the_rotated_face(
    layout: str, degrees: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    face, kind = recorded(), InputKind("region-flow", "physical", layout)
    x, expected = face.map(layout), face.rotated(degrees).map(layout)

    def rotated_by(angle: float, kind: InputKind) -> Tensor:
        monkeypatch.setattr(Draws, "uniform", lambda *_: torch.tensor([math.radians(angle)]))
        return changed(x, kind, rotation=45.0)

    made = distance(rotated_by(degrees, kind), expected)
    # Strain is the difference of neighbours, and suffers most from two interpolations.
    assert max(made[:2]) < 0.1
    assert made[2] < 0.4
    assert min(distance(rotated_by(-degrees, kind), expected)) > 0.3
    only_moved = distance(rotated_by(degrees, InputKind("frames", "", layout)), expected)
    assert min(only_moved[0] / made[0], only_moved[1] / made[1]) > 1.5


def test_regions_of_a_transposed_layout_do_not_follow_the_face() -> None:
    face, kind = recorded(), InputKind("region-flow", "physical", "htnet")
    expected, x = face.mirrored(off=0).map("htnet"), face.map("htnet")
    upright = mirrored(x, kind)
    upper, lower = upright.split(14, dim=2)
    other_tiles = torch.cat((lower, upper), 2)
    for tried in (upright, upright.roll(14, 3), other_tiles, other_tiles.roll(14, 3)):
        assert max(distance(tried, expected)) > 0.5


def test_nothing_is_drawn_or_changed_while_all_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Tensor:
        raise AssertionError("something is drawn")

    monkeypatch.setattr(Draws, "bits", refuse)
    x = noise_maps(3)
    assert changed(x, MOSAIC) is x


@pytest.mark.parametrize("name", [field.name for field in fields(AugmentationConfig)])
def test_each_setting_changes_samples_and_samples_differ(name: str) -> None:
    x = noise_maps(1).repeat(30, 1, 1, 1)
    made = changed(x, FACE, **{name: 1.0 if name != "shift" else 1})
    distinct = len({each.numpy().tobytes() for each in made})
    # Of a certain flip, only one is possible; of a shift by one pixel, nine.
    assert distinct == 30 if name in ("rotation", "noise") else distinct == 1 if name == "flip" else distinct > 5
    assert not torch.equal(made, x)


@pytest.mark.parametrize(("name", "share"), [("flip", 0.3), ("erasing", 0.7)])
def test_a_probability_is_the_share_of_changed_samples(name: str, share: float) -> None:
    x = noise_maps(2000, 6)
    touched = (changed(x, FACE, **{name: share}) != x).flatten(1).any(1)
    assert touched.float().mean().item() == pytest.approx(share, abs=0.04)


def test_angles_are_uniform_up_to_the_largest() -> None:
    # Of constant maps, only the vectors turn.
    x = torch.zeros(4000, 3, 4, 4)
    x[:, 0], x[:, 2] = 2.0, 0.5
    made = changed(x, FACE, rotation=20.0)
    angles = torch.atan2(made[:, 1, 2, 1], made[:, 0, 2, 1]).rad2deg()
    assert 19.8 < angles.max() <= 20.001
    assert -20.001 <= angles.min() < -19.8
    assert angles.std().item() == pytest.approx(20 / math.sqrt(3), rel=0.05)
    assert torch.allclose(made[:, :2].norm(dim=1), torch.tensor(2.0), atol=1e-5)
    assert (made[:, 2] == 0.5).all()


def test_noise_is_a_share_of_each_channels_own_range() -> None:
    x = torch.zeros(40, 3, 28, 28)
    x[:, 0, 0, 0], x[:, 1, 3, 4], x[:, 2] = -5.0, 1.0, 3.0
    x[:, 2, 1, 1] = 5.0
    added = (changed(x, FACE, noise=0.1) - x).transpose(0, 1).flatten(1)
    assert added.std(dim=1).tolist() == pytest.approx([0.5, 0.1, 0.2], rel=0.03)
    assert added.mean(dim=1).abs().max() < 0.02


@pytest.mark.parametrize(("kind", "least", "largest"), [(CLIPS, 0.0, 255.0), (InputKind("flow", "per-map"), 0.0, 1.0)])
def test_noise_stays_inside_the_range_of_its_kind(kind: InputKind, least: float, largest: float) -> None:
    x = torch.linspace(least, largest, 3 * 64).reshape(1, 3, 8, 8)
    made = changed(x[:, None] if kind.is_frames else x, kind, noise=0.5)
    assert (made.min().item(), made.max().item()) == (least, largest)


def test_noisy_strain_is_never_negative_but_motion_may_be() -> None:
    made = changed(noise_maps(3).abs() * 0.01, FACE, noise=1.0)
    assert (made.amin(dim=(0, 2, 3)) < 0).tolist() == [True, True, False]


@pytest.mark.parametrize(("scale", "expected"), [("physical", 0.0), ("per-map", 0.25), ("unknown", 0.25)])
def test_an_erased_rectangle_shows_no_motion_or_the_mean(scale: str, expected: float) -> None:
    x = torch.ones(500, 3, 16, 24)
    x[:, :, 0], x[:, :, 1:] = 4.0, 0.0
    if scale == "physical":
        x += 9
    made = changed(x, InputKind("face-flow", scale), erasing=1.0)
    erased = made != x
    assert torch.equal(made[erased], torch.full_like(made[erased], expected))
    assert torch.equal(erased[:, 0], erased[:, 2])
    heights, widths = erased[:, 0].any(2).sum(1), erased[:, 0].any(1).sum(1)
    assert torch.equal(heights * widths, erased[:, 0].sum((1, 2)))  # a rectangle, without holes
    assert (heights.min().item(), heights.max().item(), widths.min().item(), widths.max().item()) == (2, 7, 3, 11)
    assert erased[:, 0].float().mean(0).min() > 0  # any pixel may be erased


@pytest.mark.parametrize("settings", [{"flip": 0.5, "shift": 2, "rotation": 9.0}, {"erasing": 1.0}])
def test_all_frames_of_a_clip_change_alike(settings: dict[str, float]) -> None:
    picture = torch.rand(6, 1, 1, 20, 20, generator=torch.Generator().manual_seed(2)) * 255
    made = changed(picture.repeat(1, 1, 4, 1, 1), CLIPS, **settings)
    assert not torch.equal(made[:, :, :1], picture)
    assert torch.allclose(made, made[:, :, :1].expand_as(made), atol=1e-3)
    grain = changed(picture.repeat(1, 1, 4, 1, 1), CLIPS, noise=0.1) - picture
    assert abs(torch.corrcoef(grain.transpose(0, 2).flatten(1))[0, 1].item()) < 0.1


def test_a_frame_is_mirrored_without_a_sign() -> None:
    picture = torch.arange(6.0).reshape(1, 1, 1, 2, 3)
    assert torch.equal(changed(picture, CLIPS, flip=1.0), picture.flip(-1))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [FACE, MOSAIC, InputKind("face-flow", "per-map"), CLIPS])
def test_a_fold_sees_the_same_alone_in_any_stack_and_with_padding(kind: InputKind) -> None:
    config = ALL if kind.is_frames or kind.scale == "physical" else AugmentationConfig(0.5, 2, 0.0, 0.05, 0.5)
    generator = torch.Generator().manual_seed(3)
    shape = (5, 7, 1, 4, 28, 28) if kind.is_frames else (5, 7, 3, 28, 28)
    x, key = torch.rand(shape, generator=generator), keys(5)
    augment = Augmenter(config, kind, 28, 28, "cpu")
    stacked = torch.func.vmap(lambda inputs, key: augment(inputs, Draws(key)))

    together = stacked(x, key)
    assert torch.equal(together, torch.stack([augment(own, Draws(each)) for own, each in zip(x, key, strict=True)]))
    assert torch.equal(stacked(x[[4, 1]], key[[4, 1]]), together[[4, 1]])
    padded = torch.cat((x, torch.zeros_like(x[:, :3])), dim=1)
    assert torch.equal(stacked(padded, key)[:, :7], together)
    shared = torch.func.vmap(lambda inputs, key: augment(inputs, Draws(key)), in_dims=(None, 0))(x[0], key)
    assert torch.equal(shared[0], together[0])
    assert not torch.equal(shared[1], shared[0])


@pytest.mark.parametrize(
    ("settings", "kind", "sentence"),
    [
        ({"flip": 0.5}, InputKind("face-flow", "unknown"), r"^flip=0.5: .* unknown scale .*; state scale in maps.toml"),
        ({"rotation": 5.0}, InputKind("face-flow", "per-map-8bit"), r"^rotation=5.0: maps with scale=per-map-8bit .*"),
        ({"rotation": 5.0}, InputKind("face-flow", "unknown"), r"^rotation=5.0: maps with scale=unknown have lost"),
        ({"flip": 0.5}, InputKind("region-flow", "per-map", "htnet"), r"^flip=0.5: with layout=htnet .* set flip=0$"),
        ({"rotation": 2.0}, InputKind("region-flow", "physical", "htnet"), r"^rotation=2.0: with layout=htnet"),
    ],
)
def test_what_would_make_wrong_maps_is_refused(settings: dict[str, float], kind: InputKind, sentence: str) -> None:
    with pytest.raises(MerBenchError, match=sentence):
        Augmenter(AugmentationConfig(**settings), kind, 28, 28, "cpu")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"shift": 2, "noise": 0.1, "erasing": 0.5}, InputKind("region-flow", "unknown", "htnet")),
        ({"flip": 0.5}, InputKind("region-flow", "per-map-8bit", "four-corners")),
        ({"flip": 0.5, "rotation": 5.0}, CLIPS),
    ],
)
def test_what_is_right_for_a_kind_is_allowed(settings: dict[str, float], kind: InputKind) -> None:
    AugmentationConfig(**settings).check(kind)  # type: ignore[arg-type]


def test_the_parameters_are_the_fields_and_off_by_default() -> None:
    assert [parameter.name for parameter in AUGMENTATION_PARAMETERS] == [one.name for one in fields(AugmentationConfig)]
    assert AugmentationConfig.from_params({}) == AugmentationConfig()
    assert not AugmentationConfig().is_on
    assert AugmentationConfig.from_params({"shift": 3, "lr": 0.1}) == AugmentationConfig(shift=3)
    assert AugmentationConfig(erasing=0.1).is_on


def test_noise_leaves_the_range_of_maps_of_unknown_scale_as_it_is() -> None:
    maps = torch.linspace(-3, 3, 4 * 3 * 28 * 28).reshape(4, 3, 28, 28)
    made = changed(maps, InputKind("face-flow", "unknown"), noise=0.001)

    assert float(made.min()) < -2.5
    assert float(made.max()) > 2.5
