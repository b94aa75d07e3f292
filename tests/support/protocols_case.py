"""A store with real rows under two protocols, some of which repeat published rows; hardly two numbers are alike.

Of ``cde``: comparison 1 with another channel, 2 (``last``), 3 (``inner``), and 6, synthetic. Of ``loso-casme3``: 4, and
5, partial.
"""

from __future__ import annotations

from pathlib import Path

from mer_bench.store import Store
from mer_bench.store.schema import RowRecord
from support.report_case import CASME3_COUNTS, SAMPLES, Row, Seed, samples_of_subjects
from support.store_factory import make_row, new_store, scattered, write_seed

_CASME3 = {
    "protocol": "loso-casme3",
    "slices": {"full": ["casme3"]},
    "samples": samples_of_subjects({subject: (*counts[:2], 5) for subject, counts in CASME3_COUNTS.items()}),
}
_PAPER = {"preset": "paper", "reference": "paper", "family": "deep", "epochs": True}


def _row(name: str, title: str, representation: str = "face-flow", **options: object) -> RowRecord:
    row = make_row(name, title=title, **{"samples": SAMPLES, **options})  # type: ignore[arg-type]
    row["representation"]["name"] = representation
    return row


ROWS = {
    "ahmsa": Row(
        _row("ahmsa", "Ours AHMSA", "region-flow", **_PAPER),
        {0: Seed(scattered("p1", 4)), 1: Seed(scattered("p2", 4))},
    ),
    "ahmsa quick": Row(
        _row(
            *("ahmsa", "Ours AHMSA", "region-flow"),
            **{**_PAPER, "preset": "quick", "differs": {"epochs": 5}, "params": {"epochs": 5}},
        ),
        {0: Seed(scattered("p3", 3))},
    ),
    "ahmsa inner": Row(
        _row("ahmsa", "Ours AHMSA", "region-flow", **_PAPER, training="inner"), {0: Seed(scattered("p4", 5))}
    ),
    "ahmsa synthetic": Row(
        _row("ahmsa", "Ours AHMSA", "region-flow", **_PAPER, data="made", caveats=["synthetic"]),
        {0: Seed(scattered("p5", 5))},
    ),
    "inceptr": Row(_row("inceptr", "Ours IncepTR", **_PAPER, third_channel="magnitude"), {0: Seed(scattered("p6", 3))}),
    "lbp-top": Row(
        _row("lbp-top", "=Ours LBP", family="handcrafted", deterministic=True, caveats=["whole-frame"]),
        {0: Seed(scattered("p7", 2))},
    ),
    "ahmsa casme3": Row(_row("ahmsa", "Ours AHMSA", "region-flow", **_PAPER, **_CASME3), {0: Seed(scattered("q1", 2))}),
    "htnet casme3": Row(
        _row("htnet", "Ours HTNet", "region-flow", **_PAPER, **_CASME3),
        {0: Seed(scattered("q2", 4), failed={"casme3-spNO.2": "boom"})},
    ),
    "rcn-a casme3": Row(
        _row("rcn-a", "Ours RCN-A", **{**_PAPER, **_CASME3, "caveats": ["partial"]}), {0: Seed(scattered("q3", 5))}
    ),
    "lbp-top casme3": Row(
        _row(
            *("lbp-top", "=Ours LBP"),
            **{"family": "handcrafted", "deterministic": True, "caveats": ["whole-frame"], **_CASME3},
        ),
        {0: Seed(scattered("q4", 3))},
    ),
}


def write_case(folder: Path) -> Store:
    """Write the store."""
    store = new_store(folder)
    for row in ROWS.values():
        for number, seed in row.seeds.items():
            write_seed(store, row.record, seed.predict, seed=number, failed=seed.failed)
    return store
