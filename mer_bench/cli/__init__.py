"""The command line: one module a verb, imported only when the verb is used."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from mer_bench import __version__
from mer_bench.errors import MerBenchError

_VERBS = {
    "run": "measure methods under a protocol",
    "status": "what a results folder holds, and what is missing",
    "report": "write the comparison as HTML, Markdown and CSV",
    "export": "write stored predictions as a MEGC2019 log",
    "score": "score a MEGC2019 log",
    "list": "what is installed: methods, protocols, databases",
    "plugins": "installed plugins, and why one does not work",
}

EXIT_FAILED_CELLS = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


class _LazyGroup(click.Group):
    """A group that knows its verbs by name and imports the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = cmd_name.replace("_", "-")
        if name not in _VERBS:
            return None
        command: click.Command = import_module(f"mer_bench.cli.{name}_verb").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_VERBS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mer-bench")
def cli() -> None:
    """Benchmark micro-expression recognition methods on exactly the same samples."""


def main() -> None:
    """Run the command line; one sentence and exit code 2 for bad input, never a traceback."""
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except MerBenchError as error:
        click.echo(f"error: {error}", err=True)
        code = EXIT_BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)
