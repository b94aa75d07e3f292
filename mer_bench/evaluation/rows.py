"""A row: a method with its parameters on a protocol and data, and everything that its cells need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from mer_bench.arithmetic import arithmetic
from mer_bench.caveats import Caveat, sorted_caveats
from mer_bench.errors import MerBenchError
from mer_bench.evaluation.folds import Fold, LabelledTable, id_hash
from mer_bench.evaluation.protocol_data import ProtocolData
from mer_bench.methods.initial_weights import InitialWeights
from mer_bench.methods.input_kind import InputKind
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.training_checks import check_training
from mer_bench.methods.training_config import TrainingConfig
from mer_bench.parameters import ParameterValue
from mer_bench.plugin_manager import code_digest
from mer_bench.protocol import Protocol
from mer_bench.representations.resolve import given_scale, representation_caveats, resolve_representation
from mer_bench.settings import name_settings
from mer_bench.specs import MethodSpec
from mer_bench.store.files import digest
from mer_bench.store.schema import (
    SCHEMA,
    FoldRecord,
    InputRecord,
    ProtocolRecord,
    RepresentationRecord,
    RowRecord,
    SettingsRecord,
    Training,
)
from mer_bench.vision.choices import WHOLE_FACE

EVALUATION_VERSION = 5
"""Increased whenever mer-bench itself may give another prediction for the same method and samples: the trainer, the
inner rule, the seeding of folds, or the base classes of methods. It is part of every key."""


@dataclass(frozen=True)
class Row:
    """Everything that the cells of one row need, with every label: no worker receives it.

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
    def name(self) -> str:
        """The method's name."""
        return self.setting.spec.name

    @property
    def trains_by_epoch(self) -> bool:
        """Whether the harness trains a network: then an epoch is selected."""
        return self.setting.spec.trains_by_epoch

    @property
    def uses_device(self) -> bool:
        """Whether its folds are computed on the run's device: those of networks, and of methods that ask for it."""
        return self.trains_by_epoch or self.setting.spec.uses_gpu

    @cached_property
    def stacked(self) -> tuple[str, ...]:
        """The sample ids in the order of the row's stack.

        It is that of `id_hash`, so that a position tells nothing about its sample.
        """
        return tuple(sorted(self.table.sample_ids, key=lambda each: id_hash(each, self.record["fingerprints"])))

    @cached_property
    def places(self) -> tuple[int, ...]:
        """The position in the stack of each sample of the table."""
        place = {sample_id: i for i, sample_id in enumerate(self.stacked)}
        return tuple(place[sample_id] for sample_id in self.table.sample_ids)

    @cached_property
    def code(self) -> str:
        """The digest of the plugin's code, which takes a while: all its files are read."""
        return code_digest(self.setting.spec.target)

    @cached_property
    def stack_key(self) -> str:
        """The key of the row's stacked representation."""
        record = self.record
        return digest([record["fingerprints"], record["representation"]["hash"], record["arithmetic"], self.stacked])

    @property
    def features_key(self) -> str | None:
        """The key of the row's stacked features; None for a method that extracts none.

        The plugin's code is part of it: the cache outlives the results folder of an author who changes `extract`. The
        arithmetic is, too, as part of the stack's key.
        """
        spec = self.setting.spec
        if spec.features is None:
            return None
        setting = [self.setting.n_classes, self.setting.feature_params()]
        return digest([self.stack_key, spec.name, spec.version, spec.target, self.code, EVALUATION_VERSION, *setting])


def make_row(
    data: ProtocolData,
    spec: MethodSpec,
    params: Mapping[str, ParameterValue],
    *,
    preprocessing: Mapping[str, ParameterValue],
    selection: str,
    tests: bool = True,
) -> Row:
    """Return a method's row, with the key that identifies it.

    Parameters
    ----------
    data : ProtocolData
    spec : MethodSpec
    params : mapping of str to value
    preprocessing : mapping of str to value
    selection : str
    tests : bool
        As of `mer_bench.evaluation.plan.make_plan`.

    Raises
    ------
    MerBenchError
        The data cannot provide the representation that the method needs, or augmentation would make wrong inputs of it.
    """
    protocol = data.protocol
    representation = resolve_representation(spec, params, data.source, preprocessing)
    kind = _input_kind(representation)
    training: Training = "inner" if selection == "inner" and spec.trains_by_epoch else "full"
    evaluated = data.table.subjects if tests else ()
    weights = None
    if spec.trains_by_epoch:
        weights = check_training(spec.name, params, kind, evaluated)
        _check_patience(spec.name, params, training)
    caveats = [*data.caveats, *representation_caveats(representation)]
    if weights is not None:
        caveats.append(Caveat.UNKNOWN_PRETRAINING if weights.subjects is None else Caveat.PRETRAINED)
    if representation["name"] != spec.representation.name:
        caveats.append(Caveat.APPROXIMATION)
    record: RowRecord = {
        "schema": SCHEMA,
        "row_key": _row_key(spec, _identifying(params, weights), data, representation, training),
        "method": {
            "name": spec.name,
            "version": spec.version,
            "title": spec.title,
            "family": spec.family,
            "citation": spec.citation,
        },
        "params": _plain(params),
        "settings": _settings_record(spec, params),
        "protocol": _protocol_record(protocol),
        "training": training,
        "trains_by_epoch": spec.trains_by_epoch,
        "deterministic": spec.deterministic,
        "arithmetic": arithmetic(),
        "input": _input_record(data),
        "representation": representation,
        "fingerprints": dict(data.fingerprints),
        "caveats": sorted_caveats(caveats),
        "folds": {name: _fold_record(fold, data.table) for name, fold in data.folds.items()},
    }
    setting = MethodSetting(spec, params, len(protocol.classes), representation["name"], kind)
    return Row(record, setting, data.table, data.folds)


def _check_patience(name: str, params: Mapping[str, ParameterValue], training: Training) -> None:
    patience = TrainingConfig.from_params(params).patience
    if patience and training != "inner":
        raise MerBenchError(
            f"{name}: patience={patience} needs validation subjects, which only --selection inner holds "
            "out of the training set; the test subject must not decide when a training stops"
        )


def _row_key(
    spec: MethodSpec,
    params: Mapping[str, ParameterValue],
    data: ProtocolData,
    representation: RepresentationRecord,
    training: Training,
) -> str:
    """Return the digest of what identifies a row."""
    return digest(
        {
            "method": spec.name,
            "version": spec.version,
            "target": spec.target,
            "evaluation": EVALUATION_VERSION,
            "params": params,
            "protocol": data.protocol.hash,
            "fingerprints": dict(data.fingerprints),
            "representation": representation["hash"],
            "training": training,
            "arithmetic": arithmetic(),
        }
    )


def _identifying(params: Mapping[str, ParameterValue], weights: InitialWeights | None) -> dict[str, ParameterValue]:
    """Return the parameters that identify a row: of weights, the whole digest however it was given, not the place."""
    named = {name: value for name, value in params.items() if name != "init_from"}
    return named if weights is None else {**named, "init_sha256": weights.sha256}


def _input_kind(representation: RepresentationRecord) -> InputKind:
    layout = str(representation["params"].get("layout", WHOLE_FACE))
    return InputKind(representation["name"], given_scale(representation), layout)


def _plain(params: Mapping[str, ParameterValue]) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in params.items()}


def _settings_record(spec: MethodSpec, params: Mapping[str, ParameterValue]) -> SettingsRecord:
    named = name_settings(spec, params)
    return {
        "preset": named.preset,
        "changed": _plain(named.changed),
        "reference": named.reference,
        "differs": _plain(named.differs),
    }


def _input_record(data: ProtocolData) -> InputRecord:
    facts = data.source.input_facts()
    return {
        "name": facts.name,
        "source": facts.source,
        "citation": facts.citation,
        "licence": facts.licence,
        "flow": facts.flow,
        "channels": list(facts.channels),
        "scale": facts.scale,
        "digest": digest(dict(data.fingerprints)),
    }


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
