"""``mer-bench plugin new``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from mer_bench.cli.standard_output import say


@click.command(name="new")
@click.argument("name")
@click.option("--kind", default="torch", show_default=True, help="torch, sklearn or plain (numpy only).")
@click.option(
    "--representation", default="face-flow", show_default=True, help="face-flow, region-flow, flow or frames."
)
@click.option("--title", help="The method's name as it is printed.  [default: the words of NAME]")
@click.option("--citation", help="The paper, with its DOI or arXiv number.  [default: unpublished]")
@click.option("--out", help="The folder to write; it must not exist yet, or be empty.  [default: NAME-mer-bench]")
@click.option("--ci", default="github", show_default=True, help="github or none.")
@click.option(
    "--mer-bench",
    default="mer-bench",
    show_default=True,
    metavar="SOURCE",
    help="Where the plugin's tox and CI get mer-bench from: a requirement for the package index, a Git URL "
    "(git+https://…@TAG), or the path of a checkout or wheel.",
)
def command(name: str, *, out: str | None, **asked: Any) -> None:
    """Write a complete plugin package with one method called NAME: spec, code, tests, tox and CI settings."""
    from mer_bench.plugin_manager import load_catalogue
    from mer_bench.scaffold import new_plugin

    new = new_plugin(name, load_catalogue(), out=Path(out) if out else None, **asked)
    kind = f"{asked['kind']}, {asked['representation']}"
    say(f"{new.folder}: a plugin with the method {new.names.method} ({kind})")
    for file in new.files:
        say(f"  {file}")
    if asked["citation"] is None:
        say(f"Its citation is {new.citation!r}; once there is a paper, name it in the spec.")
    if new.source.direct:
        say(f"Its tox installs {new.source.direct}.")
    else:
        what = new.source.dependency
        say(f"Its tox installs {what} from pip's package index; where that has none, name a checkout with --mer-bench.")
    if new.source.is_local and asked["ci"] != "none":
        say("CI machines lack that path: put a Git URL into tox.ini before you push.")
    # Without a leading dot, pip would take a relative path for the name of a package.
    place = str(new.folder) if new.folder.is_absolute() else f"./{new.folder}"
    say("Next:")
    say(f"  pip install -e {shlex.quote(place)}")
    say(f"  mer-bench check {new.names.method}")
    say(f"  mer-bench run --method {new.names.method} --protocol cde")
