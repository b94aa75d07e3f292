"""Where finished cells live: one JSON file each."""

from mer_bench.store.store import Notice, Store, cell_key

__all__ = ["Notice", "Store", "cell_key"]
