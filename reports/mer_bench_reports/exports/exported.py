"""What every export begins with: complete rows under their own selection rule, with their intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mer_bench.atomic import write_in_folders
from mer_bench.certainty import score_intervals
from mer_bench.errors import MerBenchError, Notice
from mer_bench.result_texts import badge, incomplete_text
from mer_bench.results import RowResults
from mer_bench.statistics.resampling import Interval
from mer_bench.store import Store
from mer_bench_reports.provenance import Manifests, again_text, without_folders

Files = Mapping[str, bytes]
"""Path of each file, relative to the folder of the export, to its content."""


@dataclass(frozen=True, eq=False)
class ExportedRow:
    """A complete row, as formats state it.

    Parameters
    ----------
    row : RowResults
        Every seed is complete.
    name : str
        The row's short name.
    intervals : mapping of (str, str) to Interval
        Slice and metric to the interval of the mean; nothing for a slice of too few subjects.
    command : str
        The one that measures the row again, without folders.
    started : str
        When the last of its runs was started, in ISO 8601; empty if it is not known.
    """

    row: RowResults
    name: str
    intervals: Mapping[tuple[str, str], Interval]
    command: str
    started: str

    @property
    def facts(self) -> Mapping[str, str]:
        """What a reader must know beside each score, without folders."""
        record = self.row.record
        made, told = record["input"], record["protocol"]
        facts = {
            "row": self.name,
            "row_key": record["row_key"],
            "method_version": record["method"]["version"],
            "preset": record["settings"]["preset"],
            "badge": badge(record),
            "protocol": f"{told['name']}@{told['version']}",
            "protocol_hash": told["hash"],
            "selection": self.row.selection,
            "seeds": ", ".join(str(seed.seed) for seed in self.row.seeds),
            "caveats": ", ".join(record["caveats"]),
            "input": made["name"],
            "input_source": made["source"],
            "input_digest": made["digest"],
            "command": self.command,
        }
        return {name: without_folders(text) for name, text in facts.items() if text}


def exported_rows(
    store: Store, rows: Iterable[RowResults], names: Mapping[str, str], notice: Notice
) -> list[ExportedRow]:
    """Return the complete ones of some rows; a notice names each that is left out.

    Results of the oracle are never among them: it is a diagnostic.

    Parameters
    ----------
    store : Store
    rows : iterable of RowResults
    names : mapping of str to str
        Row key to the row's short name.
    notice : callable

    Raises
    ------
    MerBenchError
        No row is complete.
    """
    read = list(rows)
    manifests = {run_id: store.manifest(run_id) for row in read for run_id in row.run_ids}
    found = []
    for row in read:
        name = names[row.record["row_key"]]
        if row.seeds and row.is_complete:
            found.append(
                ExportedRow(row, name, score_intervals(row.seeds), again_text(row, manifests), _started(row, manifests))
            )
        else:
            notice(f"{name} is left out: {incomplete_text(row.seeds) or 'nothing is stored'}; run it to its end first")
    if not found:
        raise MerBenchError("no complete row to export; `mer-bench rows list` shows what is stored, run the rest first")
    return found


def write_files(folder: Path, files: Files) -> list[Path]:
    """Write the files of an export below a folder, each atomically.

    Raises
    ------
    MerBenchError
        A file cannot be written.
    """
    paths = []
    for name, content in files.items():
        paths.append(folder / name)
        try:
            write_in_folders(paths[-1], content)
        except OSError as error:
            raise MerBenchError(
                f"cannot write {paths[-1]} ({error.strerror or error}); give a place you can write to with --out"
            ) from None
    return paths


def _started(row: RowResults, manifests: Manifests) -> str:
    known = [
        str(manifest["started"]) for run_id in row.run_ids if (manifest := manifests[run_id]) and "started" in manifest
    ]
    return max(known, default="")
