"""Make a stored row again, from what is installed and from the data."""

from __future__ import annotations

from dataclasses import dataclass, field

from mer_bench.databases.base import DataSource
from mer_bench.errors import MerBenchError
from mer_bench.evaluation.protocol_data import ProtocolData, read_protocol_data
from mer_bench.evaluation.rows import Row, make_row
from mer_bench.parameters import ParameterValue
from mer_bench.plugin_manager import Catalogue
from mer_bench.protocol import load_protocol
from mer_bench.representations.preprocessing import resolve_preprocessing
from mer_bench.representations.settings import PREPROCESSING, is_from_frames
from mer_bench.store.schema import RowRecord


@dataclass(frozen=True)
class Remaker:
    """Makes stored rows again, on one data source; each protocol's samples are read once.

    Parameters
    ----------
    catalogue : Catalogue
    source : DataSource
    """

    catalogue: Catalogue
    source: DataSource
    _read: dict[str, ProtocolData] = field(default_factory=dict, init=False)

    def row(self, record: RowRecord) -> tuple[ProtocolData, Row]:
        """Return a stored row as a run would make it now.

        Raises
        ------
        MerBenchError
            A run would make another row: the sentence says what differs.
        """
        spec = self.catalogue.method(record["method"]["name"])
        if spec.version != record["method"]["version"]:
            raise MerBenchError(
                f"{spec.name} has version {spec.version} here, and the row was computed with version "
                f"{record['method']['version']}"
            )
        data = self.data(record["protocol"]["name"])
        if data.protocol.hash != record["protocol"]["hash"]:
            raise MerBenchError(f"the protocol {data.protocol.name} has another definition here")
        if dict(data.fingerprints) != record["fingerprints"]:
            made = record["input"]["name"]
            raise MerBenchError(f"the data is not what the row was computed on ({made}); name it with --data")
        row = make_row(
            data,
            spec,
            spec.resolve(None, record["params"]),
            preprocessing=resolve_preprocessing(self._preprocessing(record), self.source),
            selection=record["training"],
        )
        if row.record["row_key"] != record["row_key"]:
            raise MerBenchError(_difference(row.record, record))
        # All of it: the true labels that scores are computed with are in row.json, too, and follow from the key.
        if row.record != record:
            changed = [name for name in {**row.record, **record} if row.record.get(name) != record.get(name)]
            raise MerBenchError(
                f"its row.json does not hold what the method and the data give ({', '.join(changed)}); run the method "
                "again, which writes row.json and computes no cell"
            )
        return data, row

    def data(self, name: str) -> ProtocolData:
        """Return the samples and folds of a protocol.

        Raises
        ------
        MerBenchError
            The protocol is unknown, or the data does not fit it.
        """
        if name not in self._read:
            chosen = self.catalogue.protocol(name)
            protocol = load_protocol(chosen.path, chosen.name)
            self._read[name] = read_protocol_data(protocol, self.source, allow_partial=True)
        return self._read[name]

    def _preprocessing(self, record: RowRecord) -> dict[str, ParameterValue]:
        """Return the settings of preprocessing in a row's representation; it has those only that its steps read."""
        params: dict[str, ParameterValue] = dict(record["representation"]["params"])  # type: ignore[arg-type]
        if not is_from_frames(params):
            return {}
        names = {parameter.name for parameter in PREPROCESSING}
        return {name: value for name, value in params.items() if name in names}


def _difference(ours: RowRecord, theirs: RowRecord) -> str:
    """Return why two rows of the same method and data have different keys."""
    if ours["arithmetic"] != theirs["arithmetic"]:
        return f"its arithmetic is {theirs['arithmetic']!r} and this machine's {ours['arithmetic']!r}"
    if ours["representation"] != theirs["representation"]:
        return "its input was preprocessed in another way, or by other steps, than here"
    return "it was computed by another version of mer-bench"
