"""Results as text: the same words in the terminal, in ``--json`` and in every report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mer_bench.parameters import value_text
from mer_bench.representations.settings import PREPROCESSING
from mer_bench.results import METRICS, Mean, RowResults, SeedResult
from mer_bench.rules import absent_class_sentence
from mer_bench.specs import PAPER_PRESET
from mer_bench.store.schema import RowRecord

MISSING = "–"
DEFAULTS = "defaults"
"""What a row without a preset shows as its preset."""


def mean_text(mean: Mean | None, between: str = "±") -> str:
    """Return ``0.4321``, ``0.4321±0.0123`` over several seeds, or a dash."""
    if mean is None:
        return MISSING
    return f"{mean.value:.4f}" if mean.std is None else f"{mean.value:.4f}{between}{mean.std:.4f}"


def folds_text(seed: SeedResult) -> str:
    """Return how many folds of a seed are done: ``57/68, 2 failed``."""
    return f"{seed.done}/{seed.total}" + (f", {seed.failed} failed" if seed.failed else "")


def seeds_text(seeds: Sequence[SeedResult]) -> str:
    """Return the number of seeds behind a mean: ``3``, ``2 of 3`` if one is incomplete, or ``deterministic``."""
    if seeds[0].record["deterministic"] and len(seeds) == 1:
        return "deterministic"
    complete = sum(seed.complete for seed in seeds)
    return str(complete) if complete == len(seeds) else f"{complete} of {len(seeds)}"


def incomplete_text(seeds: Sequence[SeedResult]) -> str:
    """Return which seeds are incomplete: ``seed 1: folds 57/68, 2 failed``; empty if none is."""
    return "; ".join(
        (f"seed {seed.seed}: " if len(seeds) > 1 else "") + f"folds {folds_text(seed)}"
        for seed in seeds
        if not seed.complete
    )


def preset_text(record: RowRecord) -> str:
    """Return the preset of a row, and what was changed in it: ``quick, epochs=5``."""
    settings = record["settings"]
    return ", ".join([settings["preset"] or DEFAULTS, *_pairs(settings["changed"])])


def differs_text(record: RowRecord) -> str:
    """Return every parameter that differs from the paper's preset, or from the default: ``epochs=5, width=96``."""
    return ", ".join(_pairs(record["settings"]["differs"]))


def distinction_texts(records: Sequence[RowRecord]) -> dict[str, str]:
    """Return the parameters in which each row differs from the other rows of its method: ``blocks=1,1,8, lr=0.01``.

    The text of a row is empty where no parameter differs, and where the rows of its method have several presets, which
    tell them apart, and differ in more than one parameter.

    Parameters
    ----------
    records : sequence of RowRecord
        The rows that a table shows.

    Returns
    -------
    dict of str to str
        Row key to text.
    """
    return {
        record["row_key"]: ", ".join(_pairs({name: record["params"][name] for name in differing}))
        for rows in _of_methods(records)
        for differing in [_differing(rows)]
        for record in rows
    }


def settings_order(record: RowRecord) -> tuple[object, ...]:
    """Return what the rows of a method are sorted by, so that the values of a sweep stand in order: ``8, 16, 128``."""
    params = [(name, type(value).__name__, value) for name, value in record["params"].items()]
    return params, record["row_key"]


def _of_methods(records: Sequence[RowRecord]) -> list[list[RowRecord]]:
    of_method: dict[tuple[str, str], list[RowRecord]] = {}
    for record in records:
        method = record["method"]
        of_method.setdefault((method["name"], method["version"]), []).append(record)
    return list(of_method.values())


def _differing(rows: Sequence[RowRecord]) -> list[str]:
    first = rows[0]["params"]
    names = [name for name in first if any(row["params"].get(name) != first[name] for row in rows)]
    one_preset = len({row["settings"]["preset"] for row in rows}) == 1
    return names if one_preset or len(names) == 1 else []


def badge(record: RowRecord) -> str:
    """Return ``quick, not the paper's training`` for a row that is not trained as its paper says; else nothing.

    A method without a preset ``paper`` has none.
    """
    settings = record["settings"]
    is_other = settings["reference"] == PAPER_PRESET and settings["differs"]
    return f"{preset_text(record)}, not the paper's training" if is_other else ""


def input_text(record: RowRecord) -> str:
    """Return what a row's input was made from: ``CausalNet 3DB maps (tv-l1, per-map-8bit), digest 3fa9c01b``.

    Settings of preprocessing are named if they are not the default, for the same frames make another input with them:
    ``SMIC-HS, digest 77d02b4e, flow=dis``.
    """
    params = record["representation"]["params"]
    chosen = {p.name: params[p.name] for p in PREPROCESSING if params.get(p.name, p.default) != p.default}
    return ", ".join([data_text(record), *_pairs(chosen)])


def data_text(record: RowRecord) -> str:
    """Return the data of `input_text`, whatever its preprocessing; channels are named if they lack the strain."""
    made = record["input"]
    has_strain = not made["channels"] or not {"strain", "os"}.isdisjoint(made["channels"])
    facts = [made["flow"], made["scale"], "" if has_strain else f"channels {' '.join(made['channels'])}"]
    told = ", ".join(filter(None, facts))
    return f"{made['name']}{f' ({told})' if told else ''}, digest {made['digest'][:8]}"


def verification_text(row: RowResults) -> str:
    """Return how many of a row's finished cells were computed again alone: ``verified 12 of 68 cells, 1 differs``."""
    known = row.verification
    if not known.entries:
        return "not verified"
    by_spread = sum(entry["outcome"] == "within-spread" for entry in known.entries)
    parts = [f"verified {len(known.confirmed)} of {len(row.finished)} cells"]
    if by_spread:
        parts.append(f"{by_spread} of them within the spread of seeds")
    if known.differing:
        parts.append(f"{len(known.differing)} {'differs' if len(known.differing) == 1 else 'differ'}")
    return ", ".join(parts)


def _pairs(values: Mapping[str, object]) -> list[str]:
    return [f"{name}={value_text(value)}" for name, value in values.items()]


def slice_counts(record: RowRecord) -> dict[str, tuple[int, ...]]:
    """Return the number of true samples of each class, in label order, for every slice."""
    protocol = record["protocol"]
    labels = [
        (sample_id.split("/", 1)[0], label)
        for fold in record["folds"].values()
        for sample_id, label in fold["samples"].items()
    ]
    counts = {}
    for name, databases in protocol["slices"].items():
        inside = [label for database, label in labels if database in databases]
        counts[name] = tuple(inside.count(label) for label in range(len(protocol["classes"])))
    return counts


def slice_notes(record: RowRecord, title: Callable[[str], str] = str) -> list[str]:
    """Return a note for each slice without samples or without a class, with the effect on its means.

    Parameters
    ----------
    record : RowRecord
    title : callable, optional
        Gives the title of a slice; its name by default.
    """
    protocol = record["protocol"]
    notes = []
    for name, counts in slice_counts(record).items():
        absent = [protocol["classes"][label] for label, count in enumerate(counts) if not count]
        if not any(counts):
            notes.append(f"{title(name)}: the data has no sample in this slice")
        elif absent:
            rule = protocol["absent_class"]
            sentence = f"rule {rule!r}: {absent_class_sentence(rule)}"
            notes.append(f"{title(name)}: no true sample of {', '.join(absent)} ({sentence})")
    return notes


def result_object(row: RowResults, result: SeedResult, name: str) -> dict[str, object]:
    """Return a result as ``--json`` prints it; without scores if folds are missing.

    Parameters
    ----------
    row : RowResults
    result : SeedResult
        One of the row's.
    name : str
        The row's short name.
    """
    record, settings = result.record, result.record["settings"]
    cells = [cell for cell in row.stored if cell["seed"] == result.seed]
    return {
        "protocol": record["protocol"]["name"],
        "method": record["method"]["name"],
        "row": name,
        "seed": result.seed,
        "deterministic": record["deterministic"],
        "selection": result.selection,
        "preset": settings["preset"] or DEFAULTS,
        "changed": settings["changed"],
        "differs": settings["differs"],
        "badge": badge(record),
        "caveats": record["caveats"],
        "params": record["params"],
        "input": record["input"],
        "representation": record["representation"],
        "arithmetic": record["arithmetic"],
        "processors": sorted({cell["processor"] for cell in cells}),
        "row_key": record["row_key"],
        "n_samples": len(result.predictions),
        "n_folds": result.total,
        "folds_done": result.done,
        "folds_failed": result.failed,
        "slices": {
            name: {metric: getattr(scores, metric) for metric in METRICS} for name, scores in result.slices.items()
        },
    }
