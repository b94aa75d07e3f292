"""``mer-bench store``: its commands, each imported only when it is called."""

from mer_bench.cli import LazyGroup

command = LazyGroup(
    name="store",
    help="Take care of a results folder: check its files, merge and upgrade folders, free space.",
    home="mer_bench.cli.verbs.store.{}",
    verbs={
        "verify": "read every file of a results folder, and say which are damaged",
        "merge": "copy the results of other folders into one",
        "upgrade": "make a folder of an older mer-bench one of this version",
        "gc": "remove files that nothing refers to any more",
    },
)
