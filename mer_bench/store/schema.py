"""The JSON files of a store, field by field: they outlive the version that wrote them.

Each file has one more field, ``sha256``, its last: the SHA-256 of all bytes before it (`mer_bench.store.files`).
"""

from __future__ import annotations

from typing import Literal, TypedDict

from mer_bench.errors import shortened

SCHEMA = 5
"""Incremented whenever stores of the previous version can no longer be read."""

Training = Literal["full", "inner"]
"""``full``: all training subjects are used for training. ``inner``: some are held out to choose the epoch."""


class MethodRecord(TypedDict):
    name: str
    version: str
    title: str
    family: str
    citation: str


class ProtocolWords(TypedDict, total=False):
    """Texts for the reader, which change no result; a stored row may lack them."""

    reference: str
    """The paper that defines the protocol."""
    note: str
    """A remark shown beside its results; may be empty."""


class ProtocolRecord(ProtocolWords):
    name: str
    version: int
    title: str
    hash: str
    classes: list[str]
    """In label order: label 0 is the first."""
    slices: dict[str, list[str]]
    """Slice name to the databases in it, in reporting order; ``full`` is the first."""
    absent_class: str


class RepresentationRecord(TypedDict):
    name: str
    params: dict[str, object]
    hash: str


class InputRecord(TypedDict):
    """What the method's input was made from; see `mer_bench.databases.base.InputFacts`."""

    name: str
    source: str
    citation: str
    licence: str
    flow: str
    channels: list[str]
    scale: str
    digest: str
    """Hash of the row's fingerprints: rows with the same digest used the same samples."""


class SettingsRecord(TypedDict):
    """The row's parameters in words; see `mer_bench.settings.NamedSettings`."""

    preset: str
    changed: dict[str, object]
    reference: str
    differs: dict[str, object]


class FoldRecord(TypedDict):
    subject: str
    """The held-out subject, ``smic/s1``."""
    samples: dict[str, int]
    """Sample id to true label, of the held-out subject's samples."""


class RowRecord(TypedDict):
    """``row.json``: what all cells of one row share (a row of a comparison table, over seeds and folds)."""

    schema: int
    row_key: str
    """SHA-256 over everything that can change a prediction, except seed and fold."""
    method: MethodRecord
    params: dict[str, object]
    settings: SettingsRecord
    protocol: ProtocolRecord
    training: Training
    trains_by_epoch: bool
    deterministic: bool
    """Whether the method draws no random number; then it has one seed."""
    arithmetic: str
    """The instructions that libraries were held to, of `mer_bench.arithmetic`."""
    input: InputRecord
    representation: RepresentationRecord
    fingerprints: dict[str, str]
    """Database to the hash of its samples: ids, labels and content."""
    caveats: list[str]
    """From `mer_bench.caveats`, or from a plugin's data; sorted; shown beside every score."""
    folds: dict[str, FoldRecord]
    """Fold name (``smic-s1``) to the fold."""


class Prediction(TypedDict):
    sample_id: str
    y_pred: int
    scores: list[float]


class CellError(TypedDict):
    type: str
    message: str
    traceback: str


def failure_text(error: CellError) -> str:
    """Return why a cell failed, in one line."""
    return shortened(f"{error['type']}: {error['message']}")


class CellRecord(TypedDict):
    """``seed-<s>/<fold>.json``: one finished cell."""

    schema: int
    key: str
    row_key: str
    seed: int
    fold: str
    status: Literal["ok", "failed"]
    predictions: list[Prediction]
    selected_epoch: int | None
    """Counted from 0; None for a method without epochs."""
    epoch_scores: str
    """SHA-256 of ``artifacts/<key>/epoch_scores.safetensors``, which holds the held-out subject's scores of every
    epoch; empty if there are none."""
    error: CellError | None
    run_id: str
    device: str
    processor: str
    """What `mer_bench.arithmetic.cell_processor` states."""
    stack: int
    """How many folds a network was trained with as one stack, itself included; 0 if it was in none."""
    seconds: float
