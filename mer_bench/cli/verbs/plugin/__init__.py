"""``mer-bench plugin``: its commands, each imported only when it is called."""

from mer_bench.cli import LazyGroup

command = LazyGroup(
    name="plugin",
    help="Start a plugin of your own.",
    home="mer_bench.cli.verbs.plugin.{}",
    verbs={"new": "write a working plugin package, ready to fill in"},
)
