"""Run a request. The command line and Python both call this."""

from __future__ import annotations

from dataclasses import replace

from mer_bench.arithmetic import BF16, has_bf16, processor
from mer_bench.config import load_config
from mer_bench.engine.defaults import decide
from mer_bench.engine.listener import Listener
from mer_bench.engine.resources import Resources
from mer_bench.engine.session import Session
from mer_bench.engine.time_left import long_trainings
from mer_bench.engine.tracking import check_tracker, open_tracking
from mer_bench.errors import MerBenchError
from mer_bench.evaluation.plan import Plan, make_plan
from mer_bench.evaluation.request import Request
from mer_bench.plugin_manager import load_catalogue
from mer_bench.store import Store


def run(request: Request, listener: Listener) -> Session:
    """Plan a request and execute it; cells that the results folder already holds are not computed again.

    Parameters
    ----------
    request : Request
    listener : Listener

    Raises
    ------
    MerBenchError
        The request cannot be met. A failed cell raises nothing: it is in the session's ``failures``.
    Interrupted
        Ctrl-C was pressed.
    """
    session = open_session(request, listener)
    session.run()
    return session


def open_session(request: Request, listener: Listener, *, dry: bool = False, elsewhere: bool = False) -> Session:
    """Plan a request, read which cells the results folder already holds, and notify the listener.

    Parameters
    ----------
    request : Request
    listener : Listener
    dry : bool
        Write nothing: the results folder need not exist.
    elsewhere : bool
        Other machines will compute the cells, so that this one's devices and speed do not matter.

    Raises
    ------
    MerBenchError
        The request cannot be met.
    """
    catalogue = load_catalogue()
    check_tracker(request, catalogue, elsewhere=elsewhere)
    setup = decide(request, load_config(), catalogue, notice=listener.notice)
    plan = make_plan(replace(request, preprocessing=setup.preprocessing), setup.source, catalogue)
    if not elsewhere:
        check_devices(plan, setup.resources)
    make = Store.look if dry else Store.create
    session = Session(plan, make(setup.folder, listener.notice), catalogue, setup.resources, listener)
    if not dry:
        session.tracking = open_tracking(
            request,
            catalogue,
            results=session.store.path,
            rows=plan.rows,
            pending=session.pending,
            notice=listener.notice,
        )
    if session.pending and not dry:
        session.store.get_ready()
    for sentence in plan.skipped:
        listener.notice(sentence)
    listener.planned(plan, len(session.pending))
    for sentence in () if elsewhere else long_trainings(plan, session.pending, setup.resources):
        listener.notice(sentence)
    return session


def check_devices(plan: Plan, resources: Resources) -> None:
    """Refuse a device that is missing, and a precision that the device lacks.

    Torch is imported only where a device was named, or a row asks for such a precision.

    Raises
    ------
    MerBenchError
    """
    if resources.device == "cuda" and any(row.uses_device for row in plan.rows):
        resources.torch_device()
    for row in plan.rows:
        precision = row.setting.precision
        if precision == "fp32" or resources.torch_device() != "cpu":
            continue
        if precision != BF16:
            raise MerBenchError(f"{row.name}: precision={precision} needs a GPU; use precision=fp32 or bf16 on a CPU")
        if not has_bf16():
            raise MerBenchError(
                f"{row.name}: precision={BF16} needs a GPU, or a processor with AVX512-BF16, which this one "
                f"({processor()}) lacks; use precision=fp32"
            )
