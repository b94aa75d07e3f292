"""What a method takes as input, settled before anything is computed: name, settings, hash, caveats."""

from __future__ import annotations

from collections.abc import Mapping

from mer_bench.caveats import Caveat
from mer_bench.databases.base import CLIP, DataSource
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.representations.preprocessing import OF_METHOD, VERSIONS, Recipe, parameter_names, step_versions
from mer_bench.specs import MethodSpec, ParameterValue, Representation, resolve_parameters
from mer_bench.store.files import digest
from mer_bench.store.schema import RepresentationRecord

_GIVES = {"face-flow": ("face-flow", "region-flow"), CLIP: tuple(OF_METHOD)}
"""What can be made of each native representation."""


def resolve_representation(
    spec: MethodSpec,
    params: Mapping[str, ParameterValue],
    source: DataSource,
    preprocessing: Mapping[str, ParameterValue],
) -> RepresentationRecord:
    """Return the representation that a method with these parameters takes.

    Parameters
    ----------
    spec : MethodSpec
    params : mapping
        The method's own.
    source : DataSource
    preprocessing : mapping
        A value for each of `PREPROCESSING` where the data holds frames, else empty.

    Raises
    ------
    MerBenchError
        The data cannot give it, or the method names a parameter that shapes no such representation.
    """
    name = given_representation(spec, source)
    if name is None:
        raise MerBenchError(
            f"method {spec.name} needs the representation {spec.representation.name!r}, which this data (ready-made "
            f"{source.native!r}) cannot give; choose another method, or data that holds the frames"
        )
    own = _own_parameters(spec, name, params)
    if source.native != CLIP:
        identity = {"name": name, "params": own, "version": VERSIONS[name], "from": source.native}
        return {"name": name, "params": dict(own), "hash": digest(identity)}
    settings = {**preprocessing, **own}
    chosen = {key: settings[key] for key in parameter_names(name, settings)}
    identity = {"name": name, "params": chosen, "versions": step_versions(name), "from": CLIP}
    return {"name": name, "params": dict(chosen), "hash": digest(identity)}


def given_representation(spec: MethodSpec, source: DataSource) -> str | None:
    """Return the name of what a method is handed: its own, else the approximation that it takes, else None."""
    given = _GIVES.get(source.native, ())
    wanted = (spec.representation.name, spec.representation.approximate)
    return next((name for name in wanted if name in given), None)


def recipe_of(record: RepresentationRecord) -> Recipe | None:
    """Return the recipe of a representation that is made of frames; None for a ready-made one."""
    params: dict[str, ParameterValue] = dict(record["params"])  # type: ignore[arg-type]
    return Recipe(record["name"], params) if "align_by" in params else None


def representation_caveats(record: RepresentationRecord) -> tuple[str, ...]:
    """Return what must be said of scores on this representation.

    Ready-made maps come without landmarks, so that their key regions are cut at constant places. Frames may be kept
    whole where no face is found.
    """
    if recipe_of(record) is not None:
        return (Caveat.WHOLE_FRAME,) if record["params"]["no_face"] == "whole-frame" else ()
    cut = record["name"] == "region-flow" and record["params"].get("layout") != "whole-face"
    return (Caveat.TEMPLATE_LANDMARKS,) if cut else ()


def _own_parameters(spec: MethodSpec, given: str, params: Mapping[str, ParameterValue]) -> dict[str, ParameterValue]:
    """Return what the method chooses of its representation, with the defaults for what it leaves open."""
    wanted: Representation = spec.representation
    if given != wanted.name:
        return resolve_parameters(f"method {spec.name}", OF_METHOD[given], {})
    known = {parameter.name: parameter for parameter in OF_METHOD[given]}
    for name in wanted.parameters:
        if name not in known:
            raise MerBenchError(
                f"method {spec.name}: parameter {name!r} does not shape the representation {wanted.name!r}"
                f"{did_you_mean(name, known)}; what does: {', '.join(known) or 'nothing'}; report it to its author"
            )
    chosen = {name: params[name] for name in wanted.parameters}
    return resolve_parameters(f"method {spec.name}", OF_METHOD[given], chosen)
