"""What travels between the run and its workers: a sample to preprocess, and how it went. Imports no vision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mer_bench.cache import Cache, Entry, cache_folder, content_digest
from mer_bench.databases.base import Clip, DataSource
from mer_bench.errors import Notice
from mer_bench.representations.preprocessing import Recipe

ARRAY = "array"
"""The one array of a cache entry."""

NO_FACE = "none"
"""In the place of a detector that found a face."""


@dataclass(frozen=True)
class PreprocessTask:
    """One sample to be preprocessed.

    Parameters
    ----------
    clip : Clip
    sample_digest : str
        Hash of all that the frames depend on.
    content : str
        `content_digest` of the frames: they must be the same when they have been read.
    recipe : Recipe
    cache : Path
        The cache's folder.
    """

    clip: Clip
    sample_digest: str
    content: str
    recipe: Recipe
    cache: Path

    @property
    def key(self) -> str:
        """The cache's key of the representation."""
        return self.recipe.key(self.recipe.representation, self.sample_digest)

    def cached(self, notice: Notice) -> Entry | None:
        """Return the representation from the cache, or None where it must be computed, or refused."""
        entry = Cache(self.cache, notice).read(self.recipe.representation, self.key)
        return entry if entry is not None and self.takes(entry) else None

    def is_cached(self) -> bool:
        """Say whether the cache has an entry, without reading it."""
        return Cache(self.cache).has(self.recipe.representation, self.key)

    def takes(self, entry: Entry) -> bool:
        """Say whether an entry may be used: not one without a face where those are refused."""
        return entry.facts.get("aligned_by") != NO_FACE or self.recipe.params["no_face"] != "refuse"


@dataclass(frozen=True)
class Preprocessed:
    """How one sample's preprocessing ended; its arrays are in the cache.

    Parameters
    ----------
    sample_id : str
    failure : str
        A sentence; empty where it went well.
    facts : mapping of str to str
        ``aligned_by`` and, where key regions were looked for, ``regions_by``: the detector that found them, with
        its version.
    seconds : mapping of str to float
        Time of each step that was computed: ``read``, ``face``, ``align``, ``flow``, ``regions``, ``interpolate``.
    notices : tuple of str
        Damaged entries that were computed again.
    """

    sample_id: str
    failure: str
    facts: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


def preprocess_task(source: DataSource, sample_id: str, recipe: Recipe) -> PreprocessTask:
    """Return what a worker needs to preprocess one sample."""
    clip = source.clip(sample_id)
    return PreprocessTask(clip, source.digest(sample_id), content_digest(clip.frames), recipe, cache_folder())


def count_facts(facts: Iterable[Mapping[str, str]]) -> dict[str, dict[str, int]]:
    """Return, for each kind of fact, how often each was found."""
    counted: dict[str, Counter[str]] = {}
    for found in facts:
        for what, detector in found.items():
            counted.setdefault(what, Counter())[detector] += 1
    return {what: dict(sorted(counter.items())) for what, counter in sorted(counted.items())}


def facts_lines(counted: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """Yield counted facts for people, a line a kind."""
    words = {"aligned_by": "faces found by", "regions_by": "key regions found by"}
    for what, counts in counted.items():
        yield f"{words.get(what, what)}: " + ", ".join(f"{name} ({count})" for name, count in counts.items())
