"""The plan of a run: its rows and cells. Making it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mer_bench.caveats import is_synthetic
from mer_bench.databases.base import DataSource
from mer_bench.errors import MerBenchError, unknown
from mer_bench.evaluation.cells import Cell
from mer_bench.evaluation.protocol_data import ProtocolData, read_protocol_data
from mer_bench.evaluation.request import Request
from mer_bench.evaluation.rows import Row, make_row
from mer_bench.parameters import ParameterValue
from mer_bench.plugin_manager import Catalogue
from mer_bench.protocol import Protocol, load_protocol
from mer_bench.representations.preprocessing import resolve_preprocessing
from mer_bench.representations.resolve import given_representation
from mer_bench.rules import SELECTIONS
from mer_bench.settings import resolve_settings
from mer_bench.specs import QUICK_PRESET, MethodSpec

BASELINES = ("majority", "random", "svm-flow")
"""Methods that any other method must beat."""


@dataclass(frozen=True)
class Plan:
    """Everything a run will do.

    Parameters
    ----------
    data : ProtocolData
    selection : str
    rows : tuple of Row
    cells : tuple of Cell
    chose_quick : bool
        The data is synthetic and the request names no preset: methods that have a preset ``quick`` use it.
    skipped : tuple of str
        A sentence for each method that was left out because the data cannot give its input.
    """

    data: ProtocolData
    selection: str
    rows: tuple[Row, ...]
    cells: tuple[Cell, ...]
    chose_quick: bool = False
    skipped: tuple[str, ...] = ()


def make_plan(request: Request, source: DataSource, catalogue: Catalogue) -> Plan:
    """Check a request against what is installed and against the data, and list its cells.

    Raises
    ------
    MerBenchError
        Anything in the request or the data that cannot be used.
    """
    chosen = catalogue.protocol(request.protocol)
    protocol = load_protocol(chosen.path, chosen.name)
    selection = _selection(request, protocol)
    specs = catalogue.named_methods(request.methods)
    skipped = _unsuitable(specs, source, skip=request.skip_unsuitable)
    # On synthetic data, where a score means nothing, the quick preset is good enough.
    otherwise = QUICK_PRESET if request.preset is None and is_synthetic(source.caveats) else None
    settings = resolve_settings(specs, preset=request.preset, overrides=request.overrides, otherwise=otherwise)
    methods = [(spec, params) for spec, params in zip(specs, settings, strict=True) if spec.name not in skipped]
    chose_quick = any(otherwise in spec.presets for spec, _ in methods)
    if request.baselines:
        methods += _baselines(specs, source, catalogue)
    preprocessing = resolve_preprocessing(request.preprocessing, source)
    data = read_protocol_data(protocol, source, allow_partial=request.allow_partial)
    rows = tuple(
        make_row(data, spec, params, preprocessing=preprocessing, selection=selection) for spec, params in methods
    )
    cells = tuple(
        Cell(i, seed, fold)
        for i, row in enumerate(rows)
        for seed in range(1 if row.record["deterministic"] else request.seeds)
        for fold in data.folds
    )
    return Plan(data, selection, rows, cells, chose_quick=chose_quick, skipped=tuple(skipped.values()))


def _selection(request: Request, protocol: Protocol) -> str:
    selection = request.selection or protocol.selection
    if selection not in SELECTIONS:
        raise unknown("selection rule", selection, SELECTIONS)
    return selection


def _unsuitable(specs: Sequence[MethodSpec], source: DataSource, *, skip: bool) -> dict[str, str]:
    """Return the methods whose input the data cannot give, each with a sentence for it.

    Raises
    ------
    MerBenchError
        There are some and ``skip`` is False, or no method is left.
    """
    wanted = {spec.name: spec.representation.name for spec in specs if given_representation(spec, source) is None}
    left = [spec.name for spec in specs if spec.name not in wanted]
    if wanted and not (skip and left):
        if len(specs) == 1:
            ((name, representation),) = wanted.items()
            subject = f"{name} cannot run on this data: it takes {representation!r}"
        else:
            inputs = ", ".join(f"{name} takes {representation!r}" for name, representation in wanted.items())
            subject = f"{len(wanted)} of {len(specs)} named methods cannot run on this data: {inputs}"
        offer = (
            f", or add --skip-unsuitable (skip_unsuitable=True in Python) to run only {', '.join(left)}" if left else ""
        )
        nothing = "; no other method is named" if len(wanted) == 1 else "; no method is left to run"
        raise MerBenchError(
            f"{subject}, but the data holds ready-made {source.native!r} maps only{nothing if skip else ''}; name data "
            f"with frames (an official release, or --data synthetic){offer}"
        )
    return {
        name: f"{name} is left out: it takes {representation!r}, but the data holds ready-made {source.native!r} maps "
        "only"
        for name, representation in wanted.items()
    }


def _baselines(
    named: list[MethodSpec], source: DataSource, catalogue: Catalogue
) -> list[tuple[MethodSpec, dict[str, ParameterValue]]]:
    """Return the baselines that are not named; presets and overrides do not apply to them.

    A blocked baseline is left out. A plugin cannot add a baseline: it would run, and fail, in everybody's runs.
    """
    specs = [catalogue.methods[name] for name in BASELINES if name in catalogue.methods]
    return [
        (spec, spec.resolve(None, {}))
        for spec in specs
        if spec not in named and given_representation(spec, source) is not None
    ]
