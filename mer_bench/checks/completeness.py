"""Checks of what is stored: all folds, the protocol's samples, and files that can be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mer_bench.caveats import Caveat
from mer_bench.checks.base import Answer, Finding, Severity, check, grouped, grouped_unknown
from mer_bench.checks.material import Material
from mer_bench.protocol import Protocol, count_problems
from mer_bench.result_texts import incomplete_text
from mer_bench.results import RowResults
from mer_bench.store.schema import RowRecord


@check(
    "MER007",
    "incomplete",
    Severity.WARNING,
    meaning="A seed that lacks a fold has no score: it is in no mean. A mean over the other seeds may be lucky, "
    "above all if the failed folds are the hard ones.",
    looks_at="Each fold of each seed that was begun.",
    cure="Run the same command again: what is stored is kept, and failed folds are tried again.",
)
def incomplete(material: Material) -> Answer:
    """Look for seeds with missing or failed folds."""
    for row in material.rows:
        if not row.cells:
            yield Finding((material.name(row),), f"none of its {len(row.record['folds'])} folds is stored")
        elif missing := incomplete_text(row.seeds):
            yield Finding((material.name(row),), missing)


@check(
    "MER009",
    "counts are not the protocol's",
    Severity.ERROR,
    meaning="A score on other samples is not a score under this protocol. Published tables hold such scores: 435 of "
    "the composite database's 442 samples, or five different counts for CAS(ME)^3.",
    looks_at="The differences from the declared counts that each run wrote down, and the samples of each row beside "
    "the counts that the installed protocol declares, if it is the same by its hash.",
    cure="Complete the data (`mer-bench data check PATH`), and run again in a new folder. If the other samples are "
    "meant, write a protocol of your own.",
)
def other_counts(material: Material) -> Answer:
    """Look for rows whose samples are not those that the protocol declares."""
    yield from grouped(
        (material.name(row), "; ".join(problems)) for row in material.rows if (problems := _problems(material, row))
    )
    if material.protocols is not None:
        yield from grouped_unknown(
            (material.name(row), f"protocol {known['name']}@{known['version']} of its hash is not installed here")
            for row in material.rows
            if (known := row.record["protocol"])["hash"] not in material.protocols
        )


def _problems(material: Material, row: RowResults) -> list[str]:
    """Return how a row's samples differ from its protocol's, each difference once."""
    problems: dict[str, None] = {}
    for manifest in material.manifests_of(row):
        stated = manifest.get("count_problems")
        problems.update(dict.fromkeys(map(str, stated) if isinstance(stated, list) else ()))
    protocol = (material.protocols or {}).get(row.record["protocol"]["hash"])
    if protocol is not None:
        problems.update(dict.fromkeys(_declared_problems(row.record, protocol)))
    if not problems and Caveat.PARTIAL in row.record["caveats"]:
        return ["its data is stored as partial, and no run says what it lacks"]
    return list(problems)


def _declared_problems(record: RowRecord, protocol: Protocol) -> list[str]:
    samples = [(key, label) for fold in record["folds"].values() for key, label in fold["samples"].items()]
    counts: dict[str, Counter[str]] = {}
    for key, label in samples:
        counts.setdefault(key.partition("/")[0], Counter())[record["protocol"]["classes"][label]] += 1
    subjects = Counter(subject.partition("/")[0] for subject in {key.rpartition("/")[0] for key, _ in samples})
    return count_problems(protocol, counts, subjects)


@check(
    "MER016",
    "file that cannot be used",
    Severity.ERROR,
    meaning="A file of the results folder was damaged or edited, or contradicts its row, or is lost. It is never "
    "scored, so what is shown is not all that was measured.",
    looks_at="Every file that the checks read: rows, cells, manifests, and what is stored beside them. `mer-bench "
    "store verify` also names files that nothing refers to.",
    cure="Run again, which computes damaged cells once more; what else to do, `mer-bench store verify` says.",
)
def unusable_files(material: Material) -> Answer:
    """Look for files that are damaged, contradictory or lost."""
    if not material.has_folder:
        return
    for notice in material.unusable_notices:
        file, _, reason = notice.partition(" ")
        yield Finding((file.rstrip(":"),), reason)
    yield from _lost_manifests(material)


def _lost_manifests(material: Material) -> Iterator[Finding]:
    known = {*material.manifests, *_refused_runs(material)}
    lost = Counter(cell["run_id"] for row in material.rows for cell in row.stored if cell["run_id"] not in known)
    for run_id, n_cells in sorted(lost.items()):
        yield Finding((f"runs/{run_id}/manifest.json",), f"is missing: how {n_cells} cells were computed is not known")


def _refused_runs(material: Material) -> set[str]:
    """Return the runs whose manifest is there, and is named already because it cannot be used."""
    return {file.parent.name for file in material.store.path.glob("runs/*/manifest.json")}
