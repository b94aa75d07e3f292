"""Checks of what a number was computed with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mer_bench.checks.base import Answer, Finding, Severity, check, grouped, listed
from mer_bench.checks.material import Manifest, Material
from mer_bench.results import RowResults

_DIRTY = "-dirty"
_NAMES = {"mer_bench": "mer-bench", "git": "git commit", "python": "Python"}

_Versions = Mapping[str, frozenset[str]]
"""Name to all its versions."""


@check(
    "MER008",
    "mixed versions",
    Severity.WARNING,
    meaning="Cells of one row, or rows that are compared, were computed by other versions of mer-bench or of a "
    "library. The keys of cells change with what is known to change a number, but another numpy or torch may round "
    "otherwise.",
    looks_at="The manifests of the runs that computed the cells: mer-bench, its git commit, Python, numpy, "
    "scikit-learn, torch, timm, OpenCV, pandas and Pillow. It does not see versions of other libraries that a plugin "
    "uses.",
    cure="Compute the rows again with one installation, in a new folder; or show with `mer-bench verify` that this "
    "installation gives the same.",
)
def mixed_versions(material: Material) -> Answer:
    """Look for rows and comparisons that were computed with several versions."""
    versions = {row.record["row_key"]: _versions(material.manifests_of(row)) for row in material.rows}
    for row in material.rows:
        if mixed := _several(versions[row.record["row_key"]]):
            yield Finding((material.name(row),), f"its cells were computed with {mixed}")
    for number, table in enumerate(material.tables, start=1):
        if mixed := _differing([versions[row.record["row_key"]] for row in table]):
            yield Finding((material.table_name(number),), f"its rows were computed with {mixed}")


def _versions(manifests: Iterable[Manifest]) -> _Versions:
    found: dict[str, set[str]] = {}
    for manifest in manifests:
        for name, version in _of_run(manifest):
            found.setdefault(name, set()).add(version)
    return {name: frozenset(known) for name, known in found.items()}


def _of_run(manifest: Manifest) -> Iterator[tuple[str, str]]:
    for field, name in _NAMES.items():
        if manifest.get(field) is not None:
            yield name, str(manifest[field])
    packages = manifest.get("packages")
    if isinstance(packages, dict):
        for package, version in packages.items():
            yield str(package), str(version)


def _several(versions: _Versions) -> str:
    """Return each name with several versions, and these: ``torch 2.6.0 and 2.7.1``."""
    return listed(f"{name} {' and '.join(sorted(known))}" for name, known in versions.items() if len(known) > 1)


def _differing(rows: Sequence[_Versions]) -> str:
    """Return what `_several` does, of names whose versions are not the same in all rows that state them."""
    names = dict.fromkeys(name for row in rows for name in row)
    stated = {name: [row[name] for row in rows if name in row] for name in names}
    unlike = {name: frozenset().union(*known) for name, known in stated.items() if len(set(known)) > 1}
    return _several(unlike)


@check(
    "MER013",
    "computed with uncommitted changes",
    Severity.WARNING,
    meaning="The code that gave the number is in no commit, so nobody can look at it or run it again.",
    looks_at="The git state of mer-bench that each run wrote down (`git describe --dirty`): changes of tracked "
    "files. An installed mer-bench has none. It cannot see files that git does not track, nor the state of a "
    "plugin's own checkout.",
    cure="Commit the changes, and compute the rows again in a new folder.",
)
def uncommitted_changes(material: Material) -> Answer:
    """Look for runs from a checkout with changes."""
    for run_id, manifest in material.manifests.items():
        commit = manifest.get("git")
        if isinstance(commit, str) and commit.endswith(_DIRTY):
            rows = tuple(material.name(row) for row in material.rows if run_id in row.run_ids)
            yield Finding(rows, f"run {run_id} was started in a checkout with uncommitted changes ({commit})")


@check(
    "MER012",
    "unverified",
    Severity.WARNING,
    meaning="Nobody has computed a cell of the row again to see whether the same comes out.",
    looks_at="What `mer-bench verify` stored beside the row, of cells that are still as they were compared. One "
    "verified cell is enough; how many there are stands in the report.",
    cure="Run `mer-bench verify --data PATH`, if possible on another machine.",
)
def unverified(material: Material) -> Answer:
    """Look for rows without a verified cell."""
    yield from grouped(
        (material.name(row), "none of its cells was computed again")
        for row in material.rows
        if row.finished and not row.verification.entries
    )


@check(
    "MER018",
    "a cell computed again differs",
    Severity.ERROR,
    meaning="`mer-bench verify` computed a stored cell again, and something else came out: the stored number is not "
    "what the row's settings give.",
    looks_at="What `mer-bench verify` stored beside the row, of cells that are still as they were compared.",
    cure="Find out why (`mer-bench rows show ROW`); then remove the row with `mer-bench rows rm`, and run it again.",
)
def differing_cells(material: Material) -> Answer:
    """Look for cells that came out otherwise when they were computed again."""
    for row in material.rows:
        if differing := row.verification.differing:
            cells = listed(f"seed {entry['seed']}, fold {entry['fold']}" for entry in differing)
            yield Finding((material.name(row),), f"{_verified(row)} differ: {cells}")


def _verified(row: RowResults) -> str:
    return f"{len(row.verification.differing)} of {len(row.verification.entries)} cells that were computed again"
