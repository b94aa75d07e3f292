"""The check that a method leaves results folders alone, where the labels of test samples are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from mer_bench.config import DEFAULT_RESULTS
from mer_bench.errors import MerBenchError, reason_of
from mer_bench.evaluation.watch import ResultsFolderError, watched_files
from mer_bench.foreign import foreign_code
from mer_bench.testing.check import Check
from mer_bench.testing.contract import ContractError
from mer_bench.testing.subject import Subject

_FILES = {
    "store.json": '{"schema": 1}',
    "cells/decoy@1/decoy/000000000000/row.json": '{"samples": ["smic/s1/s1_ne_01"], "y_true": [0]}',
    "cells/decoy@1/decoy/000000000000/seed-0/smic-s1.json": '{"y_pred": [0]}',
}
"""A results folder, as far as anyone may look into it."""


@Check
def results_unread(subject: Subject) -> None:
    """Reads nothing in a results folder, where the labels of the test samples are."""
    _ = subject.usable
    try:
        # Far from its own files, a method may fail for other reasons, which are no matter of this check.
        with (
            _decoy(),
            watched_files(),
            suppress(MerBenchError),
            foreign_code(subject.spec.name, "a fold of the kit", recorded=True),
        ):
            if subject.spec.features is not None:
                subject.extract(subject.sample(0))
            subject.scores(subject.folds.first)
    except ResultsFolderError as error:
        raise ContractError(reason_of(error)) from error


@contextmanager
def _decoy() -> Iterator[None]:
    """Work in a folder that holds a results folder of the default name."""
    before = Path.cwd()
    with TemporaryDirectory(prefix="mer-bench-check-") as folder:
        for name, content in _FILES.items():
            file = Path(folder, DEFAULT_RESULTS, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)
