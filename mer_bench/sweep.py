"""Sweeps: the combinations of settings that ``--grid`` or an ablation gives methods; each becomes a row of its own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from textwrap import shorten

from mer_bench.errors import MerBenchError
from mer_bench.parameters import Parameter, ParameterValue, resolve_parameters, value_text
from mer_bench.settings import by_method, choose_presets
from mer_bench.specs import MethodSpec

MOST_COMBINATIONS = 1000
"""Of one method in one run."""
_MOST_SHOWN = 80
"""Characters of what a grid names, in a message."""

Setting = Mapping[str, ParameterValue]
"""What one combination sets: parameter to value."""


@dataclass(frozen=True)
class Variant:
    """A method with one combination of settings, not yet checked against each other.

    Parameters
    ----------
    spec : MethodSpec
    preset : str, optional
        One of the method's; None for its own default.
    overrides : mapping of str to value
        What ``--set`` changes, in all variants alike.
    varied : mapping of str to value
        What the sweep sets in this one; empty for a method that no sweep concerns.
    """

    spec: MethodSpec
    preset: str | None
    overrides: Mapping[str, object]
    varied: Setting

    @property
    def name(self) -> str:
        """The method with what the sweep sets: ``ahmsa with lr=1e-05, width=96``."""
        return f"{self.spec.name} with {setting_text(self.varied)}" if self.varied else self.spec.name

    def resolve(self) -> dict[str, ParameterValue]:
        """Return a value for each parameter of the method. Raises what `MethodSpec.resolve` raises."""
        return self.spec.resolve(self.preset, {**self.overrides, **self.varied})


def make_variants(
    specs: Sequence[MethodSpec],
    *,
    preset: str | None = None,
    otherwise: str | None = None,
    overrides: Mapping[str, object] | None = None,
    grid: Mapping[str, object] | None = None,
    settings: Sequence[Setting] = (),
) -> list[Variant]:
    """Return the variants of each method, in the order of the methods and of the values.

    Parameters
    ----------
    specs : sequence of MethodSpec
    preset, otherwise, overrides
        As for `mer_bench.settings.resolve_settings`.
    grid : mapping of str to values, optional
        ``lr`` for every method that has such a parameter, ``ahmsa.lr`` for that one. Values are a sequence, or a text
        as on the command line. A method gets the product of its parameters' values.
    settings : sequence of mapping, optional
        Combinations that are listed one by one, in place of a grid.

    Raises
    ------
    MerBenchError
        A preset, method or parameter that does not exist, a value that is not allowed, a value or a combination that is
        named twice, a parameter that ``overrides`` names too, or too many combinations.
    """
    presets = choose_presets(specs, preset, otherwise)
    chosen, varied = by_method(specs, overrides or {}, "--set"), by_method(specs, grid or {}, "--grid")
    listed = [by_method(specs, setting, "a setting of the sweep") for setting in settings]
    variants = []
    for spec, name in zip(specs, presets, strict=True):
        own = chosen[spec.name]
        resolve_parameters(f"method {spec.name}", spec.parameters, own)
        combinations = _combinations(spec, varied[spec.name]) if not listed else _checked(spec, listed)
        _refuse_both(spec, own, combinations)
        variants += [Variant(spec, name, own, combination) for combination in combinations]
    return variants


def setting_text(setting: Mapping[str, object]) -> str:
    """Return values of parameters as ``--set`` takes them: ``blocks=1,1,8, residual=true``."""
    return ", ".join(f"{name}={value_text(value)}" for name, value in setting.items())


def _combinations(spec: MethodSpec, grid: Mapping[str, object]) -> list[Setting]:
    """Return the product of the values of a method's parameters; the last parameter changes first."""
    known = {parameter.name: parameter for parameter in spec.parameters}
    values = {name: _values(spec, known[name], given) for name, given in grid.items()}
    count = math.prod(map(len, values.values()))
    if count > MOST_COMBINATIONS:
        sizes = " × ".join(f"{len(items)} of {name}" for name, items in values.items())
        raise MerBenchError(
            f"--grid gives {spec.name} {count} combinations ({sizes}), more than the {MOST_COMBINATIONS} of one run; "
            "name fewer values, or divide them among several runs into the same results folder"
        )
    return [dict(zip(values, combination, strict=True)) for combination in product(*values.values())]


def _values(spec: MethodSpec, parameter: Parameter, given: object) -> list[ParameterValue]:
    """Return the values of one parameter of a grid, checked one by one."""
    place = f"--grid {parameter.name}={shorten(value_text(given), _MOST_SHOWN, placeholder='...')}"
    is_list = isinstance(parameter.default, tuple)
    separator = "/" if is_list else ","
    if isinstance(given, str):
        items: list[object] = [item.strip() for item in given.split(separator)]
    elif isinstance(given, Iterable):
        items = list(given)
    else:
        raise MerBenchError(f"{place}: is one value, not a list of values; use --set, or params in Python")
    try:
        values = [parameter.parse(item) if isinstance(item, str) else parameter.check(item) for item in items]
    except MerBenchError as error:
        how = (
            f"{parameter.name}=2,2,8/1,1,4 are two lists" if is_list else f"commas separate values of {parameter.name}"
        )
        raise MerBenchError(f"{place}: method {spec.name}: {error}; {how}") from None
    if not values:
        raise MerBenchError(f"{place}: names no value; name at least one")
    for value in values:
        if values.count(value) > 1:
            raise MerBenchError(f"{place}: names the value {value_text(value)} twice; keep one")
    return values


def _checked(spec: MethodSpec, listed: Iterable[Mapping[str, Mapping[str, object]]]) -> list[Setting]:
    """Return listed combinations of one method with their values checked."""
    known = {parameter.name: parameter for parameter in spec.parameters}
    checked: list[Setting] = []
    for of_methods in listed:
        own = of_methods[spec.name]
        typed = resolve_parameters(f"method {spec.name}", tuple(known[name] for name in own), own)
        if typed in checked:
            raise MerBenchError(f"method {spec.name}: the setting {setting_text(typed)} is listed twice; keep one")
        checked.append(typed)
    return checked


def _refuse_both(spec: MethodSpec, overrides: Mapping[str, object], combinations: Iterable[Setting]) -> None:
    """Refuse a parameter that ``--set`` changes, and that the sweep sets too."""
    values: dict[str, dict[ParameterValue, None]] = {}
    for combination in combinations:
        for name, value in combination.items():
            values.setdefault(name, {})[value] = None
    for name, given in overrides.items():
        if name in values:
            swept = " and ".join(map(value_text, values[name]))
            raise MerBenchError(
                f"--set {name}={value_text(given)}: the sweep gives {name} of {spec.name} the values {swept}; name it "
                "in one of the two only"
            )
