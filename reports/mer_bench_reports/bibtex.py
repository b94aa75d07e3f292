"""What the tables of a report used, as BibTeX: each entry is made from a citation that a spec or a store states.

Citations are texts. Authors, year, DOI and arXiv number are taken from them where they are recognised; the text itself
is the entry's note, so that nothing is lost and nothing is invented.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mer_bench.papers import DATABASE_PAPERS, SCORES_PAPER
from mer_bench.printable import one_line
from mer_bench_reports.latex_parts import escaped
from mer_bench_reports.provenance import without_folders
from mer_bench_reports.report_data import ReportData

_DOI = re.compile(r"\b(?:doi:|https?://doi\.org/)(10\.\d{4,9}/[^\s,;]+)", re.IGNORECASE)
_ARXIV = re.compile(r"\barXiv:(\d{4}\.\d{4,5})", re.IGNORECASE)
_NAMES = re.compile(r"(?=[^\W\d_])(?![a-z]+ [a-z]+ )([^\d;:]*?)(?: (et al)\.|(?=,? (?:19|20)\d\d\b))")
_YEAR = re.compile(r"(?<![\d./:])((?:19|20)\d\d)(?![\d./])")
_BETWEEN = re.compile(r",? and | & |, ")
"""Between the names of authors."""


@dataclass(frozen=True)
class Reference:
    """What is recognised in a citation.

    Parameters
    ----------
    text : str
    doi, arxiv, year : str
        Empty where not stated.
    authors : tuple of str
        Family names; ``others`` is the last where the citation says "et al.".
    """

    text: str
    doi: str
    arxiv: str
    year: str
    authors: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> Reference:
        """Recognise what a citation states.

        Examples
        --------
        >>> found = Reference.read("Zhao and Li 2007, IEEE TPAMI, doi:10.1109/TPAMI.2007.1110")
        >>> found.authors, found.year, found.doi, found.key
        (('Zhao', 'Li'), '2007', '10.1109/TPAMI.2007.1110', 'zhao2007-1110')
        """
        line = one_line(text)
        found_doi, found_arxiv = _DOI.search(line), _ARXIV.search(line)
        rest = _ARXIV.sub("", _DOI.sub("", line))
        names, after = _names(rest)
        years = _YEAR.findall(after)
        follows = re.match(r",? ((?:19|20)\d\d)\b", after)
        return cls(
            text=line,
            doi=found_doi[1].rstrip(".") if found_doi else "",
            arxiv=found_arxiv[1] if found_arxiv else "",
            year=follows[1] if follows else years[-1] if years else "",
            authors=tuple(filter(None, (name.strip() for name in _BETWEEN.split(names)))),
        )

    @property
    def identity(self) -> str:
        """What two citations of one paper share."""
        return (self.doi or self.arxiv or self.text).lower()

    @property
    def key(self) -> str:
        """The same in each report: first author, year, and the end of the DOI or arXiv number."""
        plain = unicodedata.normalize("NFKD", self.authors[0] if self.authors else "paper")
        name = re.sub(r"[^a-z]", "", plain.encode("ascii", "ignore").decode().lower()) or "paper"
        identifier = re.sub(r"[^a-z0-9]", "", (self.doi or self.arxiv).lower())
        return f"{name}{self.year}-{identifier[-4:] or hashlib.sha256(self.text.encode()).hexdigest()[:4]}"


def render_bibtex(report: ReportData) -> str:
    """Return the entries: mer-bench, the scores, then protocols, databases, inputs and methods of the tables."""
    references: dict[str, Reference] = {}
    for reference in _references(report):
        references.setdefault(reference.identity, reference)
    return "\n".join([_software(report.version), *map(_entry, references.values())])


def _references(report: ReportData) -> Iterator[Reference]:
    yield Reference.read(SCORES_PAPER)
    texts: list[str] = []
    for comparison in report.comparisons:
        texts.append(comparison.protocol.get("reference", ""))
        used = {name for part in comparison.protocol["slices"].values() for name in part}
        texts += [paper.citation for name, paper in DATABASE_PAPERS.items() if name in used]
    texts += [row.record["input"]["citation"] for row in report.rows]
    texts += [row.record["method"]["citation"] for row in report.rows]
    for text in dict.fromkeys(texts):
        yield from map(Reference.read, _parts(text))


def _parts(text: str) -> Iterable[str]:
    """Return the citations in a text, of which a semicolon parts several, each with an identifier of its own."""
    parts: list[str] = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        if parts and not (_DOI.search(part) or _ARXIV.search(part)):
            parts[-1] += f"; {part}"
        else:
            parts.append(part)
    return parts


def _names(text: str) -> tuple[str, str]:
    """Return the authors at the beginning of a citation, and what follows; no authors where none are recognised."""
    found = _NAMES.match(text)
    if found is None:
        return "", text
    return (f"{found[1]} and others" if found[2] else found[1]), text[found.end() :]


def _software(version: str) -> str:
    fields = {
        "author": "{The mer-bench developers}",
        "title": "{mer-bench}: a plugin-based benchmark harness for micro-expression recognition",
        "note": f"Version {escaped(version)}",
    }
    return _written("software", "mer-bench", fields)


def _entry(reference: Reference) -> str:
    fields = {
        "author": " and ".join(name if name == "others" else f"{{{escaped(name)}}}" for name in reference.authors),
        "year": reference.year,
        "doi": _plain(reference.doi),
        "eprint": reference.arxiv,
        "archiveprefix": "arXiv" if reference.arxiv else "",
        "note": escaped(without_folders(reference.text)),
    }
    return _written("misc", reference.key, fields)


def _plain(doi: str) -> str:
    """Return a DOI without what would end its field: biber and BibTeX take the rest of it as it is."""
    return re.sub(r"[{}\\%\s]", "", doi)


def _written(kind: str, key: str, fields: dict[str, str]) -> str:
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}", ""])
