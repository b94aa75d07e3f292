"""Messages between the run and its workers: a sample to preprocess, and its outcome. Imports no vision library."""

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
"""The name of the only array in a cache entry."""

NO_FACE = "none"
"""Stands for the detector in the facts of a sample without a face."""


@dataclass(frozen=True)
class PreprocessTask:
    """A sample to preprocess.

    Parameters
    ----------
    clip : Clip
    sample_digest : str
        A hash of everything that the sample's arrays depend on, apart from settings and code.
    content : str
        The `content_digest` of the frames, which must still be the same after they have been read.
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
        """The cache key of the representation."""
        return self.recipe.key(self.recipe.representation, self.sample_digest)

    def cached(self, notice: Notice) -> Entry | None:
        """Return the representation from the cache; None if it is missing or damaged, or has to be refused."""
        entry = Cache(self.cache, notice).read(self.recipe.representation, self.key)
        return entry if entry is not None and self.accepts(entry) else None

    def accepts(self, entry: Entry) -> bool:
        """Return whether an entry may be used: one without a face may not if ``no_face`` is ``refuse``."""
        return entry.facts.get("aligned_by") != NO_FACE or self.recipe.params["no_face"] != "refuse"


@dataclass(frozen=True)
class Preprocessed:
    """The outcome of preprocessing one sample; its arrays are in the cache.

    Parameters
    ----------
    sample_id : str
    failure : str
        The error as a sentence; empty if there was none.
    facts : mapping of str to str
        ``aligned_by`` and, if the representation has key regions, ``regions_by``: the detector with its version.
    seconds : mapping of str to float
        Seconds of each computed step: ``read``, ``face``, ``align``, ``flow``, ``regions``, ``interpolate``.
    notices : tuple of str
        A sentence for each damaged entry that was computed again.
    """

    sample_id: str
    failure: str
    facts: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


def preprocess_task(source: DataSource, sample_id: str, recipe: Recipe) -> PreprocessTask:
    """Return the task of preprocessing one sample.

    Raises
    ------
    MerBenchError
        There is no such sample, or a frame cannot be read.
    """
    clip = source.clip(sample_id)
    return PreprocessTask(clip, source.digest(sample_id), content_digest(clip.frames), recipe, cache_folder())


def count_facts(facts: Iterable[Mapping[str, str]]) -> dict[str, dict[str, int]]:
    """Return, for each kind of fact, how many samples have each value."""
    counted: dict[str, Counter[str]] = {}
    for of_sample in facts:
        for kind, detector in of_sample.items():
            counted.setdefault(kind, Counter())[detector] += 1
    return {kind: dict(sorted(counter.items())) for kind, counter in sorted(counted.items())}


def facts_lines(counted: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """Yield counted facts as text, one line for each kind."""
    words = {"aligned_by": "faces found by", "regions_by": "key regions found by"}
    for kind, counts in counted.items():
        yield f"{words.get(kind, kind)}: " + ", ".join(f"{name} ({count})" for name, count in counts.items())
