"""Write a new plugin's distribution, either completely or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mer_bench.atomic import new_folder
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.plugin_manager import Catalogue
from mer_bench.scaffold.names import KINDS, PluginNames
from mer_bench.scaffold.rendering import render_files
from mer_bench.scaffold.source import INDEX, Source
from mer_bench.specs import REPRESENTATIONS

CI = ("github", "none")


@dataclass(frozen=True)
class NewPlugin:
    """A plugin that was written.

    Parameters
    ----------
    names : PluginNames
    folder : Path
    files : tuple of str
        Paths relative to the folder, sorted.
    citation : str
        The citation in the spec.
    source : Source
        Where its tests get mer-bench from.
    """

    names: PluginNames
    folder: Path
    files: tuple[str, ...]
    citation: str
    source: Source


def new_plugin(
    name: str,
    catalogue: Catalogue,
    *,
    kind: str = "torch",
    representation: str = "face-flow",
    title: str | None = None,
    citation: str | None = None,
    out: Path | None = None,
    ci: str = "github",
    mer_bench: str = INDEX,
) -> NewPlugin:
    """Write a distribution with one working method: package, spec, tests, and the settings of tox and CI.

    Parameters
    ----------
    name : str
        The method's name.
    catalogue : Catalogue
        The installed plugins; the names of their methods cannot be used again.
    kind : {"torch", "sklearn", "plain"}
        A network, a scikit-learn estimator, or numpy only.
    representation : str
        The method's input, one of `REPRESENTATIONS`.
    title : str, optional
        The name as papers print it; by default, the words of ``name``.
    citation : str, optional
        The paper; by default, the spec says that the method is unpublished.
    out : Path, optional
        The folder to write, by default ``<name>-mer-bench``. It must be new or empty.
    ci : {"github", "none"}
        The continuous-integration service for which to write a file.
    mer_bench : str
        Where tox and CI get mer-bench from: a requirement for the package index, a Git URL, or the path of a checkout,
        a wheel or an sdist.

    Raises
    ------
    MerBenchError
        The name or another value cannot be used, or the folder is not empty or cannot be written.
    """
    names = PluginNames.of(name, catalogue)
    for option, value, known in (
        ("kind", kind, KINDS),
        ("representation", representation, REPRESENTATIONS),
        ("ci", ci, CI),
    ):
        if value not in known:
            raise MerBenchError(f"--{option} {value!r} is not one of: {', '.join(known)}{did_you_mean(value, known)}")
    source = Source.of(mer_bench)
    shown = names.method.replace("-", " ").capitalize() if title is None else _line("title", title)
    paper = f"{shown}: unpublished" if citation is None else _line("citation", citation)
    files = render_files(
        names, kind=kind, representation=representation, title=shown, citation=paper, ci=ci, source=source
    )
    folder = Path(names.distribution) if out is None else out
    with new_folder(folder, "the plugin", "name another folder with --out") as root:
        for path, text in files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    return NewPlugin(names, folder, tuple(sorted(files)), paper, source)


def _line(option: str, text: str) -> str:
    """Return a text without surrounding spaces, checked to be one line for Python, TOML and Markdown."""
    stripped = text.strip()
    if not stripped or not stripped.isprintable():
        raise MerBenchError(f"--{option} {text!r} is empty or not one line of printable text; write it on one line")
    return stripped
