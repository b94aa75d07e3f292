"""What a run writes down of itself: its ``manifest.json``."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from mer_bench.engine.environment import environment
from mer_bench.engine.resources import Resources
from mer_bench.evaluation.plan import Plan
from mer_bench.plugin_manager import Catalogue
from mer_bench.store import Store
from mer_bench.store.files import digest
from mer_bench.store.schema import SCHEMA
from mer_bench.version import __version__


def run_manifest(
    plan: Plan, catalogue: Catalogue, resources: Resources, faces: Mapping[str, object]
) -> dict[str, object]:
    """Return the manifest of a run.

    Parameters
    ----------
    plan : Plan
    catalogue : Catalogue
    resources : Resources
    faces : mapping of str to object
        For each row key, how many faces and key regions each detector found.
    """
    uses_device = any(row.uses_device for row in plan.rows)
    return {
        "schema": SCHEMA,
        "argv": sys.argv,
        "mer_bench": __version__,
        "selection": plan.selection,
        "rows": [row.record["row_key"] for row in plan.rows],
        "cells": len(plan.cells),
        "count_problems": list(plan.data.problems),
        "faces": faces,
        "plugins": [f"{r.name} {r.distribution} {r.version} {r.status.value}" for r in catalogue.records],
        "device": resources.torch_device() if uses_device else "cpu",
        "jobs": resources.jobs,
        **environment(),
    }


def start_part(store: Store, manifest: Mapping[str, object], run_id: str) -> str:
    """Store the manifest of a worker of a planned run, and return the worker's id.

    Workers on machines of one kind share it.
    """
    kind = {name: manifest[name] for name in ("device", *environment())}
    return store.start_run({**manifest, "part_of": run_id}, f"{run_id}-{digest(kind)[:6]}")
