"""The plan of a run, as the terminal shows it before the work starts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mer_bench.caveats import is_synthetic
from mer_bench.cli.row_texts import settings_text
from mer_bench.evaluation.plan import Plan
from mer_bench.evaluation.protocol_data import ProtocolData
from mer_bench.evaluation.rows import Row
from mer_bench.representations.resolve import recipe_of
from mer_bench.representations.settings import PREPROCESSING
from mer_bench.result_texts import input_text
from mer_bench.specs import QUICK_PRESET
from mer_bench.sweep import Setting, setting_text

_MOST_ROWS = 20
"""Of one method in a plan."""


def plan_lines(plan: Plan, n_pending: int, *, verbose: bool = False) -> Iterator[str]:
    """Yield the plan, a line each: protocol, data, methods, preprocessing, rows of a sweep, and cells to be computed.

    Parameters
    ----------
    plan : Plan
    n_pending : int
        Cells to be computed.
    verbose : bool
        Show every setting, not only those that differ from their defaults.
    """
    n_cells = len(plan.cells)
    if plan.chose_quick:
        yield f"preset {QUICK_PRESET!r} is used, because the data is synthetic; choose another with --preset"
    yield from _data_lines(plan)
    yield from dict.fromkeys(f"input: {input_text(row.record)}" for row in plan.rows)
    yield from _method_lines(plan, verbose=verbose)
    preprocessing = _preprocessing(plan, verbose=verbose)
    if preprocessing:
        yield f"preprocessing: {setting_text(preprocessing)}"
    if any(plan.varied):
        yield f"rows: {len(plan.rows)} in total, {', '.join(_sweep_texts(plan))}"
    yield f"cells: {n_cells} in total, {n_cells - n_pending} stored, {n_pending} to compute"


def _method_lines(plan: Plan, *, verbose: bool) -> Iterator[str]:
    """Yield a line for each row; of a long sweep only the first ones, unless every setting is asked for."""
    shown: Counter[str] = Counter()
    for row, varied in zip(plan.rows, plan.varied, strict=True):
        shown[row.name] += 1
        if shown[row.name] > _MOST_ROWS and not verbose:
            continue
        every = f": {setting_text(row.setting.params)}" if verbose and row.setting.params else ""
        swept = f" with {setting_text(varied)}" if varied else ""
        yield f"method {row.name}{swept} ({_input(row)}): {settings_text(row.record)}{every}"
    for name, count in shown.items():
        if count > _MOST_ROWS and not verbose:
            yield f"method {name}: {count - _MOST_ROWS} more combinations; --verbose shows them"


def _sweep_texts(plan: Plan) -> Iterator[str]:
    """Yield for each method of a sweep how many combinations it has, and of what."""
    swept: dict[str, list[Setting]] = {}
    for row, varied in zip(plan.rows, plan.varied, strict=True):
        if varied:
            swept.setdefault(row.name, []).append(varied)
    for name, settings in swept.items():
        parameters = dict.fromkeys(parameter for setting in settings for parameter in setting)
        yield f"{len(settings)} of them combinations of {name}'s {', '.join(parameters)}"


def _data_lines(plan: Plan) -> Iterator[str]:
    data, protocol = plan.data, plan.data.protocol
    yield (
        f"protocol {protocol.name}@{protocol.version}: {len(data.table.sample_ids)} samples, {len(data.folds)} folds, "
        f"selection {plan.selection}"
    )
    if protocol.note:
        yield protocol.note
    yield from _partial_lines(data)
    if data.unusable:
        first = f"(`mer-bench data check` lists them); the first: {data.unusable[0]}"
        yield f"problems of the data: {len(data.unusable)} {first}"


def _partial_lines(data: ProtocolData) -> Iterator[str]:
    if is_synthetic(data.caveats) and data.problems:
        yield f"partial: {len(data.problems)} counts differ from the protocol's, as synthetic data may"
    else:
        yield from (f"partial: {problem}" for problem in data.problems)


def _input(row: Row) -> str:
    representation = row.record["representation"]
    own = row.setting.spec.representation.name
    stands_in = f" instead of {own}" if representation["name"] != own else ""
    ready_made = "" if recipe_of(representation) else "ready-made "
    return f"{ready_made}{representation['name']}{stands_in}"


def _preprocessing(plan: Plan, *, verbose: bool) -> dict[str, object]:
    """Return the settings by which frames are preprocessed, which are the same for all rows."""
    used = {name: value for row in plan.rows for name, value in row.record["representation"]["params"].items()}
    return {
        setting.name: used[setting.name]
        for setting in PREPROCESSING
        if setting.name in used and (verbose or used[setting.name] != setting.default)
    }
