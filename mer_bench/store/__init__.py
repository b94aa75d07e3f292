"""The stored cells of a results folder: one JSON file each."""

from mer_bench.store.cell import cell_key
from mer_bench.store.store import Store

__all__ = ["Store", "cell_key"]
