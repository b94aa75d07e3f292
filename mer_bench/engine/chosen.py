"""What a user named, with the config file filling the gaps: the same for every verb and for Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mer_bench.config import Config
from mer_bench.databases.base import CLIP, DataSource
from mer_bench.databases.open import open_source
from mer_bench.marks import is_synthetic
from mer_bench.plugin_manager import Catalogue

DEFAULT_DATA = "synthetic"


def chosen_source(data: str | None, options: Mapping[str, str], config: Config, catalogue: Catalogue) -> DataSource:
    """Open the data that is named, else the config file's, else the synthetic release.

    The config file's data-options belong to its own data: they are not used where other data is named.

    Raises
    ------
    MerBenchError
        It cannot be opened.
    """
    if data is not None:
        return open_source(data, options, catalogue)
    return open_source(config.data or DEFAULT_DATA, {**config.data_options, **options}, catalogue)


def chosen_preparation(named: Mapping[str, object], config: Config, source: DataSource) -> dict[str, object]:
    """Return the named settings over the config file's; the latter are not meant for ready-made data."""
    return {**(config.prepare if source.native == CLIP else {}), **named}


def chosen_preset(named: str | None, methods: Sequence[str], source: DataSource, catalogue: Catalogue) -> str | None:
    """Return the named preset; on synthetic data, where a figure means nothing, ``quick`` if a method has it."""
    if named is not None or not is_synthetic(source.marks):
        return named
    return "quick" if any("quick" in catalogue.method(name).presets for name in methods) else None
