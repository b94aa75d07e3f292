"""From what a user asks of methods (``--preset``, ``--set``) to a value for each of their parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.names import normalise_name
from mer_bench.specs import MethodSpec, ParameterValue


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
        Used by the methods that have it; the others keep their own default.
    overrides : mapping of str to value, optional
        ``lr`` for every method that has such a parameter, ``ahmsa.lr`` for that one; text or typed.
    otherwise : str, optional
        The preset of the methods that have it, where none is asked for.

    Raises
    ------
    MerBenchError
        A preset or parameter that none of the methods has, a method that is not among them, or values that are not
        allowed or do not fit each other.
    """
    if preset is not None and not any(preset in spec.presets for spec in specs):
        raise _unknown("preset", preset, specs, {name for spec in specs for name in spec.presets})
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
                f"--set {name}={value}: method {method!r} is not among those that are asked for: {', '.join(chosen)}"
            )
        named = [spec for spec in specs if not dot or spec.name == normalise_name(method)]
        takers = [spec for spec in named if parameter in {own.name for own in spec.parameters}]
        if not takers:
            raise _unknown("parameter", parameter, named, {own.name for spec in named for own in spec.parameters})
        for spec in takers:
            chosen[spec.name][parameter] = value
    return chosen


def _unknown(what: str, name: str, specs: Sequence[MethodSpec], known: Iterable[str]) -> MerBenchError:
    known = sorted(known)
    owner, theirs = (f"method {specs[0].name}", "its") if len(specs) == 1 else ("no selected method", "their")
    verb = "has no" if len(specs) == 1 else "has a"
    return MerBenchError(
        f"{owner} {verb} {what} {name!r}{did_you_mean(name, known)}; {theirs} {what}s: {', '.join(known) or 'none'}"
    )
