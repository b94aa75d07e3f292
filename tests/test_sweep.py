"""Which combinations of settings a grid or a list gives each method."""

from __future__ import annotations

import pytest

from mer_bench import MerBenchError, MethodSpec, Parameter, Representation
from mer_bench.sweep import MOST_COMBINATIONS, make_variants, setting_text

RATE = Parameter("lr", 0.1, "learning rate", minimum=0.0)
WIDE = Parameter("width", 4, "hidden units")
BLOCKS = Parameter("blocks", (2, 2, 8), "blocks per level")
MODEL = Parameter("model", "plain", "its name")


def spec(name: str, *parameters: Parameter) -> MethodSpec:
    return MethodSpec(
        name,
        "1",
        name,
        f"{name}:Net",
        Representation("face-flow"),
        "deep",
        parameters=parameters,
        presets={"quick": {"lr": 0.3}},
    )


ONE, TWO = spec("one", RATE, WIDE, BLOCKS, MODEL), spec("two-b", RATE)


def made(**asked: object) -> list[tuple[str, dict[str, object]]]:
    """Return method and varied settings of each variant."""
    variants = make_variants([ONE, TWO], **asked)  # type: ignore[arg-type]
    return [(variant.spec.name, dict(variant.varied)) for variant in variants]


def test_a_method_gets_the_product_of_the_values_of_its_own_parameters() -> None:
    assert made(grid={"width": "3,5", "lr": "0.5,0.25"}) == [
        ("one", {"width": 3, "lr": 0.5}),
        ("one", {"width": 3, "lr": 0.25}),
        ("one", {"width": 5, "lr": 0.5}),
        ("one", {"width": 5, "lr": 0.25}),
        ("two-b", {"lr": 0.5}),
        ("two-b", {"lr": 0.25}),
    ]


def test_values_for_one_method_go_over_those_for_all_and_leave_the_others_without_a_sweep() -> None:
    assert made(grid={"Two_B.lr": "7,6,5", "lr": "1"}) == [
        ("one", {"lr": 1.0}),
        ("two-b", {"lr": 7.0}),
        ("two-b", {"lr": 6.0}),
        ("two-b", {"lr": 5.0}),
    ]
    assert made(grid={"one.width": "9"}) == [("one", {"width": 9}), ("two-b", {})]
    assert made() == [("one", {}), ("two-b", {})]


@pytest.mark.parametrize(
    ("name", "given", "values"),
    [
        ("blocks", "2,2,8/1,1,4", [(2, 2, 8), (1, 1, 4)]),
        ("blocks", "2,2,8", [(2, 2, 8)]),
        ("blocks", [[1, 2], (3,)], [(1, 2), (3,)]),
        ("model", "a/b, c", ["a/b", "c"]),
        ("lr", (1, "0.5"), [1.0, 0.5]),
        ("width", range(7, 9), [7, 8]),
    ],
)
def test_values_are_separated_by_commas_and_lists_by_slashes(name: str, given: object, values: list[object]) -> None:
    assert [varied[name] for method, varied in made(grid={f"one.{name}": given}) if method == "one"] == values


def test_a_variant_resolves_preset_then_set_then_sweep() -> None:
    first, _, other = make_variants(
        [ONE, TWO], preset="quick", overrides={"width": "8"}, grid={"one.blocks": "1,1/2,3"}
    )

    assert first.resolve() == {"lr": 0.3, "width": 8, "blocks": (1, 1), "model": "plain"}
    assert first.name == "one with blocks=1,1"
    assert (other.name, other.resolve()) == ("two-b", {"lr": 0.3})
    assert setting_text({"lr": 1e-05, "blocks": (2, 2, 8)}) == "lr=1e-05, blocks=2,2,8"


def test_listed_settings_are_taken_one_by_one() -> None:
    listed = ({"width": 3, "blocks": (1, 4)}, {"width": 5})
    variants = make_variants([ONE], settings=listed)

    assert [variant.varied for variant in variants] == list(listed)
    assert variants[1].resolve()["blocks"] == (2, 2, 8)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"grid": {"lrr": "1"}}, "none of the named methods has a parameter 'lrr' (did you mean 'lr'?)"),
        ({"grid": {"two-b.width": "1,2"}}, "method two-b has no parameter 'width'"),
        ({"grid": {"three.lr": "1,2"}}, "--grid three.lr=1,2: method 'three' is not one of the named methods: one, tw"),
        ({"grid": {"width": "1,x"}}, "--grid width=1,x: method one: width='x' is not a whole number; commas separate"),
        ({"grid": {"width": "1/2"}}, "width='1/2' is not a whole number; commas separate values of width"),
        ({"grid": {"lr": "1,,2"}}, "lr='' is not a number; commas separate values of lr"),
        ({"grid": {"lr": "1,-2"}}, "lr=-2.0 is below the smallest allowed value, 0"),
        (
            {"grid": {"blocks": [2, 2, 8]}},
            "--grid blocks=2,2,8: method one: blocks=2 is not a comma-separated list of whole numbers; "
            "blocks=2,2,8/1,1,4 are two lists",
        ),
        ({"grid": {"lr": "0.5,5e-1"}}, "--grid lr=0.5,5e-1: names the value 0.5 twice; keep one"),
        ({"grid": {"lr": []}}, "--grid lr=: names no value; name at least one"),
        ({"grid": {"lr": 0.5}}, "--grid lr=0.5: is one value, not a list of values; use --set, or params in Python"),
        (
            {"grid": {"one.lr": "1,2"}, "overrides": {"lr": "3"}},
            "--set lr=3: the sweep gives lr of one the values 1.0 and 2.0; name it in one of the two only",
        ),
        (
            {"settings": ({"lr": 1.0}, {"lr": 2.0, "one.width": 3}), "overrides": {"one.width": 7}},
            "--set width=7: the sweep gives width of one the values 3; name it",
        ),
        ({"settings": ({"lr": 1.0}, {"lr": 1})}, "method one: the setting lr=1.0 is listed twice; keep one"),
        ({"overrides": {"one.width": "x"}, "grid": {"lr": "1,2"}}, "method one: width='x' is not a whole number"),
    ],
)
def test_what_is_no_sweep_is_refused_with_the_value_and_the_cure(asked: dict[str, object], message: str) -> None:
    with pytest.raises(MerBenchError) as caught:
        made(**asked)

    assert message in str(caught.value)


def test_too_many_combinations_are_counted_not_made() -> None:
    grid = {"one.width": range(1, MOST_COMBINATIONS), "one.lr": range(10**4, 10**4 + 77)}

    with pytest.raises(
        MerBenchError, match=r"gives one 76923 combinations \(999 of width × 77 of lr\), more than the 1"
    ):
        made(grid=grid)
    assert len(made(grid={"one.width": range(MOST_COMBINATIONS)})) == MOST_COMBINATIONS + 1
