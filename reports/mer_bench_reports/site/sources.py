"""The results folders of a site, as one store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mer_bench.errors import MerBenchError, Notice
from mer_bench.store import Store
from mer_bench.store.merge import Merged, merge


@dataclass(frozen=True)
class Source:
    """A results folder, and who measured what is in it.

    Parameters
    ----------
    name : str
        As the pages show it; not empty.
    folder : Path
    """

    name: str
    folder: Path


@contextmanager
def joined_store(sources: Sequence[Source], notice: Notice) -> Iterator[Store]:
    """Yield a store with the results of all sources; of several, it is a temporary copy. No source is written to.

    Parameters
    ----------
    sources : sequence of Source
        At least one.
    notice : callable
        Called with a sentence for every file that cannot be used.

    Raises
    ------
    MerBenchError
        A folder holds no store of this schema, or two sources hold other predictions of the same cell.
    """
    stores = [Store.open(source.folder, notice) for source in sources]
    if len(stores) == 1:
        yield stores[0]
        return
    with TemporaryDirectory(prefix="mer-bench-publish-") as folder:
        store = Store.create(Path(folder) / "results", notice)
        for source in sources:
            merged = merge(store, source.folder)
            _refuse_conflicts(source, merged)
            for sentence in merged.damaged:
                notice(sentence)
        yield store


def row_sources(sources: Sequence[Source]) -> Mapping[str, tuple[str, ...]]:
    """Return for each row key the names of the sources that hold the row; nothing where there is one source only."""
    if len(sources) == 1:
        return {}
    names: dict[str, tuple[str, ...]] = {}
    for source in sources:
        for record in Store.open(source.folder).rows():
            key = record["row_key"]
            names[key] = (*names.get(key, ()), source.name)
    return names


def _refuse_conflicts(source: Source, merged: Merged) -> None:
    if not merged.conflicts:
        return
    first = merged.conflicts[0]
    more = f" and {len(merged.conflicts) - 1} others" if len(merged.conflicts) > 1 else ""
    raise MerBenchError(
        f"{source.folder}: {first.row['method']['name']}, seed {first.seed}, fold {first.fold}{more} has other "
        "predictions than another of the folders, though settings, data and seed are the same; find out with "
        "`mer-bench verify` which is right, and publish that one"
    )
