"""The command line: one module per command, imported only when the command is used."""

from __future__ import annotations

import gc
import io
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn

import click
from click import Option

from mer_bench.cli.completion import is_completing, shell_answer, silence
from mer_bench.cli.console import UNBOUNDED
from mer_bench.cli.exit_codes import ExitCode
from mer_bench.cli.standard_output import CleanText, answers, reserved, say, tell
from mer_bench.config import RESULTS_DEFAULT
from mer_bench.errors import MerBenchError, unknown
from mer_bench.version import __version__

_VERBS = {
    "run": "measure methods under a protocol, and write a report",
    "ablate": "run a paper's ablation of a method, or list those that exist",
    "work": "compute tasks of a planned run (what executors start on other machines)",
    "status": "show what a results folder holds: settings, input, scores, and what is missing",
    "pretrain": "train a network on all samples of a protocol, for others to start from",
    "verify": "compute stored cells again, and compare",
    "rows": "list, show and remove stored rows",
    "store": "check, merge, upgrade and clean results folders",
    "compare": "say whether one stored row is better than another, and how certain that is",
    "check-results": "check the numbers of a results folder before they leave the lab",
    "luck": "show what a guesser reaches if the best epoch is chosen on the test subject",
    "audit": "say whether published scores are possible, by their class counts",
    "report": "write the comparison as HTML, Markdown, CSV, LaTeX and JSON",
    "publish": "write a leaderboard of results folders as static pages",
    "export": "write results or a protocol in the format of another place",
    "score": "score a MEGC2019 log",
    "list": "list the installed methods, protocols, databases, ablations or executors",
    "describe": "show a method's parameters, presets, citation and network size",
    "plugins": "show the installed plugins, and why one does not work",
    "plugin": "start a plugin of your own",
    "check": "check whether a method follows the rules for plugins",
    "data": "check, list, preprocess and generate data",
}


_RESULTS_GO = (
    f"Results of runs go to the folder given by --results (default: {RESULTS_DEFAULT}); representations go to the "
    "cache (`mer-bench data info` shows where)."
)


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports only the one that is called.

    Parameters
    ----------
    verbs : mapping of str to str
        The line of help of each command.
    home : str
        The module of a command, with ``{}`` for its name, in which hyphens become underscores; it holds a click command
        called ``command``.
    """

    def __init__(self, *, verbs: Mapping[str, str], home: str, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.verbs, self.home = verbs, home

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = _hyphenated(cmd_name)
        if name not in self.verbs:
            raise unknown("command", cmd_name, self.verbs)
        command: click.Command = import_module(self.home.format(name.replace("-", "_"))).command
        command.epilog = _RESULTS_GO
        return _with_help(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.verbs.items()))


def _hyphenated(token: str) -> str:
    return token.replace("_", "-")


def _show_help(context: click.Context, option: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        say(context.get_help())
        context.exit()


def _show_version(context: click.Context, option: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        say(f"mer-bench, version {__version__}")
        context.exit()


def _flag(names: Sequence[str], callback: Callable[[click.Context, click.Parameter, bool], None], text: str) -> Option:
    """Return an option that answers at once; click's own ones print to ``sys.stdout``, which is not for answers."""
    return Option(names, is_flag=True, is_eager=True, expose_value=False, callback=callback, help=text)


_HELP = _flag(("-h", "--help"), _show_help, "Show this message and exit.")
_VERSION = _flag(("--version",), _show_version, "Show the version and exit.")


def _with_help(command: click.Command) -> click.Command:
    command.add_help_option = False
    if _HELP not in command.params:
        command.params.append(_HELP)
    return command


@click.group(
    cls=LazyGroup,
    verbs=_VERBS,
    home="mer_bench.cli.verbs.{}",
    context_settings={
        "token_normalize_func": _hyphenated,
        # Help is as wide as the terminal, where click would stop at 80.
        "max_content_width": UNBOUNDED,
    },
    epilog=_RESULTS_GO,
)
def cli() -> None:
    """Benchmark micro-expression recognition methods on exactly the same samples."""


cli.params.append(_VERSION)
_with_help(cli)


def main() -> None:
    """Run the command line. Bad input gives one sentence and exit code 2, never a traceback."""
    _open_standard_streams()
    # Stored cells are many objects without cycles: to look for these takes a fifth of the time to read them.
    gc.set_threshold(500_000)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Neither paths nor terminals need be UTF-8: a character that cannot be printed is no reason to stop.
            stream.reconfigure(errors="backslashreplace", line_buffering=True)
    with reserved():
        try:
            if is_completing():
                _complete()
            code: int = _run()
        except MerBenchError as error:
            code = _say_error(str(error))
        try:
            answers().flush()
        except OSError as error:
            # Python would flush again when it ends, and complain again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), answers().fileno())
            # With a code of bad input there is an error line already.
            if not isinstance(error, BrokenPipeError) and code != ExitCode.BAD_INPUT:
                code = _say_error(f"cannot write to the standard output ({error.strerror})")
        sys.exit(code)


def _open_standard_streams() -> None:
    """Open the null device for a closed stdin, stdout or stderr: else the next file opened would get its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115  (it stays open)


def _complete() -> NoReturn:
    """Answer a shell that asks for completions; say nothing, whatever goes wrong."""
    silence()
    with suppress(Exception):
        # As it is: the shells' own forms have tabs in them.
        say(CleanText(shell_answer(cli)))
    sys.exit(ExitCode.DONE)


def _run() -> int:
    try:
        # Not standalone: then the command's return value is returned here.
        code: int | None = cli.main(prog_name="mer-bench", standalone_mode=False)
        return ExitCode.DONE if code is None else code
    except click.UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # no command: newer versions of click raise this
            error.show()
            return ExitCode.BAD_INPUT
        place = error.ctx.command_path if error.ctx else "mer-bench"
        return _say_error(f"{_one_line(error.format_message())}; see `{place} --help`")
    except click.ClickException as error:
        return _say_error(_one_line(error.format_message()))
    except MerBenchError as error:
        return _say_error(str(error))
    except (click.Abort, KeyboardInterrupt) as stop:
        # click turns Ctrl-C into an Abort; mer-bench's own sentence is in its cause.
        kept = str(stop.__cause__ or stop)
        tell(f"interrupted: {kept}" if kept else "interrupted")
        return ExitCode.INTERRUPTED
    except SystemExit:
        # click exits with 1 on a broken pipe, which here means that cells failed; it leaves this wrapper behind.
        if type(sys.stdout).__name__.endswith("PacifyFlushWrapper"):
            return ExitCode.DONE
        raise
    except OSError as error:
        place = error.filename or "a file or the standard output"
        return _say_error(f"{place}: {error.strerror or error}; check the path, its permissions and the space left")


def _say_error(sentence: str) -> ExitCode:
    tell(f"error: {sentence}")
    return ExitCode.BAD_INPUT


def _one_line(message: str) -> str:
    """Return a message of click in the form of mer-bench's own."""
    line = " ".join(message.split()).rstrip(".")
    return re.sub(r"\.? \(?Did you mean (.+)\?\)?$", r" (did you mean \1?)", line)
