"""Checks of settings and of what a row's input was made from."""

from __future__ import annotations

from mer_bench.caveats import is_synthetic
from mer_bench.checks.base import Answer, Severity, check, grouped, grouped_unknown
from mer_bench.checks.material import Material
from mer_bench.representations.settings import is_from_frames
from mer_bench.result_texts import badge, differs_text
from mer_bench.store.near_duplicates import NearDuplicates
from mer_bench.store.schema import RowRecord

_UNNAMED = ("", "unnamed data", "unnamed maps", "no release")
"""What data is called that has no name."""


@check(
    "MER010",
    "near-duplicate samples across databases",
    Severity.WARNING,
    meaning="Two samples of different subjects look the same. If they are one recording under two names, as may "
    "happen where databases share recordings or a file was copied, a training set holds the test sample.",
    looks_at="When a run stacks its inputs, it correlates each sample with those of all other subjects, of other "
    "databases and of its own, and stores the pairs at 0.95 or above (of frames at 0.98). Each channel of a map is "
    "standardised, larger maps are reduced to about 28 by 28; of frames only the middle one counts, less the mean "
    "over all samples. Among the 442 maps of the composite database the highest correlation of two subjects is 0.70, "
    "and of two maps of one subject 0.88. It cannot see a copy that is mirrored, shifted by a pixel or cut at other "
    "frames, nor the same person in two recordings. The threshold of frames was tried on generated ones only, whose "
    "subjects reach 0.94.",
    cure="Look at the two samples. If they are one, exclude one of them in the protocol (`excluded`), and run again "
    "in a new folder.",
)
def near_duplicates(material: Material) -> Answer:
    """Look for samples of different subjects that are nearly the same."""
    known = {material.name(row): material.near_duplicates[row.record["row_key"]] for row in material.rows if row.cells}
    yield from grouped((row, sentence) for row, found in known.items() if found for sentence in _pairs(found))
    why = "its run stored no comparison of samples: mer-bench was older, or the input was not at hand"
    yield from grouped_unknown((row, why) for row, found in known.items() if found is None)


def _pairs(found: NearDuplicates) -> list[str]:
    sentences = [f"{' and '.join(pair['samples'])} correlate by {pair['correlation']:.3f}" for pair in found["pairs"]]
    more = found["found"] - len(found["pairs"])
    return [*sentences, *([f"{more} more pairs correlate by {found['threshold']} or more"] if more > 0 else [])]


@check(
    "MER011",
    "not the paper's preset",
    Severity.WARNING,
    meaning="The row was not trained as the method's paper says, so its score says nothing about the paper's.",
    looks_at="The parameters of each row beside the preset `paper` of its method. Methods without that preset have "
    "no finding.",
    cure="Run with `--preset paper`, or name the preset beside the score, as the report does.",
)
def other_preset(material: Material) -> Answer:
    """Look for rows whose parameters are not those of the paper's preset."""
    for_each = ((material.name(row), row.record) for row in material.rows)
    yield from grouped(
        (name, f"{badge(record)}; it differs in {differs_text(record)}") for name, record in for_each if badge(record)
    )


@check(
    "MER014",
    "input not named",
    Severity.WARNING,
    meaning="Nobody can tell what the scores were measured on. The same 442 samples give other scores with another "
    "optical flow or another crop.",
    looks_at="What the data says of itself: a name; and for ready-made maps, their source and the algorithm of their "
    "flow.",
    cure="Describe the maps in their `maps.toml` (name, source, flow), or give the reader of the data `input_facts`; "
    "then run again in a new folder.",
)
def unnamed_input(material: Material) -> Answer:
    """Look for rows whose input lacks a name, a source or its flow."""
    yield from grouped(
        (material.name(row), f"not stated of its input {row.record['input']['name']!r}: {', '.join(missing)}")
        for row in material.rows
        if (missing := _not_stated(row.record))
    )


def _not_stated(record: RowRecord) -> list[str]:
    made = record["input"]
    needed = {"name": made["name"] not in _UNNAMED}
    # Frames of a release are named by it, and their flow is computed; generated maps have no algorithm.
    if not is_from_frames(record["representation"]["params"]):
        needed["source"] = bool(made["source"])
        needed["flow"] = bool(made["flow"]) or is_synthetic(record["caveats"])
    return [name for name, is_stated in needed.items() if not is_stated]
