"""The hooks that a plugin may implement. A plugin is a module named in the entry-point group ``mer_bench.plugins``."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from mer_bench.specs import AblationSpec, DatabaseSpec, ExecutorSpec, MethodSpec, ProtocolSpec, TrackerSpec

PROJECT = "mer_bench"
ENTRY_POINT_GROUP = "mer_bench.plugins"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def mer_bench_methods() -> Iterable[MethodSpec]:
    """Return the methods that this plugin provides."""
    return ()


@hookspec
def mer_bench_databases() -> Iterable[DatabaseSpec]:
    """Return the database readers that this plugin provides."""
    return ()


@hookspec
def mer_bench_protocols() -> Iterable[ProtocolSpec]:
    """Return the protocols that this plugin provides."""
    return ()


@hookspec
def mer_bench_ablations() -> Iterable[AblationSpec]:
    """Return the ablations that this plugin provides, of its own methods or of others."""
    return ()


@hookspec
def mer_bench_executors() -> Iterable[ExecutorSpec]:
    """Return the executors that this plugin provides, which start the tasks of runs on other machines."""
    return ()


@hookspec
def mer_bench_trackers() -> Iterable[TrackerSpec]:
    """Return the trackers that this plugin provides, which log the values of trainings while they run."""
    return ()
