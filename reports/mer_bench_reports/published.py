"""Results that others published, each with its source: cited beside measured ones, never mixed with them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mer_bench import MerBenchError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FAMILIES = ("handcrafted", "deep")

_FILE_KEYS = ("source", "protocol", "rows")
_ROW_KEYS = ("title", "year", "family", "citation", "note", "slices")


@dataclass(frozen=True)
class PublishedRow:
    """One method's row of a published table.

    Parameters
    ----------
    title : str
        The method, as the source prints it.
    year : int
        As the source prints it.
    family : {"handcrafted", "deep"}
    protocol : str
        The protocol whose table it is listed with.
    source : str
        Where the figures were read.
    citation : str
        The method's own paper.
    note : str
        What is known against the figures; may be empty.
    slices : mapping of str to tuple of float
        Slice name to (UF1, UAR), each in 0..1.
    """

    title: str
    year: int
    family: str
    protocol: str
    source: str
    citation: str
    note: str
    slices: Mapping[str, tuple[float, float]]


def load_published() -> tuple[PublishedRow, ...]:
    """Return the rows of every table that comes with mer-bench, in the tables' order."""
    folder = Path(__file__).parent / "published"
    return tuple(row for path in sorted(folder.glob("*.toml")) for row in read_published(path))


def read_published(path: Path) -> tuple[PublishedRow, ...]:
    """Read one table of published results.

    Raises
    ------
    MerBenchError
        The file cannot be read, is not TOML, lacks a key or has an unknown one, or holds a figure outside 0..1.
        The message names the file and the row.
    """
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise MerBenchError(f"published results {path} cannot be read ({error.strerror}); check the path") from error
    except (ValueError, RecursionError) as error:
        raise MerBenchError(f"published results {path} are not TOML: {error}") from error
    where = f"published results {path}"
    _expect(content, _FILE_KEYS, where)
    source, protocol = _text(content, "source", where), _text(content, "protocol", where)
    if not isinstance(content["rows"], list):
        raise MerBenchError(f"{where}: rows is not a list of tables; write each row under [[rows]]")
    rows = tuple(_row(raw, source, protocol, f"{where}, row {n}") for n, raw in enumerate(content["rows"], start=1))
    titles = [row.title for row in rows]
    for title in titles:
        if titles.count(title) > 1:
            raise MerBenchError(f"{where}: two rows are titled {title!r}; remove one of them")
    return rows


def _row(raw: object, source: str, protocol: str, where: str) -> PublishedRow:
    fields = _expect(raw, _ROW_KEYS, where)
    year, family, note = fields["year"], fields["family"], fields["note"]
    if not isinstance(year, int) or isinstance(year, bool) or not 1900 <= year <= 2100:
        raise MerBenchError(f"{where}: year = {year!r} is not a year between 1900 and 2100")
    if not isinstance(family, str) or family not in FAMILIES:
        raise MerBenchError(f"{where}: family = {family!r} is not one of: {', '.join(FAMILIES)}")
    if not isinstance(note, str):
        raise MerBenchError(f'{where}: note = {note!r} is not a text; write note = "" where there is nothing to say')
    slices = fields["slices"]
    if not isinstance(slices, dict) or not slices:
        raise MerBenchError(f"{where}: slices = {slices!r} is not a table with entries such as full = [0.5, 0.4]")
    return PublishedRow(
        title=_text(fields, "title", where),
        year=year,
        family=family,
        protocol=protocol,
        source=source,
        citation=_text(fields, "citation", where),
        note=note,
        slices={name: _pair(pair, f"{where}: slice {name!r}") for name, pair in slices.items()},
    )


def _pair(value: object, where: str) -> tuple[float, float]:
    if isinstance(value, list) and len(value) == 2:
        uf1, uar = value
        if isinstance(uf1, float) and isinstance(uar, float) and 0.0 <= uf1 <= 1.0 and 0.0 <= uar <= 1.0:
            return uf1, uar
    raise MerBenchError(f"{where} is {value!r}, not [UF1, UAR] as two decimal fractions between 0.0 and 1.0")


def _expect(table: object, keys: tuple[str, ...], where: str) -> dict[str, object]:
    if not isinstance(table, dict):
        raise MerBenchError(f"{where}: {table!r} is not a table")
    if unknown := [key for key in table if key not in keys]:
        raise MerBenchError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(keys)}")
    if missing := [key for key in keys if key not in table]:
        raise MerBenchError(f"{where}: key {missing[0]!r} is missing; state it")
    return table


def _text(table: Mapping[str, object], key: str, where: str) -> str:
    value = table[key]
    if not isinstance(value, str) or not value.strip():
        raise MerBenchError(f"{where}: {key} = {value!r} is not a text")
    return value
