"""A protocol as Croissant 1.1 (mlcommons.org/croissant): what a data set holds, without its data and its labels.

The records are the lines of the table that ``mer-bench data list`` writes where the releases are: every field has its
column there. The releases themselves are named by the pages on which their owners are asked for them.
"""

from __future__ import annotations

from datetime import datetime

from mer_bench.errors import MerBenchError
from mer_bench.papers import DATABASE_PAPERS, DatabasePaper
from mer_bench.printable import json_text
from mer_bench.protocol import Protocol
from mer_bench.samples import ordered_databases

_JSON = {"@type": "@json"}
_OWN = (
    *("citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty", "fileSet", "format"),
    *("includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex"),
    *("repeated", "replace", "samplingRate", "separator", "source", "subField", "transform"),
)
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", **_JSON},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", **_JSON},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    **{name: f"cr:{name}" for name in _OWN},
}
"""That of the specification, whole, as readers expect it."""

_TABLE = "samples.csv"
_FIELDS = {
    "sample_id": "The clip, as database/subject/clip in the release's own names.",
    "database": "The release.",
    "subject": "The person, with the database before the name. It is the fold too: each subject is held out once.",
    "clip": "The clip, in the release's own name.",
    "emotion": "The annotated emotion as the release prints it; the protocol makes a class of it.",
}


def render(protocol: Protocol, *, version: str, generated: datetime) -> str:
    """Return the description as JSON-LD.

    Parameters
    ----------
    protocol : Protocol
    version : str
        Of mer-bench.
    generated : datetime
        When the description is made.

    Raises
    ------
    MerBenchError
        The protocol names a database of which mer-bench knows no paper.
    """
    papers = {name: _paper(protocol, name) for name in ordered_databases(protocol.databases)}
    pages = [paper.request for paper in papers.values()]
    content = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": f"mer-bench-{protocol.name}",
        "description": _description(protocol, papers),
        "version": f"{protocol.version}.0.0",
        "datePublished": generated.strftime("%Y-%m-%d"),
        "url": pages[0],
        "sameAs": pages,
        "license": pages,
        "citeAs": "; ".join([protocol.reference, *(paper.citation for paper in papers.values())]),
        "keywords": ["micro-expression recognition", *(paper.title for paper in papers.values())],
        "creator": {"@type": "sc:Organization", "name": f"mer-bench {version}, for the owners of the databases"},
        "inLanguage": "en",
        # No checksum can be given: each laboratory makes the table of the releases that it was given.
        "isLiveDataset": True,
        "distribution": [_table(papers)],
        "recordSet": [_samples(protocol)],
        **_responsible(protocol),
    }
    return f"{json_text(content, 2)}\n"


def _paper(protocol: Protocol, database: str) -> DatabasePaper:
    if database not in DATABASE_PAPERS:
        raise MerBenchError(
            f"protocol {protocol.name} has the database {database!r}, whose licence page is not known; croissant can "
            f"describe protocols of {', '.join(DATABASE_PAPERS)} only"
        )
    return DATABASE_PAPERS[database]


def _description(protocol: Protocol, papers: dict[str, DatabasePaper]) -> str:
    lines = [
        f"{protocol.title}. No data is distributed with this description: each database is asked for at its owner's "
        f"page. Classes: {', '.join(protocol.classes)}. Split: {protocol.split}."
    ]
    for name, paper in papers.items():
        rule = protocol.databases[name]
        facts = [f"{rule.subjects} subjects"] if rule.subjects is not None else []
        facts += [f"{count} {kind}" for kind, count in (rule.counts or {}).items()]
        maps = ", ".join(f"{emotion} is {kind}" for emotion, kind in rule.emotions.items())
        told = f": {', '.join(facts)}" if facts else ""
        dropped = f"; left out: {', '.join(rule.dropped)}" if rule.dropped else ""
        lines.append(f"{paper.title}{told}. Emotions: {maps}{dropped}.")
    return " ".join([*lines, *([protocol.note] if protocol.note else [])])


def _table(papers: dict[str, DatabasePaper]) -> dict[str, object]:
    return {
        "@type": "cr:FileObject",
        "@id": _TABLE,
        "name": _TABLE,
        "description": (
            "Not at this address. Sign the licence agreement of each database "
            f"({'; '.join(f'{paper.title}: {paper.request}' for paper in papers.values())}), then make this table of "
            "the releases with `mer-bench data list PATH > samples.csv`."
        ),
        "contentUrl": next(iter(papers.values())).request,
        "encodingFormat": "text/csv",
    }


def _samples(protocol: Protocol) -> dict[str, object]:
    return {
        "@type": "cr:RecordSet",
        "@id": "samples",
        "name": "samples",
        "description": f"The clips from which {protocol.name} takes its samples; the classes follow from the emotions.",
        "key": {"@id": "samples/sample_id"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"samples/{name}",
                "name": name,
                "description": text,
                "dataType": "sc:Text",
                "source": {"fileObject": {"@id": _TABLE}, "extract": {"column": name}},
            }
            for name, text in _FIELDS.items()
        ],
    }


def _responsible(protocol: Protocol) -> dict[str, object]:
    """Return the responsible-AI fields that follow from the protocol and from what the databases are."""
    return {
        "rai:dataUseCases": "Benchmarks of micro-expression recognition on subjects not seen in training.",
        "rai:dataLimitations": (
            "Few subjects and unequal classes, so scores are uncertain by several hundredths. Expressions were "
            "elicited in laboratories. Results say nothing of lie detection or of other people and cameras."
        ),
        "rai:personalSensitiveInformation": ["The databases show the faces and emotions of identifiable people."],
        "rai:dataAnnotationProtocol": "Emotions are those of each release; how they were coded: see its paper.",
        "rai:dataPreprocessingProtocol": [
            f"Emotions are mapped to {len(protocol.classes)} classes by the protocol {protocol.name}, version "
            f"{protocol.version}; samples of other emotions are left out."
        ],
    }
