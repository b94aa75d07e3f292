"""Where scores come from: data, settings, software and hardware, without folders and user names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Literal

from mer_bench.parameters import value_text
from mer_bench.results import RowResults
from mer_bench.row_command import run_command
from mer_bench.store.schema import CellRecord, ProtocolRecord, failure_text
from mer_bench_reports.report_data import Fact

_HOMES = ("home", "Users")
_ABSOLUTE = re.compile(r"(?<![\w./\\~-])(?:[A-Za-z]:|~[\w.-]*)?[/\\](?:[^\s/\\'\"<>|:;,()]+[/\\])+[^\s/\\'\"<>|:;,()]*")

_MAX_ERROR_LENGTH = 400

Manifests = Mapping[str, Mapping[str, object] | None]
"""Run id to the manifest of the run; None if there is none."""

_MANIFEST_LABELS = {
    "mer_bench": "mer-bench",
    "git": "git commit",
    "selection": "requested selection rule",
    "device": "device",
    "jobs": "worker processes",
    "gpu": "GPU",
    "processor": "processor",
    "platform": "platform",
    "python": "Python",
}


def count_problems(manifests: Manifests, run_ids: Iterable[str]) -> list[str]:
    """Return how the sample counts of these runs differ from those that the protocol declares."""
    all_problems: dict[str, None] = {}
    for run_id in sorted(set(run_ids)):
        problems = (manifests[run_id] or {}).get("count_problems")
        all_problems.update(dict.fromkeys(map(str, problems) if isinstance(problems, list) else ()))
    return [without_folders(problem) for problem in all_problems]


def protocol_name(protocol: ProtocolRecord) -> str:
    """Return a protocol's name and version, ``cde@1``."""
    return f"{protocol['name']}@{protocol['version']}"


def row_label(row: RowResults, names: Mapping[str, str]) -> str:
    """Return a row's title with its short name, given the short name of each row key."""
    return f"{row.record['method']['title']} ({names[row.record['row_key']]})"


def machine_facts(row: RowResults) -> tuple[Fact, ...]:
    """Return where the cells of a row were computed."""
    return (
        ("arithmetic", row.record["arithmetic"]),
        ("processor", ", ".join(used(row, "processor")) or "unknown"),
        ("device", ", ".join(used(row, "device")) or "unknown"),
    )


def used(row: RowResults, part: Literal["processor", "device"]) -> list[str]:
    """Return the names of the processors or devices that computed the finished cells of a row."""
    return sorted({cell[part] for cell in row.finished})


def run_facts(manifest: Mapping[str, object] | None) -> tuple[Fact, ...]:
    """Return what the manifest of a run says; None stands for a missing manifest."""
    if manifest is None:
        return (("manifest", "missing"),)
    argv, packages = manifest.get("argv"), manifest.get("packages")
    facts = [("started", str(manifest.get("started", "unknown")))]
    if isinstance(argv, list) and argv:
        facts.append(("command", command_text(map(str, argv))))
    for key, label in _MANIFEST_LABELS.items():
        if manifest.get(key) is not None:
            facts.append((label, without_folders(str(manifest[key]))))
    if isinstance(packages, dict):
        facts.append(("packages", ", ".join(f"{name} {version}" for name, version in sorted(packages.items()))))
    return tuple(facts)


def again_text(row: RowResults, manifests: Manifests) -> str:
    """Return the command that measures a row again, without folders."""
    runs = [manifests[run_id] for run_id in row.run_ids]
    return command_text(run_command(row.record, [seed.seed for seed in row.seeds], row.selection, runs))


def failure_line(cell: CellRecord) -> str:
    """Return why a cell failed, on one line of bounded length."""
    error = cell["error"]
    text = failure_text(error) if error else "no reason stored"
    line = " ".join(without_folders(text).split())
    return line if len(line) <= _MAX_ERROR_LENGTH else f"{line[:_MAX_ERROR_LENGTH]}…"


def params_text(params: Mapping[str, object]) -> str:
    """Return parameters as ``name=value``, sorted by name, without folders."""
    return ", ".join(f"{name}={shown_value(params[name])}" for name in sorted(params))


def shown_value(value: object) -> str:
    """Return a parameter's value as ``--set`` takes it, without folders."""
    return without_folders(value_text(value))


def without_folders(text: str) -> str:
    """Reduce every absolute path in a text to its last component.

    Examples
    --------
    >>> without_folders("cannot read /home/ann/maps/a.png of smic/s1/s1_ne_01")
    'cannot read a.png of smic/s1/s1_ne_01'
    """
    return _ABSOLUTE.sub(lambda path: _last_component(path[0]), text)


def command_text(argv: Iterable[str]) -> str:
    """Return a command line with each path in it reduced to its last component.

    Examples
    --------
    >>> command_text(["/home/ann/bin/mer-bench", "run", "--data", "/home/ann/maps", "--set=file=a/b.csv"])
    'mer-bench run --data maps --set=file=b.csv'
    """
    words = [_short_word(word) for word in argv]
    return " ".join(shlex.quote("mer-bench" if i == 0 and w == "__main__.py" else w) for i, w in enumerate(words))


def _short_word(word: str) -> str:
    option, equals, value = word.rpartition("=")
    return f"{option}{equals}{_last_component(value)}"


def _last_component(path: str) -> str:
    parts = [part for part in re.split(r"[/\\]", path) if part]
    if not parts:
        return path
    # The folder below /home is a user name, and so is what follows a tilde.
    is_home = (len(parts) > 1 and parts[-2] in _HOMES) or parts[-1].startswith("~")
    return "~" if is_home else parts[-1]
