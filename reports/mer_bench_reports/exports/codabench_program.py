"""The scoring program of the Codabench competition that `codabench` writes: ``program.py`` of its scoring_program.zip.

It runs in Codabench's image with mer-bench's own scorer beside it, so it imports nothing else of mer-bench:
``python3 program.py INPUT OUTPUT``. INPUT has the folders ``ref`` (reference_data.zip) and ``res`` (a submission).
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mer_bench.bounded_files import read_bounded
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.samples import canonical_clip, canonical_subject
from mer_bench.scoring.megc_log import CLASSES, read_log
from mer_bench.scoring.metrics import TABLE_METRICS, score

CSV, LOG = "predictions.csv", "predictions.txt"
"""What a submission may hold: a table ``sample_id,prediction``, or a MEGC 2019 log."""

PROTOCOL, TRUTH = "protocol.json", "truth.json"
"""The files of reference_data.zip."""

_COLUMNS = ["sample_id", "prediction"]
_MOST_BYTES = 16 << 20
_SHOWN = 3
"""How many samples a message names."""


@dataclass(frozen=True)
class Reference:
    """What submissions are compared with.

    Parameters
    ----------
    truth : mapping of str to int
        Sample id to true label.
    classes : sequence of str
        In label order.
    slices : mapping of str to sequence of str
        Slice to its databases; ``full`` is the first.
    absent_class : str
        One of `mer_bench.rules.ABSENT_CLASS_RULES`.
    """

    truth: Mapping[str, int]
    classes: Sequence[str]
    slices: Mapping[str, Sequence[str]]
    absent_class: str


def main(arguments: Sequence[str]) -> int:
    """Score the submission in ``INPUT/res``, write ``OUTPUT/scores.json`` and return the exit code."""
    source, target = map(Path, arguments)
    try:
        reference = read_reference(source / "ref")
        predicted = read_submission(source / "res", reference)
    except MerBenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    scores = submission_scores(predicted, reference)
    target.mkdir(parents=True, exist_ok=True)
    (target / "scores.json").write_text(json.dumps(scores, indent=2), encoding="utf-8")
    for key, value in scores.items():
        print(f"{key}: {value:.4f}")
    return 0


def submission_scores(predicted: Mapping[str, int], reference: Reference) -> dict[str, float]:
    """Return UF1 and UAR of each slice with samples, by the key of its column."""
    scores: dict[str, float] = {}
    for part, databases in reference.slices.items():
        keys = [key for key in reference.truth if key.partition("/")[0] in databases]
        if keys:
            own = score(
                [reference.truth[key] for key in keys],
                [predicted[key] for key in keys],
                len(reference.classes),
                absent_class=reference.absent_class,
            )
            scores |= {column(part, metric): getattr(own, metric) for metric in TABLE_METRICS}
    return scores


def column(part: str, metric: str) -> str:
    """Return the key of a column of the leaderboard: ``full_uf1``."""
    return f"{part.replace('-', '_')}_{metric}"


def read_reference(folder: Path) -> Reference:
    """Read the content of reference_data.zip."""
    protocol = json.loads((folder / PROTOCOL).read_text(encoding="utf-8"))
    truth = json.loads((folder / TRUTH).read_text(encoding="utf-8"))
    return Reference(truth, protocol["classes"], protocol["slices"], protocol["absent_class"])


def read_submission(folder: Path, reference: Reference) -> dict[str, int]:
    """Return the prediction of each sample.

    Raises
    ------
    MerBenchError
        There is not exactly one of `CSV` and `LOG`, it breaks its format, or a sample is missing, unknown or there
        twice.
    """
    there = [name for name in (CSV, LOG) if (folder / name).is_file()]
    if len(there) != 1:
        found = ", ".join(sorted(path.name for path in folder.iterdir())) if folder.is_dir() else ""
        raise MerBenchError(
            f"the zip of a submission holds one file, {CSV} or {LOG}, at its top; found: {found or 'nothing'}"
        )
    read = _read_csv if there == [CSV] else _read_log
    predicted = read(folder / there[0], reference)
    unknown = [key for key in predicted if key not in reference.truth]
    if unknown:
        near = did_you_mean(unknown[0], reference.truth)
        raise MerBenchError(f"{there[0]}: {len(unknown)} samples are not of this protocol: {_some(unknown)}{near}")
    missing = [key for key in reference.truth if key not in predicted]
    if missing:
        n = len(reference.truth)
        raise MerBenchError(f"{there[0]}: {len(missing)} of {n} samples have no prediction: {_some(missing)}")
    return predicted


def _read_csv(path: Path, reference: Reference) -> dict[str, int]:
    predicted: dict[str, int] = {}
    lines = csv.reader(io.StringIO(_text(path)), skipinitialspace=True)
    header = next(lines, [])
    if [name.strip().lower() for name in header] != _COLUMNS:
        raise MerBenchError(f"{path.name}: the first line is {','.join(header)!r}; it must be {','.join(_COLUMNS)!r}")
    for cells in lines:
        where = f"{path.name}, line {lines.line_num}"
        if not cells:
            continue
        if len(cells) != len(_COLUMNS):
            raise MerBenchError(f"{where}: {len(cells)} cells; a line is a sample id, a comma and a class")
        key, name = _canonical(cells[0].strip()), cells[1].strip().lower()
        if name not in reference.classes:
            known = ", ".join(reference.classes)
            raise MerBenchError(f"{where}: {name!r} is not a class{did_you_mean(name, reference.classes)}: {known}")
        if key in predicted:
            raise MerBenchError(f"{where}: {key} is there twice; keep one prediction for each sample")
        predicted[key] = reference.classes.index(name)
    return predicted


def _read_log(path: Path, reference: Reference) -> dict[str, int]:
    """Read a log; its column of the truth is not used."""
    if sorted(reference.classes) != sorted(CLASSES):
        raise MerBenchError(f"a MEGC 2019 log has the classes {', '.join(CLASSES)}; submit {CSV} for this protocol")
    try:
        entries = read_log(path, sorted({key.partition("/")[0] for key in reference.truth}))
    except MerBenchError as error:
        raise MerBenchError(str(error).replace(str(path), path.name)) from None
    return {entry.sample_id: reference.classes.index(CLASSES[entry.prediction]) for entry in entries}


def _text(path: Path) -> str:
    content = read_bounded(path, _MOST_BYTES, path.name, "submit predictions only", may_be_empty=True)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MerBenchError(f"{path.name} is not UTF-8 text; save it as UTF-8") from None


def _canonical(key: str) -> str:
    database, _, rest = key.partition("/")
    subject, _, clip = rest.partition("/")
    database = database.lower()
    return f"{database}/{canonical_subject(database, subject)}/{canonical_clip(database, clip)}"


def _some(keys: Sequence[str]) -> str:
    return ", ".join(keys[:_SHOWN]) + (" ..." if len(keys) > _SHOWN else "")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
