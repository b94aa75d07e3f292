"""Samples and their canonical ids: one annotated micro-expression clip, one row."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import pandas as pd

from mer_bench.errors import MerBenchError

DATABASES = ("smic", "samm", "casme2", "casme3")
"""The official releases, in reporting order."""

SMIC_CODES = {"negative": "ne", "positive": "po", "surprise": "sur"}
"""The field's three classes in their order, and what SMIC's clip names (``s1_ne_01``) call them."""

COLUMNS = (
    "sample_id",
    "database",
    "subject",
    "clip",
    "emotion",
    "origin",
    "onset",
    "apex",
    "offset",
    "action_units",
    "objective_class",
)


@dataclass(frozen=True)
class Sample:
    """One annotated clip.

    Parameters
    ----------
    database : str
        One of `DATABASES`, or a name that a plugin brings.
    subject : str
        Canonical subject within the database: ``s1``, ``006``, ``sub01``, ``spNO.1``.
    clip : str
        Canonical clip name; CAS(ME)^3 adds ``@onset``, because its clip names repeat.
    emotion : str
        The annotated emotion as the release prints it, in lower case; a protocol maps it to a class.
    origin : str
        File and row of the annotation, for error messages.
    onset, apex, offset : int, optional
        Frame numbers as the release counts them; ready-made maps have none, except CAS(ME)^3's onset and apex.
    action_units : str
        As the release prints them.
    objective_class : str
        As the release prints it.
    """

    database: str
    subject: str
    clip: str
    emotion: str
    origin: str
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    action_units: str = ""
    objective_class: str = ""

    @property
    def sample_id(self) -> str:
        """``database/subject/clip``."""
        return f"{self.database}/{self.subject}/{self.clip}"


class SampleTable:
    """The samples of one data source, as a validated pandas frame with the columns `COLUMNS`.

    The column ``subject`` is namespaced (``smic/s1``): the same subject name in two databases is two subjects.

    Raises
    ------
    MerBenchError
        Two rows have the same sample id, or a name cannot be part of an id.
    """

    def __init__(self, samples: Iterable[Sample]) -> None:
        seen: dict[str, Sample] = {}
        for sample in samples:
            _check_names(sample)
            other = seen.setdefault(sample.sample_id, sample)
            if other is not sample:
                raise MerBenchError(
                    f"two rows for sample {sample.sample_id}: {other.origin} and {sample.origin}; remove one of them"
                )
        rows = [
            {**asdict(sample), "sample_id": key, "subject": f"{sample.database}/{sample.subject}"}
            for key, sample in sorted(seen.items())
        ]
        self.frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def ids(self) -> list[str]:
        """The sample ids, sorted."""
        return list(self.frame["sample_id"])


def ordered_databases(names: Iterable[str]) -> list[str]:
    """Return the databases, each once, in reporting order: official releases first, then others by name.

    Examples
    --------
    >>> ordered_databases(["mmew", "casme2", "4dme", "smic"])
    ['smic', 'casme2', '4dme', 'mmew']
    """
    there = set(names)
    return [*(name for name in DATABASES if name in there), *sorted(there.difference(DATABASES))]


def canonical_subject(database: str, raw: str) -> str:
    """Return the release's own name of a subject; a subject of another database is unchanged.

    Examples
    --------
    >>> canonical_subject("smic", "s01"), canonical_subject("samm", "6"), canonical_subject("casme2", "1")
    ('s1', '006', 'sub01')
    """
    text = raw.strip()
    if database == "smic":
        return _renumber(r"s?0*([0-9]{1,9})", text, "s{}")
    if database == "samm":
        return _renumber(r"0*([0-9]{1,9})", text, "{:03d}")
    if database == "casme2":
        return _renumber(r"(?:sub)?0*([0-9]{1,9})", text, "sub{:02d}")
    if database == "casme3":
        return _renumber(r"(?:spno\.)?0*([0-9]{1,9})", text, "spNO.{}")
    return text


def canonical_clip(database: str, raw: str) -> str:
    """Return the release's own name of a clip, whatever its capitals and its padding.

    Examples
    --------
    >>> canonical_clip("smic", "S01_NE_01"), canonical_clip("samm", "6_1_2"), canonical_clip("casme2", "ep02_01F")
    ('s1_ne_01', '006_1_2', 'EP02_01f')
    """
    text = raw.strip()
    if database == "smic" and (match := re.fullmatch(r"[sS]0*([0-9]{1,9})_(.+)", text)):
        return f"s{match[1]}_{match[2].lower()}"
    if database == "samm" and (match := re.fullmatch(r"0*([0-9]{1,9})_(.+)", text)):
        return f"{int(match[1]):03d}_{match[2]}"
    if database == "casme2" and text[:2].lower() == "ep":
        return f"EP{text[2:].lower()}"
    if database == "casme3":
        return text.lower()
    return text


def _check_names(sample: Sample) -> None:
    """Refuse names that would make an id ambiguous or, as a file name, lead out of a folder."""
    if not all(isinstance(value, str) for value in (sample.database, sample.subject, sample.clip, sample.emotion)):
        raise MerBenchError(f"{sample!r} holds something that is not text; correct the reader")
    for name in (sample.database, sample.subject, sample.clip):
        if not name.strip(". ") or "/" in name or "\\" in name or not name.isprintable():
            raise MerBenchError(
                f"{sample.origin}: {name!r} cannot name a database, subject or clip; correct the annotation"
            )


def _renumber(pattern: str, text: str, template: str) -> str:
    match = re.fullmatch(pattern, text, flags=re.IGNORECASE | re.ASCII)
    return template.format(int(match[1])) if match else text
