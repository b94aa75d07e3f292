"""What a plugin registers: frozen descriptions of methods, databases and protocols.

Nothing here imports numpy, pandas or torch: listing what is installed must cost nothing.
"""

from __future__ import annotations

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
"""The preset, of a method that has one, for trying it out: on synthetic data, and where a contract is checked."""
FAMILIES = (BASELINE_FAMILY, "handcrafted", "deep")


@dataclass(frozen=True)
class Parameter:
    """One named setting of a method or database.

    Parameters
    ----------
    name : str
        The name used with ``--set NAME=VALUE``.
    default : bool, int, float, str or tuple of int
        The default; its type is the parameter's type.
    doc : str
        What it does and, where a paper is silent, why this default.
    choices : tuple, optional
        The allowed values, when only some are.
    minimum : float, optional
        The smallest allowed value of a number.
    maximum : float, optional
        The largest allowed value of a number.
    length : int, optional
        How many numbers a tuple has to have.
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
        """Return ``value`` in the parameter's own type.

        Raises
        ------
        MerBenchError
            The value has the wrong type, is not one of the choices, is not finite, or is outside the limits.
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
    """What a method takes as input.

    Parameters
    ----------
    name : str
        One of `REPRESENTATIONS`.
    parameters : tuple of str
        The method's parameters that shape it (a region layout, say): they enter the representation's own hash.
    approximate : str, optional
        What the method takes where the data cannot give ``name``; its results are then marked ``approximation``.
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
    """Says that a method extracts features: `Method.extract` is called once a sample, and all folds share them.

    ``parameters`` names the method's parameters that shape the features, those of its representation aside:
    `Method.extract` sees these alone, and another value of any other parameter extracts nothing again.
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
        Lower case with hyphens.
    version : str
        Raise it whenever the same input may give other predictions: it is part of every result's key.
    title : str
        The name as the field prints it.
    target : str
        ``"package.module:ClassName"`` of a `Method`, of a `TorchMethod`, or of a network whose constructor takes the
        number of classes and, by name, the parameters; imported in the worker only.
    representation : Representation
        What the method takes.
    family : {"baseline", "handcrafted", "deep"}
        Where it stands in comparison tables.
    parameters : tuple of Parameter
    presets : mapping of str to mapping
        Named sets of parameter values.
    default_preset : str, optional
        The preset used when none is asked for; without it the parameters' defaults hold.
    citation : str
        The paper, with its DOI or arXiv number.
    trains_by_epoch : bool
        True for a `TorchMethod` and for a network: there is an epoch to select.
    features : Features, optional
        Given where the method has an `extract` of its own.
    validate : callable, optional
        A light function of a module, which is handed a value for each parameter before anything is computed, and
        raises `MerBenchError` where they do not fit each other: a patch that does not divide the map, say.
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
        for name in self.representation.parameters:
            if name not in known:
                raise MerBenchError(f"method {self.name}: its representation needs parameter {name!r}, which it lacks")
        if self.features is not None and self.trains_by_epoch:
            raise MerBenchError(f"method {self.name}: a network is handed its representation; it has no features")
        for name in self.features.parameters if self.features is not None else ():
            if name not in known:
                raise MerBenchError(f"method {self.name}: its features need parameter {name!r}, which it lacks")
        if self.validate is not None and "<" in getattr(self.validate, "__qualname__", "<"):
            raise MerBenchError(f"{owner}: validate is not a function of a module, and workers could not import it")
        # Plain dicts travel to the worker processes; other mappings need not.
        object.__setattr__(self, "presets", {preset: dict(values) for preset, values in self.presets.items()})
        for preset in self.presets:
            self.resolve(preset, {})

    def resolve(self, preset: str | None, overrides: Mapping[str, object]) -> dict[str, ParameterValue]:
        """Return every parameter's value: defaults, then the preset's, then the overrides.

        Raises
        ------
        MerBenchError
            An unknown preset, an unknown parameter name, a value that is not allowed, or values that do not fit each
            other.
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

    ``target`` is ``"package.module:ClassName"`` of a `DataSource`. ``needs_path`` is False for data that is
    made rather than read.
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
    """A protocol file: a name and the TOML file that states it."""

    name: str
    path: Path

    def __post_init__(self) -> None:
        _check_name("protocol", self.name)
        _check_types(f"protocol {self.name}", self, path=Path)


def resolve_parameters(
    owner: str, parameters: tuple[Parameter, ...], values: Mapping[str, object]
) -> dict[str, ParameterValue]:
    """Return every parameter's value, with ``values`` (text or typed) over the defaults.

    Raises
    ------
    MerBenchError
        A name that is not a parameter, or a value that is not allowed.
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
    meant = described_parameter(wrong, parameters)
    return did_you_mean(wrong, [own.name for own in parameters]) if meant is None else did_you_mean(meant, [meant])


def described_parameter(words: str, parameters: Iterable[Parameter]) -> str | None:
    """Return the parameter of this name, else one whose description begins so: ``learning_rate`` gives ``lr``."""
    parameters = list(parameters)
    if words in {own.name for own in parameters}:
        return words
    spaced = re.compile(re.escape(re.sub("[-_]", " ", words.lower())) + r"\b")
    return next((own.name for own in parameters if words and spaced.match(own.doc.lower())), None)


def value_text(value: object) -> str:
    """Return a value as ``--set`` takes it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


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
        # An empty item inside the list is an error: "64,,64" is a lost number more often than a short list.
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
    """Refuse fields of another type now: they would be noticed late, where results are written or read."""
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
