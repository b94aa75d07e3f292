"""A new plugin's files, rendered: what ``mer-bench plugin new`` writes."""

from __future__ import annotations

from mer_bench.scaffold.names import KINDS as KINDS
from mer_bench.scaffold.names import PluginNames as PluginNames
from mer_bench.scaffold.project import CI as CI
from mer_bench.scaffold.project import NewPlugin as NewPlugin
from mer_bench.scaffold.project import new_plugin as new_plugin

__all__ = ["CI", "KINDS", "NewPlugin", "PluginNames", "new_plugin"]
