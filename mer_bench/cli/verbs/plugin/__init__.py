"""``mer-bench plugin``: its own verbs, each imported only when it is called."""

from __future__ import annotations

import click

from mer_bench.cli import LazyGroup

_VERBS = {"new": "write a plugin that works as it is, to be made your own"}


@click.group(name="plugin", cls=LazyGroup, verbs=_VERBS, home="mer_bench.cli.verbs.plugin.{}")
def command() -> None:
    """Start a plugin of your own."""
