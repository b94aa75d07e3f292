"""Open the data that a user names with ``--data``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mer_bench.databases.base import DataSource
from mer_bench.databases.guarded import GuardedSource
from mer_bench.errors import MerBenchError, did_you_mean, reason_of
from mer_bench.foreign import foreign_code, origin_of
from mer_bench.names import normalise_name
from mer_bench.parameters import resolve_parameters
from mer_bench.plugin_manager import Catalogue, load_target
from mer_bench.specs import DatabaseSpec


def open_source(data: str, options: Mapping[str, object], catalogue: Catalogue) -> DataSource:
    """Open a folder with the one reader that recognises it, or generated data by its name.

    The methods of the source raise only `MerBenchError`, whatever the reader raises.

    Raises
    ------
    MerBenchError
        There is no such folder, no reader or more than one recognises it, or the reader has no such option.
    """
    if not data.strip():
        raise MerBenchError("--data is empty; name a folder, or leave it out")
    generated = {name: spec for name, spec in catalogue.databases.items() if not spec.needs_path}
    if normalise_name(data) in generated:
        return _open(generated[normalise_name(data)], None, options)
    path = Path(os.path.expanduser(data))  # noqa: PTH111  (pathlib's raises where there is no such user)
    if not path.is_dir():
        what = "is a file" if path.exists() else "does not exist"
        cure = f"name a folder, or one of: {', '.join(generated)}" if generated else "name a folder"
        parts = [
            f"--data {data} {what}{did_you_mean(data, generated)}",
            cure,
            *catalogue.absences(normalise_name(data)),
        ]
        raise MerBenchError("; ".join(parts))
    readers = [spec for spec in catalogue.databases.values() if spec.needs_path]
    broken: dict[str, str] = {}
    fitting = [spec for spec in readers if _asked(spec, "recognises", path, broken)]
    if not fitting and not broken:
        fitting = [spec for spec in readers if _asked(spec, "resembles", path, broken)]
    if not fitting:
        known = "; ".join(f"{spec.name}: {spec.title}" for spec in readers if spec.name not in broken)
        failures = [f"reader {name} failed: {why}" for name, why in broken.items()]
        parts = [
            f"--data {data} does not look like anything mer-bench reads ({known or 'no reader is installed'})",
            *failures,
            *catalogue.absences(""),
        ]
        raise MerBenchError("; ".join(parts))
    if len(fitting) > 1:
        names = ", ".join(spec.name for spec in fitting)
        raise MerBenchError(
            f"--data {data} is recognised by several readers ({names}); keep one kind of data per folder"
        )
    return _open(fitting[0], path, options)


def named(source: DataSource) -> tuple[str, dict[str, object]]:
    """Return what `open_source` opens a source with again: an absolute path or a name, and its options."""
    name = source.name if isinstance(source, GuardedSource) else ""
    return str(source.path.absolute()) if source.path else name, dict(source.options)


def _asked(spec: DatabaseSpec, question: str, path: Path, broken: dict[str, str]) -> bool:
    """Ask a reader; a failure is recorded in ``broken`` and does not stop the other readers."""
    try:
        with foreign_code(f"database {spec.name}", question, recorded=True):
            return bool(getattr(_source_class(spec), question)(path))
    except MerBenchError as error:
        broken[spec.name] = reason_of(origin_of(error))
        return False


def _open(spec: DatabaseSpec, path: Path | None, options: Mapping[str, object]) -> DataSource:
    values = resolve_parameters(f"database {spec.name}", spec.parameters, options)
    return GuardedSource(spec.name, _source_class(spec), path, values)


def _source_class(spec: DatabaseSpec) -> type[DataSource]:
    target = load_target(spec.target, here=True)
    if not (isinstance(target, type) and issubclass(target, DataSource)):
        raise MerBenchError(
            f"database {spec.name}: {spec.target} is not a DataSource; report it to its plugin's author"
        )
    return target
