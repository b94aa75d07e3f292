"""Writes the pages of a site into a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from mer_bench.atomic import write_in_folders
from mer_bench.errors import MerBenchError
from mer_bench.printable import json_text
from mer_bench.store.files import unwritable_cure
from mer_bench_reports.bibtex import render_bibtex
from mer_bench_reports.csv_table import render_csv
from mer_bench_reports.json_report import render_json
from mer_bench_reports.rendering import encoded, render_html, render_page
from mer_bench_reports.report_data import ReportData
from mer_bench_reports.site.pages import Site

INDEX = "site.json"
"""Lists the pages, for programs; a folder with this file is a site, which may be replaced."""

_OF_PROTOCOL: Mapping[str, Callable[[ReportData], str]] = {"csv": render_csv, "json": render_json, "bib": render_bibtex}
"""The suffix of each file beside a protocol's page, and what renders it."""

_PAGES = ("protocols/*.html", *(f"protocols/*.{suffix}" for suffix in _OF_PROTOCOL), "methods/*.html")

_CURE = "name a folder that is empty, or that `mer-bench publish` has written"


def write_site(site: Site, folder: Path) -> Path:
    """Write a site, each file atomically, and remove the pages of an earlier one that it has no longer.

    Parameters
    ----------
    site : Site
    folder : Path
        New, empty, or with an earlier site.

    Returns
    -------
    Path
        The first page.

    Raises
    ------
    MerBenchError
        The folder holds something else, or cannot be written.
    """
    check_folder(folder)
    files = _files(site)
    try:
        for name, text in files.items():
            write_in_folders(folder / name, encoded(text))
        for stale in {found for pattern in _PAGES for found in folder.glob(pattern)}:
            if str(stale.relative_to(folder)) not in files:
                stale.unlink()
    except OSError as error:
        raise MerBenchError(
            f"cannot write the site {folder} ({error.strerror}); {unwritable_cure(error, _CURE)}"
        ) from error
    return folder / "index.html"


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds something else than a site.

    Raises
    ------
    MerBenchError
        As said; or it is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise MerBenchError(f"{folder} is a file; {_CURE}")
    if folder.is_dir() and not (folder / INDEX).is_file() and any(folder.iterdir()):
        raise MerBenchError(f"{folder} holds other files; {_CURE}")


def _files(site: Site) -> dict[str, str]:
    """Return the content of each file by its path in the site; the index, which makes a folder a site, is first."""
    files = {
        INDEX: _index(site),
        "index.html": render_page("site_index.html.j2", site=site),
    }
    for page in site.protocols:
        place = f"protocols/{page.stem}"
        files[f"{place}.html"] = render_html(page.report, site=site)
        files |= {f"{place}.{suffix}": render(page.report) for suffix, render in _OF_PROTOCOL.items()}
    for method in site.methods:
        files[f"methods/{method.stem}.html"] = render_page("site_method.html.j2", site=site, method=method)
    return files


def _index(site: Site) -> str:
    content = {
        "title": site.title,
        "generated": site.generated.isoformat(timespec="seconds"),
        "mer_bench": site.version,
        "protocols": [
            {
                "name": page.protocol["name"],
                "version": page.protocol["version"],
                "hash": page.protocol["hash"],
                **{kind: f"protocols/{page.stem}.{kind}" for kind in ("html", *_OF_PROTOCOL)},
            }
            for page in site.protocols
        ],
        "methods": [
            {"name": method.name, "title": method.title, "html": f"methods/{method.stem}.html"}
            for method in site.methods
        ],
    }
    return json_text(content, indent=2) + "\n"
