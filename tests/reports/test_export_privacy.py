"""No export holds a path, a host name or a user name, also where plugins and runs stored them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bench import Bench
from support.export_case import FOLDER, HOST, USER, export_store

EXPORTS = {
    "every-eval-ever": ("--samples",),
    "hf-eval-results": ("--dataset-id", "lab/mer"),
    "codabench": (),
    "croissant": (),
    "megc": ("--method", "net"),
    "csv": (),
}


def contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file, of those in archives too."""
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        yield from _unpacked(file.name, file.read_bytes())


def _unpacked(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    yield name, content
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for inner in archive.namelist():
                yield from _unpacked(inner, archive.read(inner))


@pytest.mark.parametrize("form", EXPORTS)
def test_an_export_holds_no_path_host_or_user(bench: Bench, tmp_path: Path, form: str) -> None:
    export_store(tmp_path)
    out = tmp_path / "exported"
    ended = bench("export", "--format", form, "--out", out, "--results", bench.results, *EXPORTS[form])
    found = dict(contents(out))

    assert ended.code == 0, ended.err
    assert found
    for name, content in found.items():
        for secret in (HOST, USER, FOLDER, str(tmp_path), "/home/", "/srv/"):
            assert secret.encode() not in content.replace(b"/home/ann", b""), (name, secret)


def test_the_bibtex_of_a_report_holds_none_either(bench: Bench, tmp_path: Path) -> None:
    export_store(tmp_path)
    bench("report", "--format", "bibtex", "--out", tmp_path / "out", "--results", bench.results)
    content = (tmp_path / "out/report.bib").read_text(encoding="utf-8")

    assert not [secret for secret in (HOST, USER, FOLDER, "/home/") if secret in content]


def test_the_store_does_hold_them(tmp_path: Path) -> None:
    store = export_store(tmp_path)
    text = b"".join(path.read_bytes() for path in store.path.rglob("*.json"))

    assert all(secret.encode() in text for secret in (HOST, USER, FOLDER))
