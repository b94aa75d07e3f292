"""The plan of a run: its rows and cells. Making it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from mer_bench.caveats import is_synthetic
from mer_bench.databases.base import DataSource
from mer_bench.errors import MerBenchError, unknown
from mer_bench.evaluation.cells import Cell
from mer_bench.evaluation.protocol_data import ProtocolData, read_protocol_data
from mer_bench.evaluation.request import Request
from mer_bench.evaluation.rows import Row, make_row
from mer_bench.foreign import ForeignError
from mer_bench.parameters import ParameterValue
from mer_bench.plugin_manager import Catalogue
from mer_bench.protocol import Protocol, load_protocol
from mer_bench.representations.preprocessing import resolve_preprocessing
from mer_bench.representations.resolve import given_representation, resolve_representation
from mer_bench.rules import SELECTIONS
from mer_bench.specs import QUICK_PRESET, MethodSpec
from mer_bench.sweep import Setting, Variant, make_variants

BASELINES = ("majority", "random", "svm-flow")
"""Methods that any other method must beat."""

_Resolved = tuple[Variant, dict[str, ParameterValue]]
_Refused = dict[str, MerBenchError]
"""Why combinations of a sweep cannot run, by their names."""


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
        A sentence for each method that was left out because the data cannot give its input, and for each combination of
        a sweep that was refused.
    varied : tuple of mapping
        For each row what the sweep sets in it; empty for a row outside of a sweep.
    """

    data: ProtocolData
    selection: str
    rows: tuple[Row, ...]
    cells: tuple[Cell, ...]
    chose_quick: bool = False
    skipped: tuple[str, ...] = ()
    varied: tuple[Setting, ...] = ()


def make_plan(request: Request, source: DataSource, catalogue: Catalogue, *, tests: bool = True) -> Plan:
    """Check a request against what is installed and against the data, and list its cells.

    Parameters
    ----------
    request : Request
    source : DataSource
    catalogue : Catalogue
    tests : bool
        Whether networks will be tested on the protocol's subjects, so that their initial weights must not know them.

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
    variants = make_variants(
        specs,
        preset=request.preset,
        otherwise=otherwise,
        overrides=request.overrides,
        grid=request.grid,
        settings=request.settings,
    )
    preprocessing = resolve_preprocessing(request.preprocessing, source)
    resolved, refused = _resolve(variants, source, preprocessing)
    resolved = [(variant, params) for variant, params in resolved if variant.spec.name not in skipped]
    # Before the data is read, which takes time.
    _check_refused(refused, others=bool(resolved), skip=request.skip_unsuitable)
    data = read_protocol_data(protocol, source, allow_partial=request.allow_partial)
    planned, unfit = _rows(resolved, data, preprocessing, selection, tests=tests)
    refused |= unfit
    _check_refused(refused, others=bool(planned), skip=request.skip_unsuitable)
    _refuse_same(planned)
    chose_quick = any(otherwise in variant.spec.presets for variant, _ in planned)
    if request.baselines:
        planned += _rows(_baselines(specs, source, catalogue), data, preprocessing, selection)[0]
    rows = tuple(row for _, row in planned)
    cells = tuple(
        Cell(i, seed, fold)
        for i, row in enumerate(rows)
        for seed in range(1 if row.record["deterministic"] else request.seeds)
        for fold in data.folds
    )
    return Plan(
        data,
        selection,
        rows,
        cells,
        chose_quick=chose_quick,
        skipped=(*skipped.values(), *(f"{name} is left out: {reason}" for name, reason in refused.items())),
        varied=tuple(variant.varied for variant, _ in planned),
    )


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


def _resolve(
    variants: Sequence[Variant], source: DataSource, preprocessing: Mapping[str, ParameterValue]
) -> tuple[list[_Resolved], _Refused]:
    """Return the variants with their parameters, and the combinations of a sweep that method or data refuse."""
    resolved: list[_Resolved] = []
    refused: _Refused = {}
    for variant in variants:
        with _refusing(variant, refused):
            params = variant.resolve()
            if given_representation(variant.spec, source) is not None:
                resolve_representation(variant.spec, params, source, preprocessing)
            resolved.append((variant, params))
    return resolved, refused


def _rows(
    resolved: Sequence[_Resolved],
    data: ProtocolData,
    preprocessing: Mapping[str, ParameterValue],
    selection: str,
    *,
    tests: bool = True,
) -> tuple[list[tuple[Variant, Row]], _Refused]:
    """Return the row of each variant, and the combinations of a sweep whose training settings do not fit."""
    rows: list[tuple[Variant, Row]] = []
    refused: _Refused = {}
    for variant, params in resolved:
        with _refusing(variant, refused):
            row = make_row(data, variant.spec, params, preprocessing=preprocessing, selection=selection, tests=tests)
            rows.append((variant, row))
    return rows, refused


@contextmanager
def _refusing(variant: Variant, refused: _Refused) -> Iterator[None]:
    """Keep why a combination is refused; the settings of a method that is not part of a sweep must work."""
    try:
        yield
    except MerBenchError as error:
        if not variant.varied or isinstance(error, ForeignError):
            raise
        refused[variant.name] = error


def _check_refused(refused: _Refused, *, others: bool, skip: bool) -> None:
    """Refuse a sweep some of whose combinations are refused, unless they can be left out and others are left."""
    if not refused or (skip and others):
        return
    name, reason = next(iter(refused.items()))
    first = "" if len(refused) == 1 else f"{len(refused)} combinations of the sweep cannot run; the first: "
    offer = "; or add --skip-unsuitable (skip_unsuitable=True in Python) to run the others" if others else ""
    raise MerBenchError(f"{first}{name}: {reason}{offer}") from reason


def _refuse_same(planned: Sequence[tuple[Variant, Row]]) -> None:
    """Refuse two combinations that are one row: one sets what the preset has anyway, or names the same weights."""
    names: dict[str, str] = {}
    for variant, row in planned:
        same = names.setdefault(row.record["row_key"], variant.name)
        if same != variant.name:
            raise MerBenchError(f"{same} and {variant.name} have the same settings; leave one out")


def _baselines(named: list[MethodSpec], source: DataSource, catalogue: Catalogue) -> list[_Resolved]:
    """Return the baselines that are not named; presets, overrides and sweeps do not apply to them.

    A blocked baseline is left out. A plugin cannot add a baseline: it would run, and fail, in everybody's runs.
    """
    specs = [catalogue.methods[name] for name in BASELINES if name in catalogue.methods]
    return [
        (Variant(spec, None, {}, {}), spec.resolve(None, {}))
        for spec in specs
        if spec not in named and given_representation(spec, source) is not None
    ]
