"""Where finished cells live: one JSON file each."""

from mer_bench.store.store import Store, cell_key

__all__ = ["Store", "cell_key"]
