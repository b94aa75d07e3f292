"""A new plugin's files, rendered: what ``mer-bench plugin new`` writes."""

from mer_bench.scaffold.names import PluginNames
from mer_bench.scaffold.project import NewPlugin, new_plugin

__all__ = ["NewPlugin", "PluginNames", "new_plugin"]
