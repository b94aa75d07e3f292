"""Small records beside a row's cells, on which no score depends: its network, near-duplicates, what was verified.

One that cannot be used is named, and counts as missing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from mer_bench.errors import MerBenchError
from mer_bench.store.files import read_record
from mer_bench.store.schema import SCHEMA, RowRecord
from mer_bench.store.store import Store
from mer_bench.store.validation import misfit

_FactsT = TypeVar("_FactsT")


def read_row_facts(store: Store, row: RowRecord, file: Path, kind: type[_FactsT], loss: str) -> _FactsT | None:
    """Return a record of a row; None if there is none, and also a notice if the file cannot be used.

    Parameters
    ----------
    store : Store
    row : RowRecord
    file : Path
    kind : type
        A typed dict with the fields ``schema`` and ``row_key``.
    loss : str
        What the notice says at its end: ``the size of its network is not known``.
    """
    if not file.exists():
        return None
    try:
        content: Any = read_record(file)
    except MerBenchError as error:
        store.notice(f"{error}; {loss}")
        return None
    place = misfit(content, kind)
    if place is None and (content["schema"], content["row_key"]) != (SCHEMA, row["row_key"]):
        place = "row_key"
    if place is not None:
        store.notice(f"{file}: {place!r} is missing or wrong; {loss}")
        return None
    facts: _FactsT = content
    return facts
