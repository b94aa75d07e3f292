"""The plan of a run: rows and cells, worked out before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass

from mer_bench.caveats import is_synthetic
from mer_bench.databases.base import DataSource
from mer_bench.errors import unknown
from mer_bench.evaluation.protocol_data import ProtocolData, read_protocol_data
from mer_bench.evaluation.request import Request
from mer_bench.evaluation.rows import Row, make_row
from mer_bench.plugin_manager import Catalogue
from mer_bench.protocol import Protocol, load_protocol
from mer_bench.representations.preprocessing import resolve_preprocessing
from mer_bench.representations.resolve import given_representation
from mer_bench.rules import SELECTIONS
from mer_bench.settings import resolve_settings
from mer_bench.specs import QUICK_PRESET, MethodSpec, ParameterValue

BASELINES = ("majority", "random", "svm-flow")
"""What any method must beat."""


@dataclass(frozen=True)
class Cell:
    """The unit of work: one row at one seed with one subject held out."""

    row: int
    """Index into `Plan.rows`."""
    seed: int
    fold: str


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
        No preset was asked for, and the data is synthetic: the preset ``quick`` is used by the methods that have it.
    """

    data: ProtocolData
    selection: str
    rows: tuple[Row, ...]
    cells: tuple[Cell, ...]
    chose_quick: bool = False


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
    chose_quick = (
        request.preset is None and is_synthetic(source.caveats) and any(QUICK_PRESET in spec.presets for spec in specs)
    )
    # On synthetic data, where a score means nothing, the quick way is good enough.
    otherwise = QUICK_PRESET if chose_quick else None
    settings = resolve_settings(specs, preset=request.preset, overrides=request.overrides, otherwise=otherwise)
    methods = list(zip(specs, settings, strict=True))
    if request.baselines:
        methods += _baselines(specs, source, catalogue)
    preprocessing = resolve_preprocessing(request.preprocessing, source)
    data = read_protocol_data(protocol, source, allow_partial=request.allow_partial)
    rows = tuple(
        make_row(data, spec, params, preprocessing=preprocessing, selection=selection) for spec, params in methods
    )
    cells = tuple(Cell(i, seed, fold) for i in range(len(rows)) for seed in range(request.seeds) for fold in data.folds)
    return Plan(data, selection, rows, cells, chose_quick)


def _selection(request: Request, protocol: Protocol) -> str:
    selection = request.selection or protocol.selection
    if selection not in SELECTIONS:
        raise unknown("selection rule", selection, SELECTIONS)
    return selection


def _baselines(
    named: list[MethodSpec], source: DataSource, catalogue: Catalogue
) -> list[tuple[MethodSpec, dict[str, ParameterValue]]]:
    """Return the baselines that are not named: neither a preset nor an override is meant for them.

    One that is blocked is left out. A plugin cannot add one: it would stand, and fail, in everybody's runs.
    """
    specs = [catalogue.methods[name] for name in BASELINES if name in catalogue.methods]
    return [
        (spec, spec.resolve(None, {}))
        for spec in specs
        if spec not in named and given_representation(spec, source) is not None
    ]
