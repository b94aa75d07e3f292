"""Resolve ``--preset`` and ``--set`` into a value for each parameter of each method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.names import normalise_name
from mer_bench.parameters import ParameterValue, parameter_hint, resolve_parameters
from mer_bench.specs import PAPER_PRESET, MethodSpec


@dataclass(frozen=True)
class NamedSettings:
    """A method's parameters in words: the nearest preset and what differs from it, and what differs from the paper's.

    Parameters
    ----------
    preset : str
        The preset that differs in the fewest parameters; empty if that are the parameters' defaults.
    changed : mapping of str to value
        The parameters that differ from the preset, with their values.
    reference : str
        The preset that ``differs`` refers to: ``paper`` if the method has it, else its default preset; empty for the
        parameters' defaults.
    differs : mapping of str to value
        The parameters that differ from the reference, with their values.
    """

    preset: str
    changed: Mapping[str, ParameterValue]
    reference: str
    differs: Mapping[str, ParameterValue]


def name_settings(spec: MethodSpec, params: Mapping[str, ParameterValue]) -> NamedSettings:
    """Return a method's parameters in words."""
    default = spec.default_preset or ""
    # The default first: of presets that are equally near, it is the one that a user knows.
    candidates = dict.fromkeys([default, *spec.presets])
    changes = {preset: _changes(spec, preset, params) for preset in candidates}
    nearest = min(changes, key=lambda preset: len(changes[preset]))
    reference = PAPER_PRESET if PAPER_PRESET in spec.presets else default
    return NamedSettings(nearest, changes[nearest], reference, changes[reference])


def _changes(spec: MethodSpec, preset: str, params: Mapping[str, ParameterValue]) -> dict[str, ParameterValue]:
    values = resolve_parameters(spec.name, spec.parameters, spec.presets.get(preset, {}))
    return {name: value for name, value in params.items() if value != values[name]}


def resolve_settings(
    specs: Sequence[MethodSpec],
    *,
    preset: str | None = None,
    overrides: Mapping[str, object] | None = None,
    otherwise: str | None = None,
) -> list[dict[str, ParameterValue]]:
    """Return a value for each parameter of each method, checked against each other.

    Parameters
    ----------
    specs : sequence of MethodSpec
    preset : str, optional
        Used by the methods that have it; the others keep their own defaults.
    overrides : mapping of str to value, optional
        ``lr`` for every method that has such a parameter, ``ahmsa.lr`` for that one; text or typed.
    otherwise : str, optional
        The preset used if ``preset`` is None, by the methods that have it.

    Raises
    ------
    MerBenchError
        A preset or parameter that none of the methods has, a method that is not among them, or values that are not
        allowed or do not fit each other.
    """
    presets = choose_presets(specs, preset, otherwise)
    chosen = by_method(specs, overrides or {}, "--set")
    return [spec.resolve(name, chosen[spec.name]) for spec, name in zip(specs, presets, strict=True)]


def choose_presets(specs: Sequence[MethodSpec], preset: str | None, otherwise: str | None = None) -> list[str | None]:
    """Return the preset of each method: the named one if the method has it, else None, which is its own default.

    Raises
    ------
    MerBenchError
        None of the methods has the named preset.
    """
    if preset is not None and not any(preset in spec.presets for spec in specs):
        presets = sorted({name for spec in specs for name in spec.presets})
        raise _unknown("preset", preset, specs, presets, hint=did_you_mean(preset, presets))
    wanted = otherwise if preset is None else preset
    return [wanted if wanted in spec.presets else None for spec in specs]


def by_method(specs: Sequence[MethodSpec], given: Mapping[str, object], option: str) -> dict[str, dict[str, object]]:
    """Return what is given for the parameters of each method: ``lr`` for all that have it, ``ahmsa.lr`` for one.

    Raises
    ------
    MerBenchError
        A method that is not among these, or a parameter that none of them has; ``option`` is where it was named.
    """
    chosen: dict[str, dict[str, object]] = {spec.name: {} for spec in specs}
    # A name with the method's own before it is taken last: it goes over the bare one.
    for name, value in sorted(given.items(), key=lambda item: "." in item[0]):
        method, dot, parameter = name.rpartition(".")
        if dot and normalise_name(method) not in chosen:
            raise MerBenchError(
                f"{option} {name}={value}: method {method!r} is not one of the named methods: {', '.join(chosen)}"
            )
        named = [spec for spec in specs if not dot or spec.name == normalise_name(method)]
        takers = [spec for spec in named if parameter in {own.name for own in spec.parameters}]
        if not takers:
            known = {own.name: own for spec in named for own in spec.parameters}
            hint = parameter_hint(parameter, known.values())
            raise _unknown("parameter", parameter, named, sorted(known), hint=hint)
        for spec in takers:
            chosen[spec.name][parameter] = value
    return chosen


def _unknown(what: str, name: str, specs: Sequence[MethodSpec], known: Sequence[str], *, hint: str) -> MerBenchError:
    if len(specs) == 1:
        owner, verb, theirs = f"method {specs[0].name}", "has no", "its"
    else:
        owner, verb, theirs = "none of the named methods", "has a", "their"
    return MerBenchError(f"{owner} {verb} {what} {name!r}{hint}; {theirs} {what}s: {', '.join(known) or 'none'}")
