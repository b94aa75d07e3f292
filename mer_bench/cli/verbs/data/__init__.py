"""``mer-bench data``: its own verbs, each imported only when it is called."""

from __future__ import annotations

import click

from mer_bench.cli import LazyGroup

_VERBS = {
    "check": "what is found, missing or unreadable, and the counts against the protocols",
    "list": "the samples as CSV",
    "prepare": "compute representations ahead of a run",
    "synth": "write a synthetic release in an official layout",
    "info": "fingerprints, and the cache: its size, and cleaning it",
}


@click.group(name="data", cls=LazyGroup, verbs=_VERBS, home="mer_bench.cli.verbs.data.{}")
def command() -> None:
    """Check, list, prepare and make data."""
