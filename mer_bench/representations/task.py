"""What travels between the run and its workers: a sample to prepare, and how it went. Imports no vision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mer_bench.arrays import FloatArray
from mer_bench.cache import Cache, Notice, cache_folder
from mer_bench.databases.base import Clip, DataSource
from mer_bench.representations.preparation import Recipe

ARRAY = "array"
"""The one array of a cache entry."""

NO_FACE = "none"
"""In the place of a detector that found a face."""


@dataclass(frozen=True)
class PrepareTask:
    """One sample to be prepared.

    Parameters
    ----------
    clip : Clip
    sample_digest : str
        Hash of all that the frames depend on.
    recipe : Recipe
    cache : Path
        The cache's folder.
    """

    clip: Clip
    sample_digest: str
    recipe: Recipe
    cache: Path

    @property
    def key(self) -> str:
        """The cache's key of the representation."""
        return self.recipe.key(self.recipe.representation, self.sample_digest)

    def cached(self, notice: Notice) -> FloatArray | None:
        """Return the representation from the cache, or None where it must be computed."""
        entry = Cache(self.cache, notice).read(self.recipe.representation, self.key)
        return None if entry is None else entry.arrays[ARRAY]


@dataclass(frozen=True)
class Prepared:
    """How one sample's preparation ended; its arrays are in the cache.

    Parameters
    ----------
    sample_id : str
    failure : str
        A sentence; empty where it went well.
    facts : mapping of str to str
        ``aligned_by`` and, where key regions were looked for, ``regions_by``: the detector that found them.
    seconds : mapping of str to float
        Time of each step that was computed: ``read``, ``face``, ``align``, ``flow``, ``regions``, ``interpolate``.
    notices : tuple of str
        Damaged entries that were computed anew.
    """

    sample_id: str
    failure: str
    facts: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


def prepare_task(source: DataSource, sample_id: str, recipe: Recipe) -> PrepareTask:
    """Return what a worker needs to prepare one sample."""
    return PrepareTask(source.clip(sample_id), source.digest(sample_id), recipe, cache_folder())
