"""``mer-bench data info``."""

from __future__ import annotations

from dataclasses import asdict

import click

from mer_bench.cli.console import show
from mer_bench.cli.options import data_arguments, json_option, named_source, notice


@click.command(name="info")
@data_arguments
@click.option("--clean", is_flag=True, help="Empty the cache: every representation will be computed again.")
@json_option()
def command(path: str | None, data_options: dict[str, str], clean: bool, as_json: bool) -> None:
    """Show what PATH is, its fingerprints under each protocol that fits it, and the folder and size of the cache.

    Without PATH, only the cache is shown.
    """
    from mer_bench.cache import Cache, cache_folder
    from mer_bench.engine.data_check import fingerprints, input_line
    from mer_bench.plugin_manager import load_catalogue

    cache = Cache(cache_folder())
    source = None if path is None else named_source(path, data_options)
    prints = {} if source is None else fingerprints(source, load_catalogue(), notice)
    facts = None if source is None else source.input_facts()
    removed = cache.clear() if clean else 0
    usage = cache.usage()
    lines = [] if facts is None else [input_line(facts)]
    lines += [f"{protocol} {name}: {sha}" for protocol, databases in prints.items() for name, sha in databases.items()]
    if clean:
        lines.append(f"removed: {removed / 1e6:.1f} MB")
    lines.append(f"cache: {cache.folder}")
    lines += [f"  {kind}: {files} files, {size / 1e6:.1f} MB" for kind, (files, size) in usage.items()]
    lines.append(f"  total: {sum(size for _, size in usage.values()) / 1e6:.1f} MB")
    answer = {
        "cache": str(cache.folder),
        "usage": usage,
        "removed_bytes": removed,
        "input": None if facts is None else asdict(facts),
        "fingerprints": prints,
    }
    show(answer, lines, as_json=as_json, indent=1)
