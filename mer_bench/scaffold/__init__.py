"""The files of a new plugin, rendered from templates for ``mer-bench plugin new``."""

from mer_bench.scaffold.names import PluginNames
from mer_bench.scaffold.project import NewPlugin, new_plugin

__all__ = ["NewPlugin", "PluginNames", "new_plugin"]
