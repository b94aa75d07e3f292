"""The MEGC2019 log: a block for each fold, with a header ``database subject`` and lines ``clip truth prediction``."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from mer_bench.atomic import write_atomically
from mer_bench.bounded_files import read_bounded
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.names import is_name
from mer_bench.samples import DATABASES, SMIC_CODES, canonical_clip, canonical_subject, ordered_databases
from mer_bench.scoring.metrics import Scores, score

CLASSES = tuple(SMIC_CODES)
"""The challenge's classes, in label order."""

FULL_DATABASES = ("smic", "samm", "casme2")
FULL_SAMPLES = 442
"""Number of samples in the challenge's full list, over its three databases."""

_LABELS = ", ".join(f"{label} ({name})" for label, name in enumerate(CLASSES))
_MAX_NAME_LENGTH = 200
_MOST_BYTES = 16 << 20
"""A thousand times the challenge's log."""


@dataclass(frozen=True)
class LogEntry:
    """One line of a log: a canonical ``database/subject/clip``, and labels of `CLASSES`."""

    sample_id: str
    truth: int
    prediction: int


def read_log(path: Path, databases: Collection[str] = DATABASES) -> list[LogEntry]:
    """Read a log in the order of the file.

    A line of two words is the header of a fold. Published logs often lack the blank lines between folds, so they are
    optional. Database names may be in upper or lower case; subjects and clips become canonical (``s01`` is ``s1``).

    Parameters
    ----------
    path : Path
    databases : collection of str
        The databases that a header may name; any other is an error, because it may be a misspelt one.

    Raises
    ------
    MerBenchError
        The file cannot be read, has no clip, or breaks the format; the message names the file and the line.
    """
    entries: list[LogEntry] = []
    seen: dict[str, int] = {}
    header: tuple[str, str] | None = None
    for number, line in enumerate(io.StringIO(_read_text(path), newline=None), start=1):
        words = line.split()
        try:
            if len(words) == 2:
                header = _parse_header(words[0], words[1], databases)
            elif words:
                entry = _parse_clip(header, words)
                first = seen.setdefault(entry.sample_id, number)
                if first != number:
                    raise MerBenchError(
                        f"{entry.sample_id} is already in line {first}; keep one prediction for each sample"
                    )
                entries.append(entry)
            else:
                # A blank line ends a fold: without its header, a subject's clips must not go to the previous subject.
                header = None
        except MerBenchError as error:
            raise MerBenchError(f"{path}, line {number}: {error}") from None
    if not entries:
        raise MerBenchError(f"{path} has no clip line; a log has lines of the form 'clip truth prediction'")
    return entries


def log_entries(predictions: Mapping[str, tuple[int, int]], classes: Sequence[str]) -> list[LogEntry]:
    """Return predictions as entries sorted by sample id, with their labels mapped to those of `CLASSES` by name.

    Parameters
    ----------
    predictions : mapping of str to (int, int)
        Sample id to truth and prediction.
    classes : sequence of str
        The class names of these labels, in label order.

    Raises
    ------
    MerBenchError
        ``classes`` are not the challenge's three.
    """
    if sorted(classes) != sorted(CLASSES):
        raise MerBenchError(
            f"a MEGC2019 log has the classes {', '.join(CLASSES)}, and these predictions are of the classes "
            f"{', '.join(classes)}; export results of a protocol with the classes of the log"
        )
    labels = [CLASSES.index(name) for name in classes]
    return [LogEntry(key, labels[truth], labels[predicted]) for key, (truth, predicted) in sorted(predictions.items())]


def write_log(path: Path, entries: Sequence[LogEntry]) -> None:
    """Write a log atomically: an existing file stays as it is until the new one is complete.

    Raises
    ------
    MerBenchError
        The entries cannot be written as a log (see `format_log`), or the file cannot be written.
    """
    content = format_log(entries).encode("utf-8")
    try:
        write_atomically(path, content)
    except OSError as error:
        reason = error.strerror or str(error)
        raise MerBenchError(
            f"cannot write the log {path}: {reason}; give a file in a folder you can write to"
        ) from None


def format_log(entries: Iterable[LogEntry]) -> str:
    """Return the text of a log: one fold for each subject, with databases, subjects and clips sorted by name.

    Raises
    ------
    MerBenchError
        There is no entry, two entries have the same sample, or a sample id is not ``database/subject/clip`` with names
        without white space.
    """
    lines: list[str] = []
    for (database, subject), fold in groupby(sorted(_checked(entries).items()), key=lambda item: item[0][:2]):
        lines += ["", f"{database} {subject}"]
        lines += [f"{clip} {entry.truth:d} {entry.prediction:d}" for (_, _, clip), entry in fold]
    return "\n".join([*lines[1:], ""])


def score_log(entries: Sequence[LogEntry], *, absent_class: str = "exclude") -> dict[str, Scores]:
    """Score a log over the three `CLASSES`, pooled over its folds.

    Parameters
    ----------
    entries : sequence of LogEntry
        At least one, as `read_log` returns them.
    absent_class : str
        One of `ABSENT_CLASS_RULES`.

    Returns
    -------
    dict
        ``full`` first, then each database with a sample, in the order of `ordered_databases`.

    Raises
    ------
    MerBenchError
        ``absent_class`` is another rule.
    """
    slices = {"full": list(entries)}
    for database in ordered_databases(entry.sample_id.partition("/")[0] for entry in entries):
        slices[database] = [entry for entry in entries if entry.sample_id.startswith(f"{database}/")]
    return {
        name: score(
            [entry.truth for entry in chosen],
            [entry.prediction for entry in chosen],
            len(CLASSES),
            absent_class=absent_class,
        )
        for name, chosen in slices.items()
    }


def _read_text(path: Path) -> str:
    content = read_bounded(path, _MOST_BYTES, "a log", "give the log file itself", may_be_empty=True)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise MerBenchError(f"{path}, line {line}: not UTF-8 text; save the log as UTF-8") from None


def _parse_header(database: str, subject: str, known: Collection[str]) -> tuple[str, str]:
    if database.lower() not in known:
        raise MerBenchError(
            f"unknown database {database!r}{did_you_mean(database.lower(), known)} in a line of two words, which is"
            f" a fold's header 'database subject'; known: {', '.join(known)}"
        )
    _check_name("subject", subject)
    return database.lower(), subject


def _parse_clip(header: tuple[str, str] | None, words: list[str]) -> LogEntry:
    if len(words) != 3:
        raise MerBenchError(
            f"{len(words)} word{'s' * (len(words) != 1)}, the first being {words[0]!r};"
            " a header is 'database subject', a clip line 'clip truth prediction'"
        )
    clip, truth, prediction = words
    if header is None:
        raise MerBenchError(f"clip {clip!r} has no header above it; start each fold with a line 'database subject'")
    _check_name("clip", clip)
    key = _canonical(*header, clip)
    return LogEntry("/".join(key), _parse_label("truth", truth), _parse_label("prediction", prediction))


def _parse_label(name: str, text: str) -> int:
    if text not in ("0", "1", "2"):
        raise MerBenchError(f"{name} {text!r} is not one of the labels {_LABELS}")
    return int(text)


def _checked(entries: Iterable[LogEntry]) -> dict[tuple[str, str, str], LogEntry]:
    """Return the entries by canonical (database, subject, clip); refuse those that a log cannot contain."""
    checked: dict[tuple[str, str, str], LogEntry] = {}
    for entry in entries:
        key = _split_id(entry.sample_id)
        if key in checked:
            raise MerBenchError(f"two entries for one sample {'/'.join(key)}; keep one prediction for each sample")
        checked[key] = entry
    if not checked:
        raise MerBenchError("there is no entry to write; give one for each predicted sample")
    return checked


def _split_id(sample_id: str) -> tuple[str, str, str]:
    parts = sample_id.split("/")
    if len(parts) != 3:
        raise MerBenchError(f"sample id {sample_id!r} is not of the form 'database/subject/clip'")
    database, subject, clip = parts
    if not is_name(database):
        raise MerBenchError(
            f"sample {sample_id!r}: a log cannot contain the database name {database!r}; use lower-case words"
            " joined by hyphens"
        )
    _check_name("subject", subject)
    _check_name("clip", clip)
    return _canonical(database, subject, clip)


def _canonical(database: str, subject: str, clip: str) -> tuple[str, str, str]:
    return database, canonical_subject(database, subject), canonical_clip(database, clip)


def _check_name(kind: str, name: str) -> None:
    # Lines are split at white space and sample ids at "/": a name with either would not read back.
    if not name or "/" in name or any(c.isspace() or not c.isprintable() for c in name) or len(name) > _MAX_NAME_LENGTH:
        raise MerBenchError(
            f"a log cannot contain the {kind} name {name[:_MAX_NAME_LENGTH]!r}; use 1 to {_MAX_NAME_LENGTH} printable"
            " characters without white space or '/'"
        )
