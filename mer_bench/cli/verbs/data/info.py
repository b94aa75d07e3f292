"""``mer-bench data info``."""

from __future__ import annotations

import json

import click

from mer_bench.cli.data_options import data_options, named_source


@click.command(name="info")
@data_options
@click.option("--clean", is_flag=True, help="Empty the cache; every representation is then computed anew.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(path: str | None, options: tuple[str, ...], clean: bool, as_json: bool) -> None:
    """Show the fingerprints of PATH under each protocol that fits it, and the size of the cache.

    Without PATH only the cache is shown.
    """
    from mer_bench.cache import Cache, cache_folder
    from mer_bench.engine.data_info import fingerprints
    from mer_bench.plugin_manager import load_catalogue

    cache = Cache(cache_folder())
    found = fingerprints(named_source(path, options), load_catalogue()) if path is not None else {}
    removed = cache.clear() if clean else 0
    usage = cache.usage()
    if as_json:
        said = {"cache": str(cache.folder), "usage": usage, "removed_bytes": removed, "fingerprints": found}
        click.echo(json.dumps(said, indent=1))
        return
    for protocol, databases in found.items():
        for database, fingerprint in databases.items():
            click.echo(f"{protocol} {database}: {fingerprint}")
    if clean:
        click.echo(f"removed: {removed / 1e6:.1f} MB")
    click.echo(f"cache: {cache.folder}")
    for kind, (files, size) in usage.items():
        click.echo(f"  {kind}: {files} files, {size / 1e6:.1f} MB")
    click.echo(f"  in all: {sum(size for _, size in usage.values()) / 1e6:.1f} MB")
