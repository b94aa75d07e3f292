"""Check a user's data: what is present, missing or unreadable, counts against the protocols, and fingerprints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mer_bench.databases.base import CLIP, DataSource, InputFacts
from mer_bench.databases.images import image_size, read_image
from mer_bench.errors import MerBenchError, Notice
from mer_bench.evaluation.folds import count_mismatch, select_samples
from mer_bench.evaluation.protocol_data import fingerprint
from mer_bench.plugin_manager import Catalogue
from mer_bench.protocol import Protocol, load_protocol, load_protocols
from mer_bench.representations.stack import load_map
from mer_bench.samples import SampleTable, ordered_databases


@dataclass(frozen=True)
class DatabaseCheck:
    """The contents of one database.

    Parameters
    ----------
    samples, subjects : int
    emotions : dict of str to int
    frames_found, frames_missing : int
        Of the frames from onset to offset; for ready-made data, of its maps.
    unreadable : list of str
        One sentence each.
    """

    samples: int
    subjects: int
    emotions: dict[str, int]
    frames_found: int
    frames_missing: int
    unreadable: list[str]


@dataclass(frozen=True)
class DataCheck:
    """The result of a check.

    Parameters
    ----------
    databases : dict of str to DatabaseCheck
        In the order of `ordered_databases`.
    protocols : dict of str to list of str
        How the counts differ from each protocol's; empty if they agree.
    problems : list of str
        Why annotated samples or whole releases cannot be used, one sentence each.
    notes : list of str
        What to know about the samples that can be used.
    caveats : list of str
    input : InputFacts
        What the data is.
    """

    databases: dict[str, DatabaseCheck]
    protocols: dict[str, list[str]]
    problems: list[str]
    notes: list[str]
    caveats: list[str]
    input: InputFacts

    @property
    def is_sound(self) -> bool:
        """Whether every checked frame can be read and every annotated sample can be used."""
        return not self.problems and not any(check.unreadable for check in self.databases.values())

    def as_json(self) -> dict[str, object]:
        """Return the result as JSON values."""
        return {**asdict(self), "sound": self.is_sound}

    def lines(self) -> Iterator[str]:
        """Yield the result as lines for the terminal."""
        for caveat in self.caveats:
            yield f"caveat: {caveat}"
        yield input_line(self.input)
        for name, check in self.databases.items():
            emotions = ", ".join(f"{emotion} {count}" for emotion, count in check.emotions.items())
            yield f"{name}: {check.samples} samples of {check.subjects} subjects ({emotions})"
            yield (
                f"{name}: {check.frames_found} frames found, {check.frames_missing} missing, "
                f"{len(check.unreadable)} unreadable"
            )
        yield f"annotations: {_counted(self.problems, 'problem')}, {_counted(self.notes, 'note')}"
        for name, differences in self.protocols.items():
            yield f"protocol {name}: {'; '.join(differences) or 'the counts agree'}"
        for check in self.databases.values():
            yield from (f"unreadable: {sentence}" for sentence in check.unreadable)
        yield from (f"problem: {sentence}" for sentence in self.problems)
        yield from (f"note: {sentence}" for sentence in self.notes)


def input_line(facts: InputFacts) -> str:
    """Return what the data is: ``input: my maps; flow: tv-l1; channels: u, v, strain``; what is unknown is left out."""
    stated = {key: ", ".join(value) if isinstance(value, tuple) else value for key, value in asdict(facts).items()}
    name = stated.pop("name")
    return "; ".join([f"input: {name}", *(f"{key}: {value}" for key, value in stated.items() if value)])


def _counted(items: Sequence[str], noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"


def check_data(
    source: DataSource, protocols: Sequence[str], catalogue: Catalogue, *, notice: Notice, all_frames: bool = False
) -> DataCheck:
    """Check every sample of a source, and continue after a faulty one.

    Parameters
    ----------
    source : DataSource
    protocols : sequence of str
        The protocols to compare the counts with; without any, all installed ones that fit the data.
    catalogue : Catalogue
    notice : callable
        Gets a notice about a protocol whose file cannot be used.
    all_frames : bool
        Decode every frame; otherwise only onset and apex, and of the others the header is read.

    Raises
    ------
    MerBenchError
        The annotations cannot be read at all, or there is no such protocol.
    """
    table = source.read_samples()
    frame = table.frame
    databases = {}
    for name in ordered_databases(frame["database"]):
        part = frame[frame["database"] == name]
        missing, present, unreadable = 0, 0, []
        for row in part.to_dict("records"):
            n_present, n_expected, sentences = _look(source, row, all_frames)
            present += n_present
            missing += n_expected - n_present
            unreadable += sentences
        emotions = dict(sorted(Counter(part["emotion"]).items()))
        databases[name] = DatabaseCheck(
            len(part),
            part["subject"].nunique(),
            emotions,
            frames_found=present,
            frames_missing=missing,
            unreadable=unreadable,
        )
    named = [load_protocol(spec.path, spec.name) for spec in map(catalogue.protocol, protocols)]
    chosen = named or list(fitting_protocols(table, catalogue, notice))
    return DataCheck(
        databases,
        {protocol.name: _differences(table, protocol) for protocol in chosen},
        problems=list(source.problems()),
        notes=list(source.notes()),
        caveats=list(source.caveats),
        input=source.input_facts(),
    )


def fitting_protocols(table: SampleTable, catalogue: Catalogue, notice: Notice) -> Iterator[Protocol]:
    """Yield the installed protocols whose databases are all in the table, with emotions that they know.

    Ready-made maps state three classes, which a protocol of more classes does not know.
    """
    there = set(zip(table.frame["database"], table.frame["emotion"], strict=True))
    for protocol in load_protocols(catalogue.protocols.values(), notice):
        rules = protocol.databases
        words = {(database, emotion) for database, emotion in there if database in rules}
        known = all(emotion in (*rules[database].emotions, *rules[database].dropped) for database, emotion in words)
        if known and {database for database, _ in words} == set(rules):
            yield protocol


def fingerprints(source: DataSource, catalogue: Catalogue, notice: Notice) -> dict[str, dict[str, str]]:
    """Return each database's fingerprint under each protocol that fits the source, as stored rows state it.

    Raises
    ------
    MerBenchError
        The data cannot be read.
    """
    table = source.read_samples()
    return {
        protocol.name: fingerprint(select_samples(table, protocol), source)
        for protocol in fitting_protocols(table, catalogue, notice)
    }


def _differences(table: SampleTable, protocol: Protocol) -> list[str]:
    try:
        return count_mismatch(select_samples(table, protocol), protocol)
    except MerBenchError as error:
        return [str(error)]


def _look(source: DataSource, row: Mapping[Hashable, object], all_frames: bool) -> tuple[int, int, list[str]]:
    """Return the number of a sample's frames on disk and expected, and one sentence for each unreadable one."""
    sample_id = str(row["sample_id"])
    onset, offset = row["onset"], row["offset"]
    try:
        if source.native != CLIP:
            load_map(source, sample_id)
            return 1, 1, []
        clip = source.clip(sample_id)
    except MerBenchError as error:
        return 0, 1, [str(error)]
    wanted = offset - onset + 1 if isinstance(onset, int) and isinstance(offset, int) else len(clip.frames)
    sentences = []
    sizes: dict[tuple[int, int], Path] = {}
    for index, path in enumerate(clip.frames):
        size = _size(path, all_frames or index in (0, clip.apex))
        if isinstance(size, str):
            sentences.append(f"{sample_id}: {size}")
        else:
            sizes.setdefault(size, path)
    if len(sizes) > 1:
        examples = " and ".join(f"{width}×{height} ({path.name})" for (width, height), path in list(sizes.items())[:2])
        sentences.append(f"{sample_id}: frames of several sizes, {examples}; restore the clip from the release")
    return len(clip.frames), max(wanted, len(clip.frames)), sentences


def _size(path: Path, decode: bool) -> tuple[int, int] | str:
    """Return an image's size, or why it cannot be read."""
    try:
        if not decode:
            return image_size(path)
        height, width, _ = read_image(path).shape
    except MerBenchError as error:
        return str(error)
    return width, height
