"""One cell: its key and its file."""

from __future__ import annotations

import hashlib
from json.encoder import encode_basestring_ascii

import msgspec

from mer_bench.store.files import read_sealed
from mer_bench.store.schema import SCHEMA, CellRecord

_CELLS = msgspec.json.Decoder(CellRecord)


def cell_key(row_key: str, seed: int, fold: str) -> str:
    """Return a cell's key: SHA-256 over its row, seed and fold."""
    # `digest({"row": row_key, "seed": seed, "fold": fold})`, which takes three times as long; each cell read needs it.
    place = f'{{"fold":{encode_basestring_ascii(fold)},"row":"{row_key}","seed":{seed}}}'
    return hashlib.sha256(place.encode()).hexdigest()


def read_cell_file(file: str) -> CellRecord | None:
    """Return a cell, parsed and checked in one pass, because stores have tens of thousands; None if it is damaged."""
    try:
        cell = _CELLS.decode(read_sealed(file))
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, ValueError, RecursionError):
        return None
    return cell if cell["schema"] == SCHEMA else None
