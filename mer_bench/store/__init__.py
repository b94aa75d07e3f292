"""The stored cells of a results folder: one JSON file each."""

from mer_bench.store.store import Store, cell_key

__all__ = ["Store", "cell_key"]
