"""The synthetic release: written once into the cache, then read like an official one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mer_bench.cache import SYNTHETIC, cache_folder
from mer_bench.databases.releases import Releases
from mer_bench.errors import MerBenchError
from mer_bench.parameters import ParameterValue
from mer_bench.synthesis.draws import GENERATOR_VERSION
from mer_bench.synthesis.release_writer import write_release


class SyntheticRelease(Releases):
    """SYNTHETIC releases in the official layouts: one public-domain face, warped and animated; no recordings of people.

    The options ``layout``, ``size`` and ``seed`` are the generator's; the others are those of `Releases`.
    """

    def __init__(self, path: Path | None, options: Mapping[str, ParameterValue]) -> None:
        layout, size, seed = str(options["layout"]), str(options["size"]), int(str(options["seed"]))
        folder = cache_folder() / SYNTHETIC / f"{layout}-{size}-{seed}-v{GENERATOR_VERSION}"
        if not folder.is_dir():
            try:
                write_release(layout, folder, size=size, seed=seed)
            except MerBenchError:
                # Another process may have written it first: the folder appears complete or not at all.
                if not folder.is_dir():
                    raise
        super().__init__(folder, options)
