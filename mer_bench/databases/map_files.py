"""Which PNG is the map of which sample: by the names of the files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mer_bench.databases.frame_files import checked_inside
from mer_bench.errors import MerBenchError
from mer_bench.samples import DATABASES, Sample, canonical_clip, canonical_subject

_LISTED = 3
_REPEATS = "casme3"
"""The database whose clip names repeat, so that a number follows them in the names of its maps."""

_MapKey = tuple[str, str, str]
_Files = Mapping[_MapKey, Sequence[Path]]
_Found = dict[str, list[Path]]


def match_maps(root: Path, folder: Path, samples: Sequence[Sample]) -> dict[str, Path]:
    """Return the map of each sample; every sample must have exactly one of its own.

    Parameters
    ----------
    root : Path
        The folder that no link to a file may leave.
    folder : Path
        The folder with the PNGs, or with a subfolder of them per database.
    samples : sequence of Sample

    Raises
    ------
    MerBenchError
        A map is missing, or its name fits two samples, or two maps fit one sample.
    """
    files = _files_by_key(folder)
    found = {sample.sample_id: _keyed(files, sample, sample.clip) for sample in samples}
    found |= _by_onset_or_apex([sample for sample in samples if sample.database == _REPEATS], files)
    maps: dict[str, Path] = {}
    owners: dict[Path, Sample] = {}
    missing: list[Sample] = []
    for sample in samples:
        paths = found[sample.sample_id]
        if len(paths) > 1:
            names = " and ".join(repr(path.name) for path in sorted(paths)[:2])
            raise MerBenchError(
                f"{sample.origin}: {sample.sample_id} has {len(paths)} maps, {names}; remove all but one"
            )
        if not paths:
            missing.append(sample)
            continue
        other = owners.setdefault(paths[0], sample)
        if other is not sample:
            raise MerBenchError(
                f"the map {paths[0].name!r} fits both {other.sample_id} ({other.origin}) and {sample.sample_id} "
                f"({sample.origin}); put the maps into one subfolder per database, or name those of casme3 by onset"
            )
        maps[sample.sample_id] = checked_inside(root, paths[0], paths[0].parent)
    if missing:
        raise _missing(folder, missing, len(samples))
    return maps


def map_files(folder: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield every PNG with the databases it may belong to: all, unless a subfolder names one."""
    for path in files_in(folder, ".png"):
        yield path, DATABASES
    for child in folder.iterdir():
        if child.is_dir() and child.name.lower() in DATABASES:
            for path in files_in(child, ".png"):
                yield path, (child.name.lower(),)


def files_in(folder: Path, suffix: str) -> Iterator[Path]:
    """Yield the files of a folder with a suffix, in any capitals."""
    return (path for path in folder.iterdir() if path.suffix.lower() == suffix and path.is_file())


def _files_by_key(folder: Path) -> _Files:
    files: dict[_MapKey, list[Path]] = defaultdict(list)
    for path, databases in map_files(folder):
        for database in databases:
            subject, _, clip = path.stem.strip().partition("_")
            files[database, canonical_subject(database, subject), canonical_clip(database, clip)].append(path)
    return files


def _by_onset_or_apex(samples: Sequence[Sample], files: _Files) -> _Found:
    """Return the maps of CAS(ME)^3 samples by sample id: their names end in the onset, or all in the apex.

    A bare number at the end of a name may be either, so a folder must use one of the two: the one by which every sample
    has a map. A second file, which fits a sample by the other number, is refused unless it is another sample's.
    """
    onset: _Found = {}
    apex: _Found = {}
    for sample in samples:
        video = sample.clip.partition("@")[0]
        if paths := _keyed(files, sample, f"{video}@{sample.onset}", f"{video}_{sample.onset}"):
            onset[sample.sample_id] = paths
        if paths := _keyed(files, sample, f"{video}_{sample.apex}"):
            apex[sample.sample_id] = paths
    complete = [found for found in (onset, apex) if len(found) == len(samples)]
    chosen = complete[0] if complete else max(onset, apex, key=len)
    claimed = {path for paths in chosen.values() for path in paths}
    for sample in samples if complete else ():
        one, other = (found.get(sample.sample_id, []) for found in (onset, apex))
        unclear = len(complete) > 1 or not claimed.issuperset((*one, *other))
        if one and other and one != other and unclear:
            raise MerBenchError(
                f"{sample.origin}: {one[0].name!r} fits {sample.sample_id} by its onset and {other[0].name!r} by its "
                "apex; remove the one that belongs to no row, or name all by onset with an @, such as spNO.1_b@166.png"
            )
    return chosen


def _keyed(files: _Files, sample: Sample, *clips: str) -> list[Path]:
    return [path for clip in clips for path in files.get((sample.database, sample.subject, clip), [])]


def _missing(folder: Path, missing: Sequence[Sample], total: int) -> MerBenchError:
    named = ", ".join(f"{sample.sample_id} ({sample.origin})" for sample in missing[:_LISTED])
    more = ", ..." if len(missing) > _LISTED else ""
    numbered = any(sample.database == _REPEATS for sample in missing)
    hint = f"; the maps of {_REPEATS} end in the onset, or all of them in the apex, which the CSV must then state"
    return MerBenchError(
        f"{len(missing)} of {total} rows have no map in {folder}: {named}{more}; add the PNGs or remove the rows"
        f"{hint if numbered else ''}"
    )
