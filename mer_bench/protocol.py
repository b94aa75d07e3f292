"""What a protocol is, and how it is read from TOML."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from mer_bench.errors import MerBenchError, Notice, did_you_mean
from mer_bench.rules import ABSENT_CLASS_RULES, SELECTIONS, AbsentClass, Selection
from mer_bench.specs import ProtocolSpec, load_each
from mer_bench.strict_toml import TomlTable, listed, read_toml

Split = Literal["leave-one-subject-out"]


@dataclass(frozen=True)
class DatabaseRule:
    """What a protocol takes from one database.

    Parameters
    ----------
    emotions : mapping of str to str
        Emotion, as the release prints it in lower case, to class.
    dropped : tuple of str
        Emotions whose samples are left out.
    subjects : int or None
        Subjects with at least one sample; None if the protocol does not declare their number.
    counts : mapping of str to int, or None
        Samples of each class; None if the protocol does not declare them.
    excluded : tuple of str
        Single samples that are left out, as ``subject/clip``.
    """

    emotions: Mapping[str, str]
    dropped: tuple[str, ...]
    subjects: int | None = None
    counts: Mapping[str, int] | None = None
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Databases, class map, split, selection rule and reported slices.

    Parameters
    ----------
    name : str
        Lower case with hyphens.
    version : int
        Raised with every change that can alter a result.
    title, reference : str
        For people: what it is, and the paper that defines it.
    note : str
        What readers of its results must know; may be empty.
    classes : tuple of str
        In label order: label 0 is the first.
    selection : Selection
        The epoch that counts, unless a run asks for another.
    absent_class : AbsentClass
    split : Split
    databases : mapping of str to DatabaseRule
    slices : mapping of str to tuple of str
        Slice name to the databases in it, in reporting order; ``full`` is the first and holds them all.
    """

    name: str
    version: int
    title: str
    reference: str
    note: str = ""
    classes: tuple[str, ...]
    selection: Selection
    absent_class: AbsentClass
    split: Split
    databases: Mapping[str, DatabaseRule]
    slices: Mapping[str, tuple[str, ...]]

    @property
    def hash(self) -> str:
        """SHA-256 of everything that can change a prediction or a score, in hexadecimal.

        Without title, reference and note; and without the selection rule, which every row states itself.
        """
        content = {
            "name": self.name,
            "version": self.version,
            "classes": self.classes,
            "split": self.split,
            "absent_class": self.absent_class,
            "slices": {name: sorted(members) for name, members in self.slices.items()},
            "databases": {
                name: {**vars(rule), "dropped": sorted(rule.dropped), "excluded": sorted(rule.excluded)}
                for name, rule in self.databases.items()
            },
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def takes(self, database: str, sample_id: str) -> bool:
        """Return whether the protocol has the sample's database and does not exclude the sample by name."""
        rule = self.databases.get(database)
        return rule is not None and sample_id.partition("/")[2] not in rule.excluded

    def label_of(self, database: str, emotion: str) -> int | None:
        """Return the label of an emotion, or None if the protocol drops it.

        Parameters
        ----------
        database : str
            A database of this protocol.
        emotion : str
            In lower case.

        Raises
        ------
        MerBenchError
            The database is not part of the protocol, or the emotion is neither mapped nor dropped.
        """
        if database not in self.databases:
            raise MerBenchError(f"protocol {self.name} has no database {database!r}; it has {listed(self.databases)}")
        rule = self.databases[database]
        if emotion in rule.emotions:
            return self.classes.index(rule.emotions[emotion])
        if emotion in rule.dropped:
            return None
        raise MerBenchError(
            f"label outside the class map: emotion {emotion!r} of {database} is unknown to protocol {self.name}, which "
            f"maps {listed(rule.emotions)} and drops {listed(rule.dropped)}; correct the annotation, or state the "
            "emotion in a protocol of your own"
        )


def count_problems(
    protocol: Protocol, counts: Mapping[str, Mapping[str, int]], subjects: Mapping[str, int]
) -> list[str]:
    """Compare the data's counts with those that the protocol declares.

    Parameters
    ----------
    protocol : Protocol
    counts : mapping of str to mapping of str to int
        Database to class to number of samples; missing entries count as 0.
    subjects : mapping of str to int
        Database to number of subjects; missing entries count as 0.

    Returns
    -------
    list of str
        One line per difference, in the protocol's order; empty if all agree. Undeclared counts are not checked.
    """
    problems = []
    for database, rule in protocol.databases.items():
        present = counts.get(database, {})
        if rule.counts is not None:
            if not any(present.values()):
                problems.append(f"{database}: no samples at all ({sum(rule.counts.values())} declared)")
                continue
            for name in protocol.classes:
                have, declared = present.get(name, 0), rule.counts[name]
                if have != declared:
                    problems.append(f"{database}: {name} {have} of {declared} ({_difference(have, declared)})")
        if rule.subjects is not None and subjects.get(database, 0) != rule.subjects:
            problems.append(f"{database}: {subjects.get(database, 0)} of {rule.subjects} subjects")
    return problems


def load_protocols(specs: Iterable[ProtocolSpec], notice: Notice) -> Iterator[Protocol]:
    """Read several protocols; a broken file gives a notice and does not affect the others."""
    return load_each(specs, load_protocol, notice)


def load_protocol(path: Path, name: str | None = None) -> Protocol:
    """Read a protocol from a TOML file.

    Parameters
    ----------
    path : Path
    name : str, optional
        The registered name, which the file must state.

    Raises
    ------
    MerBenchError
        The file cannot be read, is not TOML, or is not a valid protocol: an unknown or missing key, a value of
        the wrong type, or a class, database or rule that does not exist. The message names the file.
    """
    top = read_toml("protocol file", path)
    top.expect_fields(Protocol)
    stated = top.registered_name(name)
    classes = top.names("classes")
    if len(classes) < 2:
        raise top.wrong("classes", "must name at least two classes")
    top.check_names("class", classes)
    stated_databases = top.table("databases")
    top.check_names("database", stated_databases.keys)
    databases = {key: _rule(stated_databases.table(key), classes) for key in stated_databases.keys}
    return Protocol(
        name=stated,
        version=top.count("version"),
        title=top.text("title"),
        reference=top.text("reference"),
        note=top.optional("note", top.text) or "",
        classes=classes,
        selection=top.choice("selection", SELECTIONS),
        absent_class=top.choice("absent-class", ABSENT_CLASS_RULES),
        split=top.choice("split", get_args(Split)),
        databases=databases,
        slices=_slices(top.table("slices"), databases),
    )


def _rule(table: TomlTable, classes: tuple[str, ...]) -> DatabaseRule:
    table.expect_fields(DatabaseRule)
    stated = table.table("emotions")
    emotions = {emotion: stated.choice(emotion, classes) for emotion in stated.keys}
    dropped = table.names("dropped")
    for emotion in (*emotions, *dropped):
        if emotion != emotion.strip().lower():
            raise table.error(f"emotion {emotion!r} must be in lower case, without leading or trailing spaces")
    for emotion in dropped:
        if emotion in emotions:
            raise table.error(f"emotion {emotion!r} is both mapped to {emotions[emotion]!r} and dropped; state it once")
    counts = table.optional("counts", table.table)
    excluded = table.optional("excluded", table.names) or ()
    for name in excluded:
        if name.count("/") != 1:
            raise table.error(f"excluded sample {name!r} is not of the form subject/clip")
    return DatabaseRule(
        emotions=emotions,
        dropped=dropped,
        subjects=table.optional("subjects", table.count),
        counts=None if counts is None else _counts(counts, classes),
        excluded=excluded,
    )


def _counts(table: TomlTable, classes: tuple[str, ...]) -> dict[str, int]:
    table.expect(classes)
    return {name: table.count(name, minimum=0) for name in classes}


def _slices(table: TomlTable, databases: Mapping[str, DatabaseRule]) -> dict[str, tuple[str, ...]]:
    table.check_names("slice", table.keys)
    slices = {name: table.names(name) for name in table.keys}
    for name, members in slices.items():
        if not members:
            raise table.error(f"slice {name!r} names no database")
        for member in members:
            if member not in databases:
                raise table.error(
                    f"slice {name!r} names database {member!r}{did_you_mean(member, databases)}; "
                    f"the protocol has {listed(databases)}"
                )
    if "full" in databases:
        raise table.error(
            "a database is called 'full', which is the name of the slice of all databases; rename the database"
        )
    if table.keys[0] != "full" or set(slices["full"]) != set(databases):
        raise table.error(f"the first slice must be 'full' and hold every database: {listed(databases)}")
    return slices


def _difference(have: int, declared: int) -> str:
    return f"{declared - have} missing" if have < declared else f"{have - declared} extra"
