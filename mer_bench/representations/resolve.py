"""Which representation a method takes as input, decided before anything is computed: name, settings, hash, caveats."""

from __future__ import annotations

from collections.abc import Mapping

from mer_bench.arrays import MAP_SIDE
from mer_bench.caveats import Caveat
from mer_bench.databases.base import CLIP, DataSource
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.parameters import ParameterValue, resolve_parameters
from mer_bench.representations.preprocessing import VERSIONS, Recipe, parameter_names, step_versions
from mer_bench.representations.settings import OF_METHOD, is_from_frames
from mer_bench.specs import MethodSpec, Representation
from mer_bench.store.files import digest
from mer_bench.store.schema import RepresentationRecord
from mer_bench.vision.choices import PHYSICAL, UNKNOWN_SCALE, WHOLE_FACE

_AVAILABLE = {"face-flow": ("face-flow", "region-flow"), CLIP: tuple(OF_METHOD)}
"""The representations that each kind of data can provide."""
_ONLY_FROM_FRAMES = ("scale", "side")
"""Settings that ready-made maps cannot follow."""


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
        A value for each of the method's parameters.
    source : DataSource
    preprocessing : mapping
        A value for each of `PREPROCESSING` if the data has frames, else empty.

    Raises
    ------
    MerBenchError
        The data cannot provide it, the method names a parameter that the representation does not have, or the layout,
        side and size do not fit each other.
    """
    name = given_representation(spec, source)
    if name is None:
        raise MerBenchError(
            f"method {spec.name} needs the representation {spec.representation.name!r}, which this data (ready-made "
            f"{source.native!r}) cannot give; choose another method, or data with frames"
        )
    own = _own_parameters(spec, name, params)
    if source.native != CLIP:
        asked = {key: params[key] for key in spec.representation.parameters if key in _ONLY_FROM_FRAMES}
        return _ready_made(spec, name, own, asked, source)
    settings = {**preprocessing, **own}
    return record_of(Recipe(name, settings))


def record_of(recipe: Recipe) -> RepresentationRecord:
    """Return what a recipe computes here; settings that its steps do not read are left out."""
    name = recipe.representation
    params = {key: recipe.params[key] for key in parameter_names(name, recipe.params)}
    identity = {"name": name, "params": params, "versions": step_versions(name), "from": CLIP}
    return {"name": name, "params": dict(params), "hash": digest(identity)}


def given_representation(spec: MethodSpec, source: DataSource) -> str | None:
    """Return the name of the representation that a method gets: its own, else its approximation, else None."""
    given = _AVAILABLE.get(source.native, ())
    wanted = (spec.representation.name, spec.representation.approximate)
    return next((name for name in wanted if name in given), None)


def recipe_of(record: RepresentationRecord) -> Recipe | None:
    """Return the recipe of a representation that is computed from frames; None for a ready-made one."""
    params: dict[str, ParameterValue] = dict(record["params"])  # type: ignore[arg-type]
    return Recipe(record["name"], params) if is_from_frames(params) else None


def representation_caveats(record: RepresentationRecord) -> tuple[str, ...]:
    """Return the caveats of scores on this representation.

    Ready-made maps have no landmarks, so their key regions are cut at constant positions, and maps that were scaled
    by map cannot be scaled back. The scales by map differ in their rounding only, which an image has in any case.
    Frames without a face may be used whole.
    """
    params = record["params"]
    if recipe_of(record) is not None:
        return (Caveat.WHOLE_FRAME,) if params["no_face"] == "whole-frame" else ()
    cut = record["name"] == "region-flow" and params.get("layout") != WHOLE_FACE
    other_scale = params.get("scale") == PHYSICAL and params["data_scale"] not in (PHYSICAL, UNKNOWN_SCALE)
    return (*([Caveat.TEMPLATE_LANDMARKS] if cut else []), *([Caveat.OTHER_SCALE] if other_scale else []))


def given_scale(record: RepresentationRecord) -> str:
    """Return how the maps of a representation are scaled: one of `SCALES`, or `UNKNOWN_SCALE`."""
    params = record["params"]
    given = str(params.get("data_scale", PHYSICAL))
    return str(params.get("scale", PHYSICAL)) if given == PHYSICAL else given


def _ready_made(
    spec: MethodSpec,
    name: str,
    own: Mapping[str, ParameterValue],
    asked: Mapping[str, ParameterValue],
    source: DataSource,
) -> RepresentationRecord:
    """Return the representation of ready-made maps: those in physical units are scaled as the method asks."""
    if asked.get("side", MAP_SIDE) != MAP_SIDE:
        raise MerBenchError(
            f"method {spec.name}: side={asked['side']}, but the maps of this data are ready-made and have "
            f"{MAP_SIDE}×{MAP_SIDE} pixels; set side={MAP_SIDE}, or choose data with frames"
        )
    followed = {key: value for key, value in own.items() if key not in _ONLY_FROM_FRAMES}
    data_scale = source.input_facts().scale or UNKNOWN_SCALE
    scale = {"scale": asked["scale"]} if "scale" in asked else {}
    depends_on = {**followed, **(scale if data_scale == PHYSICAL else {})}
    identity = {"name": name, "params": depends_on, "version": VERSIONS[name], "from": source.native}
    return {"name": name, "params": {**followed, **scale, "data_scale": data_scale}, "hash": digest(identity)}


def _own_parameters(spec: MethodSpec, given: str, params: Mapping[str, ParameterValue]) -> dict[str, ParameterValue]:
    """Return the settings of the representation: those that the method chooses, and defaults for the others."""
    wanted: Representation = spec.representation
    if given != wanted.name:
        return resolve_parameters(f"method {spec.name}", OF_METHOD[given], {})
    known = {parameter.name: parameter for parameter in OF_METHOD[given]}
    for name in wanted.parameters:
        if name not in known:
            raise MerBenchError(
                f"method {spec.name}: {name!r} is not a setting of the representation {wanted.name!r}"
                f"{did_you_mean(name, known)}; its settings: {', '.join(known) or 'none'}; report this to the method's "
                "author"
            )
    chosen = {name: params[name] for name in wanted.parameters}
    return resolve_parameters(f"method {spec.name}", OF_METHOD[given], chosen)
