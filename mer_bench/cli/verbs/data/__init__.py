"""``mer-bench data``: its own verbs, each imported only when it is called."""

from mer_bench.cli import LazyGroup

command = LazyGroup(
    name="data",
    help="Check, list, preprocess and make data.",
    home="mer_bench.cli.verbs.data.{}",
    verbs={
        "check": "what is found, missing or unreadable, and the counts against the protocols",
        "list": "the samples as CSV",
        "preprocess": "compute representations ahead of a run",
        "synth": "write a synthetic release in an official layout",
        "info": "fingerprints, and the cache: its size, and cleaning it",
    },
)
