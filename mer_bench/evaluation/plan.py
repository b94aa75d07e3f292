"""The plan of a run: rows, folds and cells, worked out before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mer_bench.databases.base import DataSource
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.evaluation.folds import (
    Fold,
    LabelledTable,
    check_fold,
    count_mismatch,
    leave_one_subject_out,
    select_samples,
)
from mer_bench.marks import Mark, is_synthetic, sorted_marks
from mer_bench.methods.setting import MethodSetting
from mer_bench.names import normalise_name
from mer_bench.plugin_manager import Catalogue
from mer_bench.protocol import Protocol, load_protocol
from mer_bench.representations.describe import describe_representation, given_representation, representation_marks
from mer_bench.representations.preparation import resolve_preparation
from mer_bench.rules import SELECTIONS
from mer_bench.settings import resolve_settings
from mer_bench.specs import MethodSpec, ParameterValue
from mer_bench.store.files import digest
from mer_bench.store.schema import SCHEMA, FoldRecord, ProtocolRecord, RepresentationRecord, RowRecord, Training

MOST_SEEDS = 1000
SANITY_METHODS = ("majority", "random", "svm-flow")
"""What any method must beat."""
EVALUATION_VERSION = 3
"""Raised whenever mer-bench itself may give another prediction for the same method and samples: the trainer, the
inner rule, the seeding of folds, or the base classes of methods. It is part of every key."""


@dataclass(frozen=True)
class Request:
    """What is to be measured.

    Parameters
    ----------
    methods : tuple of str
    protocol : str
    seeds : int
        How many; seed indices count from 0.
    preset : str or None
        Used by the methods that have it.
    overrides : mapping of str to str
        ``name=value`` or ``method.name=value``.
    selection : str or None
        One of `SELECTIONS`; None takes the protocol's.
    allow_partial : bool
        Go on when the data's counts are not the protocol's.
    preparation : mapping of str to object
        Settings by which frames become representations, over their defaults.
    sanity : bool
        Add those of `SANITY_METHODS` that are not named, with their own defaults.
    """

    methods: tuple[str, ...]
    protocol: str
    seeds: int = 1
    preset: str | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    selection: str | None = None
    allow_partial: bool = False
    preparation: Mapping[str, object] = field(default_factory=dict)
    sanity: bool = False


@dataclass(frozen=True)
class Row:
    """What all cells of one row need; sent to the workers as it is.

    Parameters
    ----------
    record : RowRecord
    setting : MethodSetting
    table : LabelledTable
    folds : mapping of str to Fold
    """

    record: RowRecord
    setting: MethodSetting
    table: LabelledTable
    folds: Mapping[str, Fold]

    @property
    def stack_key(self) -> str:
        """The key of the row's stacked representation."""
        record = self.record
        return digest([record["fingerprints"], record["representation"]["hash"], self.table.sample_ids])

    @property
    def features_key(self) -> str | None:
        """The key of the row's stacked features; None for a method that extracts none."""
        spec = self.setting.spec
        if spec.features is None:
            return None
        setting = [self.setting.n_classes, self.setting.feature_params()]
        return digest([self.stack_key, spec.name, spec.version, spec.target, EVALUATION_VERSION, *setting])


@dataclass(frozen=True)
class Cell:
    """The unit of work: one row at one seed with one subject held out."""

    row: int
    """Index into `Plan.rows`."""
    seed: int
    fold: str


@dataclass(frozen=True)
class Plan:
    """Everything a run will do."""

    protocol: Protocol
    source: DataSource
    selection: str
    rows: tuple[Row, ...]
    cells: tuple[Cell, ...]
    problems: tuple[str, ...]
    """How the data's counts differ from the protocol's, a line each; tolerated when the plan exists."""
    unusable: tuple[str, ...] = ()
    """Why annotated samples are missing from the data, a sentence each."""


def make_plan(request: Request, source: DataSource, catalogue: Catalogue) -> Plan:
    """Check a request against what is installed and against the data, and list its cells.

    Raises
    ------
    MerBenchError
        Anything in the request or the data that cannot be used.
    """
    if not 1 <= request.seeds <= MOST_SEEDS:
        raise MerBenchError(f"--seeds {request.seeds} is not a number from 1 to {MOST_SEEDS}")
    chosen = catalogue.protocol(request.protocol)
    protocol = load_protocol(chosen.path, chosen.name)
    selection = _selection(request, protocol)
    methods = _resolve_methods(request, catalogue)
    if request.sanity:
        methods += _sanity_methods(methods, source, catalogue)
    preparation = resolve_preparation(request.preparation, source)
    table = _table(source, protocol)
    problems = _check_counts(table, protocol, source, request.allow_partial)
    folds = leave_one_subject_out(table)
    for fold in folds:
        check_fold(fold, table)
    training: Training = "inner" if selection == "inner" else "full"
    marks = {*source.marks, *([Mark.PARTIAL] if problems else [])}
    fingerprints = fingerprint(table, source)
    rows = tuple(
        _row(
            spec,
            params,
            describe_representation(spec, params, source, preparation),
            protocol,
            training,
            table,
            folds,
            fingerprints,
            marks,
        )
        for spec, params in methods
    )
    cells = tuple(Cell(i, seed, fold.name) for i in range(len(rows)) for seed in range(request.seeds) for fold in folds)
    return Plan(protocol, source, selection, rows, cells, tuple(problems), source.problems())


def _selection(request: Request, protocol: Protocol) -> str:
    selection = request.selection or protocol.selection
    if selection not in SELECTIONS:
        raise MerBenchError(
            f"unknown selection rule {selection!r}{did_you_mean(selection, SELECTIONS)}; known: {', '.join(SELECTIONS)}"
        )
    return selection


def _resolve_methods(request: Request, catalogue: Catalogue) -> list[tuple[MethodSpec, dict[str, ParameterValue]]]:
    if not request.methods:
        raise MerBenchError("no method named; `mer-bench list methods` shows what is installed")
    specs = [catalogue.method(name) for name in dict.fromkeys(map(normalise_name, request.methods))]
    return list(zip(specs, resolve_settings(specs, preset=request.preset, overrides=request.overrides), strict=True))


def _sanity_methods(
    named: list[tuple[MethodSpec, dict[str, ParameterValue]]], source: DataSource, catalogue: Catalogue
) -> list[tuple[MethodSpec, dict[str, ParameterValue]]]:
    """Return the sanity methods that are not named: neither a preset nor an override is meant for them.

    One that is blocked is left out. A plugin cannot add one: it would stand, and fail, in everybody's runs.
    """
    names = {spec.name for spec, _ in named}
    return [
        (spec, spec.resolve(None, {}))
        for spec in (catalogue.methods[name] for name in SANITY_METHODS if name in catalogue.methods)
        if spec.name not in names and given_representation(spec, source) is not None
    ]


def _table(source: DataSource, protocol: Protocol) -> LabelledTable:
    samples = source.read_samples()
    if not len(samples) and source.problems():
        raise MerBenchError(f"no sample of the data can be used: {source.problems()[0]}")
    return select_samples(samples, protocol)


def _check_counts(table: LabelledTable, protocol: Protocol, source: DataSource, allow_partial: bool) -> list[str]:
    """Return the tolerated differences; synthetic data need not hold an official release's counts."""
    problems = count_mismatch(table, protocol)
    if problems and not allow_partial and not is_synthetic(source.marks):
        unusable = source.problems()
        why = f" The data has {len(unusable)} problems, the first: {unusable[0]}." if unusable else ""
        raise MerBenchError(
            f"the data does not hold the samples that protocol {protocol.name} declares: {'; '.join(problems)}.{why} "
            "Complete the data (`mer-bench data check` lists what is wrong), or add --allow-partial to go on with "
            "every output marked 'partial'"
        )
    return problems


def fingerprint(table: LabelledTable, source: DataSource) -> dict[str, str]:
    """Return the hash of each database's samples as they are now: ids, labels and content."""
    contents: dict[str, list[list[object]]] = {}
    for sample_id, label, database in zip(table.sample_ids, table.labels, table.databases, strict=True):
        contents.setdefault(database, []).append([sample_id, label, source.digest(sample_id)])
    return {database: digest(content) for database, content in contents.items()}


def _row(
    spec: MethodSpec,
    params: dict[str, ParameterValue],
    representation: RepresentationRecord,
    protocol: Protocol,
    training: Training,
    table: LabelledTable,
    folds: tuple[Fold, ...],
    fingerprints: dict[str, str],
    marks: set[str],
) -> Row:
    training = training if spec.trains_by_epoch else "full"
    approximated = () if representation["name"] == spec.representation.name else (Mark.APPROXIMATION,)
    identity = {
        "method": spec.name,
        "version": spec.version,
        "target": spec.target,
        "evaluation": EVALUATION_VERSION,
        "params": params,
        "protocol": protocol.hash,
        "fingerprints": fingerprints,
        "representation": representation["hash"],
        "training": training,
    }
    record: RowRecord = {
        "schema": SCHEMA,
        "row_key": digest(identity),
        "method": {
            "name": spec.name,
            "version": spec.version,
            "title": spec.title,
            "family": spec.family,
            "citation": spec.citation,
        },
        "params": {name: list(value) if isinstance(value, tuple) else value for name, value in params.items()},
        "protocol": _protocol_record(protocol),
        "training": training,
        "trains_by_epoch": spec.trains_by_epoch,
        "representation": representation,
        "fingerprints": fingerprints,
        "marks": sorted_marks([*marks, *representation_marks(representation), *approximated]),
        "folds": {fold.name: _fold_record(fold, table) for fold in folds},
    }
    setting = MethodSetting(spec, params, len(protocol.classes), representation["name"])
    return Row(record, setting, table, {fold.name: fold for fold in folds})


def _protocol_record(protocol: Protocol) -> ProtocolRecord:
    return {
        "name": protocol.name,
        "version": protocol.version,
        "title": protocol.title,
        "hash": protocol.hash,
        "classes": list(protocol.classes),
        "slices": {name: list(databases) for name, databases in protocol.slices.items()},
        "absent_class": protocol.absent_class,
        "reference": protocol.reference,
        "note": protocol.note,
    }


def _fold_record(fold: Fold, table: LabelledTable) -> FoldRecord:
    return {"subject": fold.subject, "samples": {table.sample_ids[i]: table.labels[i] for i in fold.test}}
