"""What a row's input was made from, and how: the facts that tell one input from another."""

from __future__ import annotations

from mer_bench.representations.settings import OF_METHOD, is_from_frames, is_scaled_for_method
from mer_bench.store.schema import RowRecord
from mer_bench_reports.provenance import params_text, shown_value, without_folders
from mer_bench_reports.report_data import Fact

NOT_STATED = "not stated"

Preprocessing = frozenset[tuple[str, str]]
"""Settings and their values as text."""

InputKey = tuple[tuple[str, str], ...]
"""What rows must share to have the same input, preprocessing apart."""

_CHOSEN_BY_METHOD = {parameter.name for parameters in OF_METHOD.values() for parameter in parameters}


def preprocessing(record: RowRecord) -> Preprocessing:
    """Return the settings of a run by which the input was made from frames; empty for ready-made maps.

    What a method chooses for itself, such as its key regions, is left out.
    """
    params = record["representation"]["params"]
    if not is_from_frames(params):
        return frozenset()
    return frozenset((name, shown_value(value)) for name, value in params.items() if name not in _CHOSEN_BY_METHOD)


def input_key(record: RowRecord) -> InputKey:
    """Return what identifies the data: its fingerprints, and what it declares to be.

    Source, citation and licence are words for the reader; correcting them makes no other data.
    """
    made = record["input"]
    declared = (("name", made["name"]), ("flow", made["flow"]), ("scale", made["scale"]))
    return (*declared, ("channels", ", ".join(made["channels"])), *sorted(record["fingerprints"].items()))


def input_facts(record: RowRecord, shared: Preprocessing | None = None) -> tuple[Fact, ...]:
    """Return what a row's input is.

    Parameters
    ----------
    record : RowRecord
    shared : Preprocessing, optional
        The preprocessing of a comparison; the row's own by default.
    """
    made = record["input"]
    settings = preprocessing(record) if shared is None else shared
    flow, scale, made_by = made["flow"], made["scale"], "none, ready-made"
    if settings:
        flow = dict(settings).get("flow", "not used")
        made_by = ", ".join(f"{name}={value}" for name, value in sorted(settings))
    if is_scaled_for_method(record["representation"]["params"]):
        scale = own_scale(record) if shared is None else "chosen by each method"
        made_by = made_by if settings else "none but the scale, ready-made"
    facts = (
        ("input", made["name"]),
        ("source", made["source"]),
        ("citation", made["citation"]),
        ("licence", made["licence"]),
        ("flow", flow),
        ("channels", ", ".join(made["channels"])),
        ("scale", scale),
        ("digest", made["digest"][:12]),
        ("preprocessing", made_by),
    )
    return tuple((label, without_folders(text) or NOT_STATED) for label, text in facts)


def own_scale(record: RowRecord) -> str:
    """Return how a map is scaled whose method may choose it; without a choice, a ready-made one keeps its scale."""
    params = record["representation"]["params"]
    return shown_value(params.get("scale", params.get("data_scale", "not used")))


def representation_text(record: RowRecord) -> str:
    """Return the representation with the settings that the method chose."""
    made = record["representation"]
    chosen = params_text({name: value for name, value in made["params"].items() if name in _CHOSEN_BY_METHOD})
    return f"{made['name']}{f' ({chosen})' if chosen else ''}, hash {made['hash'][:12]}"
