"""``mer-bench rows``: its commands, each imported only when it is called."""

from mer_bench.cli import LazyGroup

command = LazyGroup(
    name="rows",
    help="List, show and remove stored rows: a method with its parameters on one protocol and input.",
    home="mer_bench.cli.verbs.rows.{}",
    verbs={
        "list": "list the stored rows with their names, settings and input",
        "show": "show everything that is stored about one row",
        "rm": "remove rows with their cells and artifacts",
    },
)
