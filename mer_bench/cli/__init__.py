"""The command line: one module a verb, imported only when the verb is used."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from mer_bench.cli.exit_codes import ExitCode
from mer_bench.errors import MerBenchError, unknown
from mer_bench.version import __version__

_VERBS = {
    "run": "measure methods under a protocol",
    "status": "what a results folder holds, and what is missing",
    "report": "write the comparison as HTML, Markdown and CSV",
    "export": "write stored predictions as a MEGC2019 log",
    "score": "score a MEGC2019 log",
    "list": "what is installed: methods, protocols, databases",
    "describe": "a method: parameters, presets, citation, size of its network",
    "plugins": "installed plugins, and why one does not work",
    "plugin": "start a plugin of your own",
    "check": "whether a method keeps its contract",
    "data": "check, list, preprocess and make data",
}


class LazyGroup(click.Group):
    """A group that knows its verbs by name and imports the one that is called.

    Parameters
    ----------
    verbs : mapping of str to str
        Verb to its line of help.
    home : str
        The verb's module, with ``{}`` for its name; it holds a click command called ``command``.
    """

    def __init__(self, *, verbs: Mapping[str, str], home: str, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.verbs, self.home = verbs, home

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = _hyphenated(cmd_name)
        if name not in self.verbs:
            raise unknown("verb", cmd_name, self.verbs)
        command: click.Command = import_module(self.home.format(name)).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.verbs.items()))


def _hyphenated(token: str) -> str:
    return token.replace("_", "-")


@click.group(
    cls=LazyGroup,
    verbs=_VERBS,
    home="mer_bench.cli.verbs.{}",
    context_settings={"help_option_names": ["-h", "--help"], "token_normalize_func": _hyphenated},
)
@click.version_option(__version__, prog_name="mer-bench")
def cli() -> None:
    """Benchmark micro-expression recognition methods on exactly the same samples."""


def main() -> None:
    """Run the command line; one sentence and exit code 2 for bad input, never a traceback."""
    _open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A path need not be UTF-8, nor the terminal: an odd character is no reason to stop.
            stream.reconfigure(errors="backslashreplace")
    code = _run()
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        # Python would flush once more when it ends, and complain once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError) and code != ExitCode.BAD_INPUT:  # else it is said already
            code = _say_error(f"cannot write to the standard output ({error.strerror})")
    sys.exit(code)


def _open_standard_streams() -> None:
    """Give a closed stdin, stdout or stderr the null device: else the next file opened would take its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115  (it lives as long as we do)


def _run() -> int:
    try:
        # Not standalone: what the verb returns comes back, through the groups above it.
        code: int | None = cli.main(prog_name="mer-bench", standalone_mode=False)
        return ExitCode.DONE if code is None else code
    except click.UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # no verb: newer versions of click raise the help
            error.show()
            return ExitCode.BAD_INPUT
        place = error.ctx.command_path if error.ctx else "mer-bench"
        return _say_error(f"{_one_line(error.format_message())}; see `{place} --help`")
    except click.ClickException as error:
        return _say_error(_one_line(error.format_message()))
    except MerBenchError as error:
        return _say_error(str(error))
    except (click.Abort, KeyboardInterrupt) as stop:
        # click makes an Abort of Ctrl-C; what mer-bench says of it stands in the cause.
        kept = str(stop.__cause__ or stop)
        click.echo(f"interrupted: {kept}" if kept else "interrupted", err=True)
        return ExitCode.INTERRUPTED
    except SystemExit:
        # click ends a broken pipe with 1, which says here that cells failed; it leaves this wrapper behind.
        if type(sys.stdout).__name__.endswith("PacifyFlushWrapper"):
            return ExitCode.DONE
        raise
    except OSError as error:
        place = error.filename or "a file or the standard output"
        return _say_error(f"{place}: {error.strerror or error}; check the path, its permissions and the space left")


def _say_error(sentence: str) -> ExitCode:
    click.echo(f"error: {sentence}", err=True)
    return ExitCode.BAD_INPUT


def _one_line(message: str) -> str:
    return " ".join(message.split()).rstrip(".")
