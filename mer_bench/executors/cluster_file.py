"""The cluster file: which executor starts the tasks of a run, and with which options."""

from __future__ import annotations

from pathlib import Path

from mer_bench.errors import MerBenchError
from mer_bench.executors.guarded import GuardedExecutor
from mer_bench.foreign import ForeignError
from mer_bench.parameters import ParameterValue, resolve_parameters
from mer_bench.plugin_manager import Catalogue
from mer_bench.specs import ExecutorSpec
from mer_bench.store.run_plan import KINDS
from mer_bench.strict_toml import TomlTable, parse_toml, toml_content


def open_executor(path: Path, catalogue: Catalogue) -> GuardedExecutor:
    """Return the executor that a cluster file names.

    Each key is an option with the executor's name in front: ``slurm_time``. The tables ``[preprocess]``, ``[cpu]`` and
    ``[gpu]`` hold options for tasks of one kind.

    Parameters
    ----------
    path : Path
        A TOML file.
    catalogue : Catalogue

    Raises
    ------
    MerBenchError
        The file cannot be read, names no executor or several, or has an unknown option or a wrong value.
    """
    content = toml_content("cluster file", path)
    top = parse_toml("cluster file", path, content)
    tables = {kind: table for kind in KINDS if (table := top.optional(kind, top.table)) is not None}
    own = [key for key in top.keys if key not in tables]
    names = {key.partition("_")[0] for key in (*own, *(key for table in tables.values() for key in table.keys))}
    if len(names) != 1:
        found = f"its keys name {', '.join(sorted(names))}" if names else "it has no key"
        raise top.error(f"{found}; begin each key with the name of one executor: {_known(catalogue)}")
    spec = _spec(catalogue, top, names.pop())
    common = _options(spec, top, own)
    options: dict[str, dict[str, ParameterValue]] = {}
    for kind in KINDS:
        table = tables.get(kind)
        given = common if table is None else {**common, **_options(spec, table, table.keys)}
        try:
            options[kind] = resolve_parameters(f"executor {spec.name}", spec.parameters, given)
        except MerBenchError as error:
            raise top.error(str(error)) from error
    try:
        return GuardedExecutor(spec, options, content)
    except ForeignError:
        raise
    except MerBenchError as error:
        raise top.error(str(error)) from error


def _spec(catalogue: Catalogue, top: TomlTable, name: str) -> ExecutorSpec:
    try:
        return catalogue.executor(name)
    except MerBenchError as error:
        raise top.error(str(error)) from error


def _options(spec: ExecutorSpec, table: TomlTable, keys: tuple[str, ...] | list[str]) -> dict[str, ParameterValue]:
    return {key.removeprefix(f"{spec.name}_"): table.option(key) for key in keys}


def _known(catalogue: Catalogue) -> str:
    return ", ".join(f"{name}_…" for name in catalogue.executors) or "none is installed"
