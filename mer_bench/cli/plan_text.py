"""What the terminal shows of a plan, before it is carried out."""

from __future__ import annotations

from collections.abc import Iterator

from mer_bench.caveats import is_synthetic
from mer_bench.evaluation.plan import Plan
from mer_bench.evaluation.protocol_data import ProtocolData
from mer_bench.evaluation.rows import Row
from mer_bench.specs import QUICK_PRESET, value_text


def plan_lines(plan: Plan, n_pending: int) -> Iterator[str]:
    """Yield the plan in a few lines: protocol, data, rows, cells stored and to be computed."""
    n_cells = len(plan.cells)
    if plan.chose_quick:
        yield f"Synthetic data: preset {QUICK_PRESET!r} is used; ask for another with --preset."
    yield from _data_lines(plan)
    for row in plan.rows:
        params = ", ".join(f"{name}={value_text(value)}" for name, value in row.setting.params.items())
        yield f"method {row.name}: {params or 'no parameters'}"
        yield f"  takes {_representation(row)}"
    yield f"cells: {n_cells} in all, {n_cells - n_pending} stored, {n_pending} to compute"


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
        yield f"partial: {len(data.problems)} counts are not the protocol's; those of synthetic data need not be"
    else:
        yield from (f"partial: {problem}" for problem in data.problems)


def _representation(row: Row) -> str:
    representation = row.record["representation"]
    params = ", ".join(
        f"{name}={value}" for name, value in representation["params"].items() if name not in row.setting.params
    )
    return f"{representation['name']}" + (f": {params}" if params else ", ready-made")
