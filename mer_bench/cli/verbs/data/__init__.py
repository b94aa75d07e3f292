"""``mer-bench data``: its commands, each imported only when it is called."""

from mer_bench.cli import LazyGroup

command = LazyGroup(
    name="data",
    help="Check, list, preprocess and generate data.",
    home="mer_bench.cli.verbs.data.{}",
    verbs={
        "check": "show what is missing or unreadable, and compare the counts with the protocols",
        "list": "print the samples as CSV",
        "preprocess": "compute representations ahead of a run",
        "synth": "write a synthetic release in an official layout",
        "info": "show the data's fingerprints and the size of the cache, or clean the cache",
    },
)
