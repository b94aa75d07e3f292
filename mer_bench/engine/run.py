"""The one way to run: from what a user asks to a session that has done it; the command line and Python call it."""

from __future__ import annotations

from dataclasses import replace

from mer_bench.config import load_config
from mer_bench.engine.defaults import decide
from mer_bench.engine.listener import Listener
from mer_bench.engine.session import Session
from mer_bench.evaluation.plan import make_plan
from mer_bench.evaluation.request import Request
from mer_bench.plugin_manager import load_catalogue
from mer_bench.store import Store


def run(request: Request, listener: Listener, *, jobs: int = 1) -> Session:
    """Plan a request and carry it out; what the results folder holds already is not computed again.

    Parameters
    ----------
    request : Request
    listener : Listener
    jobs : int
        Worker processes where neither the request nor the config file names them.

    Raises
    ------
    MerBenchError
        Anything that cannot be used; a failed cell raises nothing and stands in the session's ``failures``.
    Interrupted
        By Ctrl-C.
    """
    session = open_session(request, listener, jobs=jobs)
    session.run()
    return session


def open_session(request: Request, listener: Listener, *, jobs: int = 1, dry: bool = False) -> Session:
    """Plan a request, look what the results folder holds of it, and tell the listener.

    The parameters are those of `run`, and raised is what `run` raises.

    Parameters
    ----------
    dry : bool
        Write nothing: the results folder need not exist.
    """
    catalogue = load_catalogue()
    setup = decide(request, load_config(), catalogue, jobs=jobs, notice=listener.notice)
    plan = make_plan(replace(request, preprocessing=setup.preprocessing), setup.source, catalogue)
    if setup.resources.device == "cuda" and any(row.trains_by_epoch for row in plan.rows):
        setup.resources.torch_device()
    make = Store.look if dry else Store.create
    session = Session(plan, make(setup.folder, listener.notice), catalogue, setup.resources, listener)
    listener.planned(plan, len(session.pending))
    return session
