"""Compute tasks of a planned run: what of them is missing, on this machine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from mer_bench.databases.open import open_source
from mer_bench.engine.listener import Listener
from mer_bench.engine.resources import Resources
from mer_bench.engine.run import check_devices
from mer_bench.engine.session import Session
from mer_bench.errors import MerBenchError
from mer_bench.evaluation.cells import Cell
from mer_bench.evaluation.plan import Plan
from mer_bench.evaluation.remake import Remaker
from mer_bench.evaluation.rows import Row
from mer_bench.plugin_manager import Catalogue, load_catalogue
from mer_bench.store import Store
from mer_bench.store.run_plan import PlanRecord, TaskRecord, chosen, read_plan


def work(results: Path, run_id: str, numbers: Collection[int], *, jobs: int, listener: Listener) -> Session:
    """Compute what is missing of some tasks of a run, and store it.

    Any number of processes may do so at the same time, for the same tasks, too: each looks again before it starts a
    cell, and what two of them compute is the same.

    Parameters
    ----------
    results : Path
        The results folder.
    run_id : str
    numbers : collection of int
        Of the tasks in the run's plan.
    jobs : int
        How many worker processes.
    listener : Listener

    Raises
    ------
    MerBenchError
        There is no such run or task, the plan's rows cannot be made here, a sample cannot be preprocessed, or the store
        cannot be written. A failed cell raises nothing: it is in the session's ``failures``.
    Interrupted
        Ctrl-C was pressed.
    """
    store = Store.open(results, listener.notice)
    plan = read_plan(store, run_id)
    tasks = chosen(run_id, plan["tasks"], numbers)
    catalogue = load_catalogue()
    resources = Resources(jobs, plan["device"], plan["timeout"], plan["stack"])
    for_samples = [task for task in tasks if task["samples"]]
    session = Session(_own_plan(store, plan, tasks, catalogue), store, catalogue, resources, listener, run_id=run_id)
    check_devices(session.plan, resources)
    listener.planned(session.plan, len(session.pending))
    samples = {sample for task in for_samples for sample in task["samples"]}
    if samples:
        session.inputs.compute(session.inputs.missing(session.plan.rows, samples))
    if session.pending:
        session.run()
    return session


def _own_plan(store: Store, plan: PlanRecord, tasks: Sequence[TaskRecord], catalogue: Catalogue) -> Plan:
    """Return the part of a run's plan that some tasks need, made again from the stored rows and the data.

    Raises
    ------
    MerBenchError
        A row is not in the store, or plugins, data or mer-bench are others here than where the run was planned.
    """
    data = plan["data"]
    remaker = Remaker(catalogue, open_source(data["name"], data["options"], catalogue))
    needed = sorted({row for task in tasks for row in (*task["rows"], *(cell["row"] for cell in task["cells"]))})
    rows: dict[int, Row] = {}
    for index in needed:
        key = plan["rows"][index]
        record = store.row(key)
        if record is None:
            raise MerBenchError(
                f"{store.path} no longer holds row {key[:12]} of the run; plan it again with `mer-bench run`"
            )
        try:
            _, rows[index] = remaker.row(record)
        except MerBenchError as error:
            name = record["method"]["name"]
            raise MerBenchError(f"run {plan['run_id']}, {name}: it cannot be computed here: {error}") from error
    place = {index: number for number, index in enumerate(rows)}
    cells = [Cell(place[cell["row"]], cell["seed"], cell["fold"]) for task in tasks for cell in task["cells"]]
    made = tuple(rows.values())
    if lost := next((cell.fold for cell in cells if cell.fold not in made[cell.row].folds), None):
        raise MerBenchError(f"run {plan['run_id']}: its plan has a fold {lost!r}, which the protocol does not have")
    return Plan(remaker.data(plan["protocol"]), plan["selection"], made, tuple(cells))
