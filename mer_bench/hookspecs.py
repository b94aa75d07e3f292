"""Every hook a plugin may implement. Declare one under the entry-point group ``mer_bench.plugins``."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from mer_bench.specs import DatabaseSpec, MethodSpec, ProtocolSpec

PROJECT = "mer_bench"
ENTRY_POINT_GROUP = "mer_bench.plugins"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def mer_bench_methods() -> Iterable[MethodSpec]:
    """Return the methods this plugin offers."""
    return ()


@hookspec
def mer_bench_databases() -> Iterable[DatabaseSpec]:
    """Return the database readers this plugin offers."""
    return ()


@hookspec
def mer_bench_protocols() -> Iterable[ProtocolSpec]:
    """Return the protocols this plugin offers."""
    return ()
