"""Resolve ``--preset`` and ``--set`` into a value for each parameter of each method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.names import normalise_name
from mer_bench.specs import MethodSpec, ParameterValue, parameter_hint


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
    if preset is not None and not any(preset in spec.presets for spec in specs):
        presets = sorted({name for spec in specs for name in spec.presets})
        raise _unknown("preset", preset, specs, presets, hint=did_you_mean(preset, presets))
    chosen = _by_method(specs, overrides or {})
    wanted = otherwise if preset is None else preset
    return [spec.resolve(wanted if wanted in spec.presets else None, chosen[spec.name]) for spec in specs]


def _by_method(specs: Sequence[MethodSpec], overrides: Mapping[str, object]) -> dict[str, dict[str, object]]:
    chosen: dict[str, dict[str, object]] = {spec.name: {} for spec in specs}
    # A name with the method's own before it is taken last: it goes over the bare one.
    for name, value in sorted(overrides.items(), key=lambda item: "." in item[0]):
        method, dot, parameter = name.rpartition(".")
        if dot and normalise_name(method) not in chosen:
            raise MerBenchError(
                f"--set {name}={value}: method {method!r} is not one of the named methods: {', '.join(chosen)}"
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
