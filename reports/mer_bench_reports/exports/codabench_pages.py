"""The pages of a Codabench competition, in Markdown."""

from __future__ import annotations

from mer_bench.papers import DATABASE_PAPERS
from mer_bench.rules import absent_class_sentence
from mer_bench.store.schema import ProtocolRecord
from mer_bench_reports.exports.codabench_program import CSV, LOG


def pages(protocol: ProtocolRecord, n_samples: int, *, has_log: bool) -> dict[str, str]:
    """Return the pages by name: terms, overview, data and evaluation.

    Parameters
    ----------
    protocol : ProtocolRecord
    n_samples : int
    has_log : bool
        Whether a MEGC 2019 log can be submitted.
    """
    return {
        "terms": _terms(),
        "overview": _overview(protocol, n_samples),
        "data": _data(protocol),
        "evaluation": _evaluation(protocol, n_samples, has_log=has_log),
    }


def _terms() -> str:
    return (
        "# Terms\n\n"
        "- You have signed the licence agreement of each database, and use its data as it allows.\n"
        "- A submission holds predictions only: no frame, crop, feature or label.\n"
        "- Each prediction is of a model that was trained without any sample of the same subject.\n"
        "- No choice (of an epoch, a threshold or a setting) was made by the labels of the held-out subject.\n"
    )


def _overview(protocol: ProtocolRecord, n_samples: int) -> str:
    reference = protocol.get("reference", "")
    return (
        f"# {protocol['title']}\n\n"
        f"Micro-expression recognition under the protocol `{protocol['name']}`, version {protocol['version']}, of "
        f"mer-bench: {n_samples} samples, classes {', '.join(protocol['classes'])}. Each subject is held out once; the "
        f"predictions of all folds are pooled and scored together.\n"
        + (f"\nReference: {reference}\n" if reference else "")
    )


def _data(protocol: ProtocolRecord) -> str:
    databases = next(iter(protocol["slices"].values()))
    lines = ["# Data", "", "No data is distributed here. Ask the owners of each database:", ""]
    for name in databases:
        paper = DATABASE_PAPERS.get(name)
        lines.append(f"- {paper.title}: {paper.request} ({paper.citation})" if paper else f"- {name}")
    lines += ["", "`mer-bench data list PATH` prints the sample ids of a release that you have.", ""]
    return "\n".join(lines)


def _evaluation(protocol: ProtocolRecord, n_samples: int, *, has_log: bool) -> str:
    first = protocol["classes"][0]
    log = (
        f"\nOr `{LOG}`, a MEGC 2019 log: for each subject a line `database subject`, then lines `clip truth "
        "prediction`. Its column of the truth is not used: write 0.\n"
        if has_log
        else ""
    )
    return (
        "# Evaluation\n\n"
        f"A submission is a zip with one file, `{CSV}`, at its top:\n\n"
        f"```\nsample_id,prediction\nDATABASE/SUBJECT/CLIP,{first}\n```\n\n"
        f"It has one line for each of the {n_samples} samples; the prediction is the name of a class. A missing, an "
        "unknown or a repeated sample is an error, and nothing is scored.\n"
        f"{log}\n"
        "UF1 is the unweighted mean of the classes' F1-scores, UAR that of their recalls, both of the pooled "
        f"predictions; in a slice, {absent_class_sentence(protocol['absent_class'])}. The scoring program is "
        "mer-bench's own scorer, and is public.\n"
    )
