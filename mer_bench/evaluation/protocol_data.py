"""A protocol's samples in a source: labels, folds and fingerprints, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mer_bench.caveats import Caveat, is_synthetic, sorted_caveats
from mer_bench.databases.base import CLIP, DataSource
from mer_bench.errors import MerBenchError
from mer_bench.evaluation.folds import (
    Fold,
    LabelledTable,
    check_fold,
    count_mismatch,
    leave_one_subject_out,
    select_samples,
)
from mer_bench.protocol import Protocol
from mer_bench.store.files import digest


@dataclass(frozen=True)
class ProtocolData:
    """What all rows of a run share: the protocol, and its samples and folds in the data.

    Parameters
    ----------
    protocol : Protocol
    source : DataSource
    table : LabelledTable
    folds : mapping of str to Fold
    fingerprints : mapping of str to str
        Database to the hash of its samples.
    caveats : tuple of str
        The caveats of the data.
    problems : tuple of str
        One line for each count that differs from the protocol's; not empty only where a partial data set is allowed.
    unusable : tuple of str
        One sentence for each annotated sample that cannot be used.
    """

    protocol: Protocol
    source: DataSource
    table: LabelledTable
    folds: Mapping[str, Fold]
    fingerprints: Mapping[str, str]
    caveats: tuple[str, ...]
    problems: tuple[str, ...]
    unusable: tuple[str, ...]


def read_protocol_data(protocol: Protocol, source: DataSource, *, allow_partial: bool) -> ProtocolData:
    """Select a protocol's samples, and check labels, counts and folds.

    Raises
    ------
    MerBenchError
        The data cannot be read, does not hold what the protocol declares, or leads to a fold that could leak.
    """
    samples, unusable = source.read_samples(), source.problems()
    if not len(samples) and unusable:
        raise MerBenchError(f"no sample of the data can be used: {unusable[0]}")
    table = select_samples(samples, protocol)
    problems = count_mismatch(table, protocol)
    # Synthetic data need not hold an official release's counts.
    if problems and not allow_partial and not is_synthetic(source.caveats):
        raise _refusal(protocol, problems, unusable)
    fingerprints = fingerprint(table, source)
    folds = leave_one_subject_out(table, fingerprints)
    for fold in folds:
        check_fold(fold, table)
    return ProtocolData(
        protocol=protocol,
        source=source,
        table=table,
        folds={fold.name: fold for fold in folds},
        fingerprints=fingerprints,
        caveats=tuple(sorted_caveats([*source.caveats, *([Caveat.PARTIAL] if problems else [])])),
        problems=tuple(problems),
        unusable=unusable,
    )


def fingerprint(table: LabelledTable, source: DataSource) -> dict[str, str]:
    """Return the hash of each database's samples as they are now: ids, labels and content."""
    contents: dict[str, list[object]] = {}
    for sample_id, label, database in zip(table.sample_ids, table.labels, table.databases, strict=True):
        contents.setdefault(database, []).append([sample_id, label, source.digest(sample_id)])
    # Frames speak for themselves; what a ready-made map means is in its facts. The others are words for the reader.
    stated = None if source.native == CLIP else source.input_facts()
    facts = stated and {"name": stated.name, "flow": stated.flow, "channels": stated.channels, "scale": stated.scale}
    return {database: digest([facts, content]) for database, content in contents.items()}


def _refusal(protocol: Protocol, problems: list[str], unusable: tuple[str, ...]) -> MerBenchError:
    why = f" Problems of the data: {len(unusable)}, the first: {unusable[0]}." if unusable else ""
    return MerBenchError(
        f"the data does not hold the samples that protocol {protocol.name} declares: {'; '.join(problems)}.{why} "
        "Complete the data (`mer-bench data check` lists what is wrong), or add --allow-partial to run "
        "anyway; all output then has the caveat 'partial'"
    )
