"""The specs that plugins register: frozen descriptions of methods, databases and protocols.

This module imports neither numpy nor pandas nor torch, so that listing the installed plugins is quick.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mer_bench.errors import MerBenchError, did_you_mean, unknown
from mer_bench.foreign import foreign_code
from mer_bench.names import NAME_RULE, is_name

ParameterValue = bool | int | float | str | tuple[int, ...]

REPRESENTATIONS = ("frames", "flow", "face-flow", "region-flow")
BASELINE_FAMILY = "baseline"
QUICK_PRESET = "quick"
"""The name of the preset for quick trials: the default on synthetic data and in ``mer-bench check``."""
FAMILIES = (BASELINE_FAMILY, "handcrafted", "deep")

CLOSE = 0.8
"""How similar a wrong name is to one that exists, where it is taken for that one."""
_SHORTEST_PREFIX = 3
"""Letters by which a parameter may be meant."""


@dataclass(frozen=True)
class Parameter:
    """One named setting of a method or database.

    Parameters
    ----------
    name : str
        The name used with ``--set NAME=VALUE``.
    default : bool, int, float, str or tuple of int
        The default value; its type is the parameter's type.
    doc : str
        What the parameter does and, where the paper does not state a value, the reason for this default.
    choices : tuple, optional
        The allowed values; any value is allowed without it.
    minimum : float, optional
        The smallest allowed number, itself allowed; for a tuple, of each item.
    maximum : float, optional
        The largest allowed number, itself allowed; for a tuple, of each item.
    length : int, optional
        The required number of items of a tuple.

    Raises
    ------
    MerBenchError
        A field has the wrong type, or the default is not an allowed value.
    """

    name: str
    default: ParameterValue
    doc: str
    choices: tuple[ParameterValue, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    length: int | None = None

    def __post_init__(self) -> None:
        owner = f"parameter {self.name}"
        _check_types(owner, self, name=str, doc=str, choices=tuple)
        for limit in (self.minimum, self.maximum):
            if limit is not None and (isinstance(limit, bool) or not isinstance(limit, (int, float))):
                raise MerBenchError(f"{owner}: limit {limit!r} is not a number")
        if _as_type(self.default, self.default) is None:
            raise MerBenchError(f"{owner}: default {self.default!r} is not a bool, int, float, str or tuple of int")
        self.check(self.default)

    def parse(self, text: str) -> ParameterValue:
        """Read a value from command-line text.

        Raises
        ------
        MerBenchError
            The text is not of the parameter's type, or the value is not allowed.
        """
        try:
            return self.check(_convert(text, self.default))
        except ValueError:
            raise MerBenchError(f"{self.name}={text!r} is not {_type_name(self.default)}") from None

    def check(self, value: object) -> ParameterValue:
        """Return ``value`` converted to the parameter's type.

        Raises
        ------
        MerBenchError
            The value has the wrong type, is not one of the choices, is not finite, is outside the limits, or is a tuple
            of the wrong length.
        """
        typed = _as_type(value, self.default)
        if typed is None:
            raise MerBenchError(f"{self.name}={value!r} is not {_type_name(self.default)}")
        if self.choices and typed not in self.choices:
            allowed = ", ".join(str(choice) for choice in self.choices)
            raise MerBenchError(f"{self.name}={typed!r} is not one of: {allowed}")
        if self.length is not None and isinstance(typed, tuple) and len(typed) != self.length:
            raise MerBenchError(f"{self.name}={value_text(typed)} has {len(typed)} numbers, not {self.length}")
        for number in typed if isinstance(typed, tuple) else (typed,):
            if isinstance(number, float) and not math.isfinite(number):
                raise MerBenchError(f"{self.name}={typed!r} is not a finite number")
            if self.minimum is not None and not isinstance(number, str) and number < self.minimum:
                raise MerBenchError(
                    f"{self.name}={typed!r} is below the smallest allowed value, {_plain(self.minimum)}"
                )
            if self.maximum is not None and not isinstance(number, str) and number > self.maximum:
                raise MerBenchError(f"{self.name}={typed!r} is above the largest allowed value, {_plain(self.maximum)}")
        return typed


@dataclass(frozen=True)
class Representation:
    """The input of a method.

    Parameters
    ----------
    name : {"frames", "flow", "face-flow", "region-flow"}
        ``frames``: the grey frames of a clip; ``flow``: the optical flow of a whole face; ``face-flow``: the flow on
        28×28 pixels; ``region-flow``: the flow of key regions on 28×28 pixels.
    parameters : tuple of str
        The names of the method's parameters that change the representation, such as a region layout. They are part of
        the representation's hash.
    approximate : str, optional
        The representation that the method takes where the data cannot provide ``name``. Its scores then have the
        caveat ``approximation``.

    Raises
    ------
    MerBenchError
        A field has the wrong type, or the representation is unknown.
    """

    name: str
    parameters: tuple[str, ...] = ()
    approximate: str | None = None

    def __post_init__(self) -> None:
        _check_types(f"representation {self.name}", self, name=str, parameters=tuple)
        _check_items(f"representation {self.name}", "parameters", self.parameters, str)
        for name in (self.name, *([] if self.approximate is None else [self.approximate])):
            if name not in REPRESENTATIONS:
                raise unknown("representation", name, REPRESENTATIONS)


@dataclass(frozen=True)
class Features:
    """Declares that a method extracts features: `Method.extract` is called once per sample, for all folds together.

    Parameters
    ----------
    parameters : tuple of str
        The names of the method's parameters that change the features, without those of its representation.
        `Method.extract` can read these only. A new value of any other parameter uses the stored features.
    """

    parameters: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_types("features", self, parameters=tuple)
        _check_items("features", "parameters", self.parameters, str)


@dataclass(frozen=True)
class MethodSpec:
    """A method, described without importing it.

    Parameters
    ----------
    name : str
        The name on the command line: lower case words joined by hyphens.
    version : str
        Part of the key of every result. Raise it whenever the same input may give different predictions.
    title : str
        The name as papers print it.
    target : str
        ``"package.module:ClassName"`` of a `Method`, of a `TorchMethod`, or of a network whose constructor takes the
        number of classes and, by name, the parameters; imported in the worker only.
    representation : Representation
        What the method takes.
    family : {"baseline", "handcrafted", "deep"}
        The group of rows in comparison tables to which the method belongs.
    parameters : tuple of Parameter
        Its settings.
    presets : mapping of str to mapping
        Named sets of parameter values.
    default_preset : str, optional
        The preset used when none is named; without it, the parameters' defaults are used.
    citation : str
        The paper, with its DOI or arXiv number.
    trains_by_epoch : bool
        True for a `TorchMethod` and for a network: an epoch has to be selected.
    features : Features, optional
        Required where the class defines `Method.extract`.
    validate : callable, optional
        Called with the value of each parameter before anything is computed. It raises `MerBenchError` where the values
        cannot be combined, such as a patch size that does not divide the map. It must be a module's function that
        imports nothing heavy.

    Raises
    ------
    MerBenchError
        A field has the wrong type, or two fields contradict each other.
    """

    name: str
    version: str
    title: str
    target: str
    representation: Representation
    family: str
    parameters: tuple[Parameter, ...] = ()
    presets: Mapping[str, Mapping[str, ParameterValue]] = field(default_factory=dict)
    default_preset: str | None = None
    citation: str = ""
    trains_by_epoch: bool = False
    features: Features | None = None
    validate: Callable[[Mapping[str, Any]], object] | None = None

    def __post_init__(self) -> None:
        owner = f"method {self.name}"
        _check_name("method", self.name)
        _check_types(owner, self, version=str, title=str, target=str, representation=Representation, family=str)
        _check_types(owner, self, parameters=tuple, presets=Mapping, citation=str, trains_by_epoch=bool)
        if self.default_preset is not None:
            _check_types(owner, self, default_preset=str)
        if self.features is not None:
            _check_types(owner, self, features=Features)
        _check_items(owner, "presets", self.presets, str)
        _check_items(owner, "presets", self.presets.values(), Mapping)
        for preset, values in self.presets.items():
            _check_items(owner, f"preset {preset!r}", values, str)
        _check_target(self.name, self.target)
        if self.family not in FAMILIES:
            raise MerBenchError(f"method {self.name}: family {self.family!r} is not one of: {', '.join(FAMILIES)}")
        if self.default_preset is not None and self.default_preset not in self.presets:
            raise MerBenchError(f"method {self.name}: default preset {self.default_preset!r} is not among its presets")
        _check_parameters(owner, self.parameters)
        known = {parameter.name for parameter in self.parameters}
        featured = self.features.parameters if self.features is not None else ()
        for field_name, names in (("representation", self.representation.parameters), ("features", featured)):
            for name in names:
                if name not in known:
                    raise MerBenchError(f"{owner}: {field_name} names {name!r}, which is not one of its parameters")
        if self.features is not None and self.trains_by_epoch:
            raise MerBenchError(f"method {self.name}: a network takes its representation as input; remove features")
        if self.validate is not None and "<" in getattr(self.validate, "__qualname__", "<"):
            raise MerBenchError(f"{owner}: validate must be a function of a module, or workers cannot import it")
        # Plain dicts can be pickled for worker processes; other mappings may not.
        object.__setattr__(self, "presets", {preset: dict(values) for preset, values in self.presets.items()})
        for preset in self.presets:
            self.resolve(preset, {})

    def resolve(self, preset: str | None, overrides: Mapping[str, object]) -> dict[str, ParameterValue]:
        """Return every parameter's value: defaults, then the preset's, then the overrides.

        Raises
        ------
        MerBenchError
            The preset or a parameter is unknown, a value is not allowed, or values cannot be combined.
        """
        chosen = preset if preset is not None else self.default_preset
        if chosen is not None and chosen not in self.presets:
            known = ", ".join(self.presets) or "none"
            raise MerBenchError(
                f"method {self.name} has no preset {chosen!r}{did_you_mean(chosen, self.presets)}; its presets: {known}"
            )
        values = dict(self.presets[chosen]) if chosen is not None else {}
        resolved = resolve_parameters(f"method {self.name}", self.parameters, {**values, **overrides})
        if self.validate is not None:
            with foreign_code(f"method {self.name}", "validate"):
                self.validate(dict(resolved))
        return resolved


@dataclass(frozen=True)
class DatabaseSpec:
    """A reader of one kind of data, described without importing it.

    Parameters
    ----------
    name : str
        The name on the command line: lower case words joined by hyphens.
    title : str
        The name as people read it.
    target : str
        ``"package.module:ClassName"`` of a `DataSource`.
    needs_path : bool
        False where the data is generated rather than read.
    parameters : tuple of Parameter
        Its options, for ``--data-option``.

    Raises
    ------
    MerBenchError
        A field has the wrong type or form.
    """

    name: str
    title: str
    target: str
    needs_path: bool = True
    parameters: tuple[Parameter, ...] = ()

    def __post_init__(self) -> None:
        owner = f"database {self.name}"
        _check_name("database", self.name)
        _check_types(owner, self, title=str, target=str, needs_path=bool, parameters=tuple)
        _check_target(self.name, self.target)
        _check_parameters(owner, self.parameters)


@dataclass(frozen=True)
class ProtocolSpec:
    """A protocol, described by a TOML file.

    Parameters
    ----------
    name : str
        The name on the command line: lower case words joined by hyphens.
    path : Path
        The TOML file.

    Raises
    ------
    MerBenchError
        A field has the wrong type or form.
    """

    name: str
    path: Path

    def __post_init__(self) -> None:
        _check_name("protocol", self.name)
        _check_types(f"protocol {self.name}", self, path=Path)


def resolve_parameters(
    owner: str, parameters: tuple[Parameter, ...], values: Mapping[str, object]
) -> dict[str, ParameterValue]:
    """Return every parameter's value: those in ``values``, as text or typed, and the defaults of all others.

    Raises
    ------
    MerBenchError
        A name is not a parameter, or a value is not allowed.
    """
    by_name = {parameter.name: parameter for parameter in parameters}
    resolved: dict[str, ParameterValue] = {parameter.name: parameter.default for parameter in parameters}
    for name, value in values.items():
        if name not in by_name:
            known = ", ".join(sorted(by_name)) or "none"
            raise MerBenchError(
                f"{owner} has no parameter {name!r}{parameter_hint(name, parameters)}; its parameters: {known}"
            )
        try:
            resolved[name] = by_name[name].parse(value) if isinstance(value, str) else by_name[name].check(value)
        except MerBenchError as error:
            raise MerBenchError(f"{owner}: {error}") from None
    return resolved


def parameter_hint(wrong: str, parameters: Iterable[Parameter]) -> str:
    """Return ``" (did you mean 'lr'?)"`` for the parameter that is probably meant, or an empty string."""
    parameters = list(parameters)
    meant = meant_parameter(wrong, parameters)
    return (
        did_you_mean(wrong, [own.name for own in parameters]) if meant is None else f" (did you mean {meant.name!r}?)"
    )


def meant_parameter(words: str, parameters: Iterable[Parameter]) -> Parameter | None:
    """Return the parameter that is probably meant.

    It has this name, or its name begins so (``batch``), or its description begins with these words (``learning_rate``
    for ``lr``), or its name is almost this (``epohcs``).
    """
    by_name = {own.name: own for own in parameters}
    begin = [name for name in by_name if len(words) >= _SHORTEST_PREFIX and name.startswith(words)]
    spaced = re.sub("[-_]", " ", words.lower())
    described = [name for name, own in by_name.items() if spaced == re.split("[,;:(]", own.doc.lower())[0].strip()]
    close = difflib.get_close_matches(words, by_name, n=1, cutoff=CLOSE)
    candidates = [*([words] if words in by_name else []), *begin, *described, *close]
    return by_name[candidates[0]] if words and candidates else None


def value_text(value: object) -> str:
    """Return a parameter's value as text that ``--set`` accepts: ``true``, ``1,2,8``, ``0.5``."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(value_text, value)) if isinstance(value, (list, tuple)) else str(value)


def _convert(text: str, like: ParameterValue) -> object:
    if isinstance(like, bool):
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    if isinstance(like, int):
        return int(text)
    if isinstance(like, float):
        return float(text)
    if isinstance(like, tuple):
        # An empty item is an error: "64,,64" is more likely a list with a number missing than a shorter list.
        inner = text.strip().removeprefix("(").removesuffix(")").strip().removesuffix(",")
        return tuple(int(part) for part in inner.split(",")) if inner else ()
    return text


def _as_type(value: object, like: ParameterValue) -> ParameterValue | None:
    if isinstance(like, bool) or isinstance(value, bool):
        return value if isinstance(value, bool) and isinstance(like, bool) else None
    if isinstance(like, tuple):
        if isinstance(value, (tuple, list)) and all(isinstance(v, int) and not isinstance(v, bool) for v in value):
            return tuple(value)
        return None
    if isinstance(like, float):
        try:
            return float(value) if isinstance(value, (int, float)) else None
        except OverflowError:  # a whole number beyond the largest float
            return None
    if isinstance(like, int):
        return value if isinstance(value, int) else None
    return value if isinstance(value, str) else None


def _plain(limit: float) -> str:
    return str(int(limit)) if float(limit).is_integer() else f"{limit:g}"


def _type_name(value: ParameterValue) -> str:
    if isinstance(value, tuple):
        return "a comma-separated list of whole numbers"
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[type(value)]


def _check_name(kind: str, name: str) -> None:
    if not is_name(name):
        raise MerBenchError(f"{kind} name {name!r} is not {NAME_RULE}")


def _check_types(owner: str, spec: object, **wanted: type) -> None:
    """Refuse fields of another type here: otherwise they fail late, where results are written or read."""
    for name, kind in wanted.items():
        value = getattr(spec, name)
        if not isinstance(value, kind):
            raise MerBenchError(f"{owner}: {name} {value!r} is not of type {kind.__name__}")


def _check_items(owner: str, what: str, items: Iterable[object], kind: type) -> None:
    for item in items:
        if not isinstance(item, kind):
            raise MerBenchError(f"{owner}: {what} has {item!r}, which is not of type {kind.__name__}")


def _check_target(name: str, target: str) -> None:
    module, colon, attribute = target.partition(":")
    if not (module and colon and attribute):
        raise MerBenchError(f"{name}: target {target!r} is not of the form 'package.module:ClassName'")


def _check_parameters(owner: str, parameters: tuple[Parameter, ...]) -> None:
    _check_items(owner, "parameters", parameters, Parameter)
    names = [parameter.name for parameter in parameters]
    for name in names:
        if names.count(name) > 1:
            raise MerBenchError(f"{owner} has two parameters named {name!r}; rename one of them")
