"""The fingerprints of a source: what a stored row says of the data that it was computed on."""

from __future__ import annotations

from mer_bench.databases.base import DataSource
from mer_bench.engine.data_check import fitting_protocols
from mer_bench.errors import Notice
from mer_bench.evaluation.folds import select_samples
from mer_bench.evaluation.protocol_data import fingerprint
from mer_bench.plugin_manager import Catalogue


def fingerprints(source: DataSource, catalogue: Catalogue, notice: Notice) -> dict[str, dict[str, str]]:
    """Return each database's fingerprint under each protocol that fits the source.

    Raises
    ------
    MerBenchError
        The data cannot be read.
    """
    table = source.read_samples()
    return {
        protocol.name: fingerprint(select_samples(table, protocol), source)
        for protocol in fitting_protocols(table, catalogue, notice)
    }
