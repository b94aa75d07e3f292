"""The specs that plugins register: frozen descriptions of methods, databases, protocols and ablations.

This module imports neither numpy nor pandas nor torch, so that listing the installed plugins is quick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from mer_bench.errors import MerBenchError, Notice, did_you_mean, unknown
from mer_bench.foreign import foreign_code
from mer_bench.names import NAME_RULE, is_name
from mer_bench.parameters import Parameter, ParameterValue, check_types, resolve_parameters

REPRESENTATIONS = ("frames", "flow", "face-flow", "region-flow")
BASELINE_FAMILY = "baseline"
PAPER_PRESET = "paper"
"""The name of the preset with the training of the method's paper."""
QUICK_PRESET = "quick"
"""The name of the preset for quick trials: the default on synthetic data and in ``mer-bench check``."""
FAMILIES = (BASELINE_FAMILY, "handcrafted", "deep")

_Loaded = TypeVar("_Loaded")


@dataclass(frozen=True)
class Representation:
    """The input of a method.

    Parameters
    ----------
    name : {"frames", "flow", "face-flow", "region-flow"}
        ``frames``: the grey frames of a clip; ``flow``: the optical flow of a whole face; ``face-flow``: the flow on
        28×28 pixels; ``region-flow``: the flow of key regions on 28×28 pixels. Both may have another side, from frames.
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
        check_types(f"representation {self.name}", self, name=str, parameters=tuple)
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
        check_types("features", self, parameters=tuple)
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
    deterministic : bool
        True for a method that draws no random number: it runs with seed 0 only, whatever number of seeds is asked for.
    features : Features, optional
        Required where the class defines `Method.extract`.
    validate : callable, optional
        Called with the value of each parameter before anything is computed. It raises `MerBenchError` where the values
        cannot be combined, such as a patch size that does not divide the map. It must be a module's function that
        imports nothing heavy.
    uses_gpu : bool
        True for a `Method` that can compute on a GPU by itself: ``self.device`` then names the run's device, in `fit`
        and `predict`. Without it, a `Method` runs on the CPU. Networks are trained on the run's device in any case.
    training_seconds : mapping of str to float
        For presets of a network, where measured: the seconds that an epoch of 1000 samples takes on one CPU thread. A
        run estimates from it how long it will take. It is not part of any key.

    Raises
    ------
    MerBenchError
        A field has the wrong type, or two fields contradict each other.
    """

    kind: ClassVar[str] = "method"
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
    deterministic: bool = False
    features: Features | None = None
    uses_gpu: bool = False
    validate: Callable[[Mapping[str, Any]], object] | None = None
    training_seconds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        owner = f"{self.kind} {self.name}"
        _check_name(self.kind, self.name)
        check_types(owner, self, version=str, title=str, target=str, representation=Representation, family=str)
        check_types(owner, self, parameters=tuple, presets=Mapping, citation=str)
        check_types(owner, self, trains_by_epoch=bool, deterministic=bool, uses_gpu=bool)
        if self.default_preset is not None:
            check_types(owner, self, default_preset=str)
        if self.features is not None:
            check_types(owner, self, features=Features)
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
        if self.deterministic and self.trains_by_epoch:
            raise MerBenchError(f"{owner}: a network draws its initial weights; remove deterministic")
        if self.uses_gpu and self.trains_by_epoch:
            raise MerBenchError(f"{owner}: a network is trained on the run's device in any case; remove uses_gpu")
        if self.validate is not None and "<" in getattr(self.validate, "__qualname__", "<"):
            raise MerBenchError(f"{owner}: validate must be a function of a module, or workers cannot import it")
        check_types(owner, self, training_seconds=Mapping)
        _check_items(owner, "training_seconds", self.training_seconds.values(), float)
        for preset, seconds in self.training_seconds.items():
            if preset not in self.presets:
                raise MerBenchError(f"{owner}: training_seconds names {preset!r}, which is not one of its presets")
            if not 0 < seconds < float("inf"):
                raise MerBenchError(f"{owner}: training_seconds has {seconds} for {preset}, not a number above 0")
        # Plain dicts can be pickled for worker processes; other mappings may not.
        object.__setattr__(self, "presets", {preset: dict(values) for preset, values in self.presets.items()})
        object.__setattr__(self, "training_seconds", dict(self.training_seconds))
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

    kind: ClassVar[str] = "database"
    name: str
    title: str
    target: str
    needs_path: bool = True
    parameters: tuple[Parameter, ...] = ()

    def __post_init__(self) -> None:
        owner = f"{self.kind} {self.name}"
        _check_name(self.kind, self.name)
        check_types(owner, self, title=str, target=str, needs_path=bool, parameters=tuple)
        _check_target(self.name, self.target)
        _check_parameters(owner, self.parameters)


@dataclass(frozen=True)
class ExecutorSpec:
    """What starts the tasks of runs on other machines, described without importing it.

    Parameters
    ----------
    name : str
        One lower case word. The keys of its cluster file begin with it: ``slurm_time``.
    title : str
        The name as people read it.
    target : str
        ``"package.module:ClassName"`` of an `Executor`.
    parameters : tuple of Parameter
        Its options. A text may be written as a list of lines in the file.

    Raises
    ------
    MerBenchError
        A field has the wrong type or form.
    """

    kind: ClassVar[str] = "executor"
    name: str
    title: str
    target: str
    parameters: tuple[Parameter, ...] = ()

    def __post_init__(self) -> None:
        owner = f"{self.kind} {self.name}"
        _check_name(self.kind, self.name)
        if "-" in self.name:
            raise MerBenchError(f"{owner}: its name has a hyphen, and begins the keys of its file; use one word")
        check_types(owner, self, title=str, target=str, parameters=tuple)
        _check_target(self.name, self.target)
        _check_parameters(owner, self.parameters)


@dataclass(frozen=True)
class TrackerSpec:
    """What logs the values of trainings while they run, described without importing it.

    Parameters
    ----------
    name : str
        The name on the command line: lower case words joined by hyphens.
    title : str
        The name as people read it.
    target : str
        ``"package.module:ClassName"`` of a `Tracker`; imported in the command's process, when it is asked for.
    packages : tuple of str
        Modules that it needs and that mer-bench may lack.
    install : str
        The command that installs them: ``pip install mer-bench[mlflow]``.

    Raises
    ------
    MerBenchError
        A field has the wrong type or form.
    """

    kind: ClassVar[str] = "tracker"
    name: str
    title: str
    target: str
    packages: tuple[str, ...] = ()
    install: str = ""

    def __post_init__(self) -> None:
        owner = f"{self.kind} {self.name}"
        _check_name(self.kind, self.name)
        check_types(owner, self, title=str, target=str, packages=tuple, install=str)
        _check_target(self.name, self.target)
        _check_items(owner, "packages", self.packages, str)


@dataclass(frozen=True)
class TomlSpec:
    """Something that a TOML file describes; ``kind`` is what it is, for messages."""

    kind: ClassVar[str]
    name: str
    path: Path

    def __post_init__(self) -> None:
        _check_name(self.kind, self.name)
        check_types(f"{self.kind} {self.name}", self, path=Path)


@dataclass(frozen=True)
class ProtocolSpec(TomlSpec):
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

    kind = "protocol"


@dataclass(frozen=True)
class AblationSpec(TomlSpec):
    """An ablation, described by a TOML file: a named sweep of one method.

    Parameters
    ----------
    name : str
        Lower case words joined by hyphens.
    path : Path
        The TOML file.

    Raises
    ------
    MerBenchError
        A field has the wrong type or form.
    """

    kind = "ablation"


def load_each(specs: Iterable[TomlSpec], load: Callable[[Path, str], _Loaded], notice: Notice) -> Iterator[_Loaded]:
    """Read the files of several specs; a broken one gives a notice and does not affect the others."""
    read = (_load_or_notify(spec, load, notice) for spec in specs)
    return (loaded for loaded in read if loaded is not None)


def _load_or_notify(spec: TomlSpec, load: Callable[[Path, str], _Loaded], notice: Notice) -> _Loaded | None:
    try:
        return load(spec.path, spec.name)
    except MerBenchError as error:
        notice(f"{spec.kind} {spec.name} cannot be used: {error}")
        return None


def _check_name(kind: str, name: str) -> None:
    if not is_name(name):
        raise MerBenchError(f"{kind} name {name!r} is not {NAME_RULE}")


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
