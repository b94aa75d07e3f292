"""A store for reports in which hardly two numbers are alike, and its scores computed without mer-bench.

Comparison 1 (rule ``last``): a deterministic baseline, a row with an incomplete seed, two rows of one network with
oracles, each ahead of the other in some scores, a network without any complete seed, and a method of an unknown family.
Comparison 2 (``inner``): another row of the network, and the methods without epochs. Comparison 3: synthetic, partial
data without one class, which counts as zero; two means that differ print alike.
"""

from __future__ import annotations

import csv
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mer_bench.statistics.subjects import SubjectCounts
from mer_bench.store import Store
from mer_bench.store.network import write_network
from mer_bench.store.schema import RowRecord
from mer_bench.store.verification import Outcome, VerifiedCell, cell_digest, write_verification
from support.rendered import Line, texts
from support.store_factory import Predictor, make_row, manifest, new_store, right, scattered, write_seed

COUNTS = {
    "smic/s1": (5, 4, 6),
    "smic/s2": (7, 3, 2),
    "samm/006": (8, 2, 0),
    "samm/007": (6, 5, 0),
    "samm/011": (4, 1, 0),
    "casme2/sub01": (9, 3, 4),
    "casme2/sub02": (5, 2, 7),
}
"""Subject to the number of negative, positive and surprise samples: SAMM lacks surprise."""

CASME3_COUNTS = {"casme3/spNO.1": (9, 11, 0), "casme3/spNO.2": (17, 6, 0), "casme3/spNO.10": (13, 8, 0)}

RUNS = {
    "composite": manifest(
        argv=["/home/alice/env/bin/mer-bench", "run", "--data", "/home/alice/maps", "--results=/home/alice"],
        mer_bench="0.7.3",
        git="abc123-dirty",
        selection="last",
        device="cuda",
        jobs=6,
        gpu="A GPU",
        platform="An OS",
    ),
    "synthetic": manifest(selection="oracle", jobs=4, count_problems=["casme3: 64 samples, not 943"]),
}
"""The manifest of each run."""

Scores = dict[tuple[str, str], float]
"""Slice and metric to the score."""


@dataclass(frozen=True)
class Seed:
    """What is stored for one seed of a row."""

    predict: Predictor
    oracle: Predictor | None = None
    missing: Sequence[str] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    processor: str = "A Processor"
    device: str = "cpu"
    seconds: float = 0.5

    @property
    def is_complete(self) -> bool:
        return not self.missing and not self.failed


@dataclass(frozen=True)
class Row:
    """A stored row."""

    record: RowRecord
    seeds: Mapping[int, Seed]

    @property
    def is_complete(self) -> bool:
        return all(seed.is_complete for seed in self.seeds.values())

    def scores(self, number: int) -> Scores:
        """Return the scores of a seed; nothing if it is incomplete."""
        seed = self.seeds[number]
        return scores_of(self.record, [seed.predict]) if seed.is_complete else {}

    def oracle_scores(self, number: int) -> Scores:
        """Return the scores of a seed under the oracle; nothing if it has none."""
        seed = self.seeds[number]
        return scores_of(self.record, [seed.predict, seed.oracle]) if seed.oracle and seed.is_complete else {}

    def counts(self, slice_name: str) -> SubjectCounts | None:
        """Count the predictions of the complete seeds in a slice, by subject; None without such a seed."""
        protocol = self.record["protocol"]
        samples = {
            key: label
            for fold in self.record["folds"].values()
            for key, label in fold["samples"].items()
            if key.split("/")[0] in protocol["slices"][slice_name]
        }
        complete = [seed for seed in self.seeds.values() if seed.is_complete]
        predictions = [{key: (t, seed.predict(key, t)) for key, t in samples.items()} for seed in complete]
        return SubjectCounts.of(predictions, 3, absent_class=protocol["absent_class"]) if complete else None


def mean_and_deviation(scores: Sequence[Scores], column: tuple[str, str]) -> tuple[float, float | None] | None:
    """Return a column's mean and sample standard deviation over the seeds that have it."""
    values = [score[column] for score in scores if score]
    if not values:
        return None
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else None


def scores_of(record: RowRecord, choices: Sequence[Predictor]) -> Scores:
    """Score, for each fold, the first of the predictions that have most samples right."""
    pairs = []
    for fold in record["folds"].values():
        by_choice = [[(key, t, choose(key, t)) for key, t in fold["samples"].items()] for choose in choices]
        pairs += max(by_choice, key=lambda choice: sum(t == p for _, t, p in choice))
    protocol = record["protocol"]
    scores = {}
    for name, databases in protocol["slices"].items():
        inside = [(t, p) for key, t, p in pairs if key.split("/")[0] in databases]
        labels = range(3) if protocol["absent_class"] == "zero" else sorted({t for t, _ in inside})
        hits = [sum(pair == (label, label) for pair in inside) for label in labels]
        true = [sum(t == label for t, _ in inside) for label in labels]
        predicted = [sum(p == label for _, p in inside) for label in labels]
        f1 = [2 * n / (t + p) if t + p else 0.0 for n, t, p in zip(hits, true, predicted, strict=True)]
        recalls = [n / t if t else 0.0 for n, t in zip(hits, true, strict=True)]
        scores[name, "uf1"], scores[name, "uar"] = statistics.mean(f1), statistics.mean(recalls)
        scores[name, "accuracy"] = sum(hits) / len(inside)
    return scores


def samples_of_subjects(counts: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Return sample ids with their labels, given each subject's number of samples of each class."""
    return {
        f"{subject}/clip{label}{i}": label
        for subject, of_classes in counts.items()
        for label, n in enumerate(of_classes)
        for i in range(n)
    }


SAMPLES = samples_of_subjects(COUNTS)
_CASME3 = {
    "protocol": "loso-casme3",
    "slices": {"full": ["casme3"]},
    "samples": samples_of_subjects(CASME3_COUNTS),
    "absent_class": "zero",
    "data": "made",
    "caveats": ["synthetic", "partial"],
}


def _network(name: str, title: str, **options: object) -> RowRecord:
    return make_row(name, title=title, family="deep", epochs=True, samples=SAMPLES, **options)  # type: ignore[arg-type]


ROWS = {
    "floor": Row(
        make_row("floor", title="Floor", samples=SAMPLES, deterministic=True), {0: Seed(scattered("floor17", 2))}
    ),
    "svm": Row(
        make_row("svm-flow", title="SVM", family="handcrafted", samples=SAMPLES, preset="fixed", differs={"C": 10.5}),
        {
            0: Seed(right, missing=["smic-s2"], failed={"samm-007": "no file '/home/alice/x.png'"}, seconds=1000),
            1: Seed(scattered("s0", 5), seconds=0.75),
            3: Seed(scattered("s3", 5)),
        },
    ),
    "alpha": Row(
        _network(
            *("z-net", "alpha net"),
            params={"lr": 0.1, "width": 12},
            caveats=["template-landmarks"],
            arithmetic="native",
            preset="quick",
            reference="paper",
            differs={"lr": 0.1, "width": 12},
        ),
        {
            0: Seed(scattered("w2", 4), scattered("A0", 3), processor="An Intel", seconds=90.5),
            2: Seed(scattered("w17", 5), scattered("A2", 3), processor="An AMD", seconds=30.25),
        },
    ),
    "alpha 2": Row(
        _network(
            *("z-net", "alpha net"),
            params={"lr": 0.2, "width": 36},
            caveats=["blurred"],
            preset="paper",
            changed={"lr": 0.2},
            reference="paper",
            differs={"lr": 0.2},
        ),
        {
            0: Seed(scattered("w36", 4), scattered("B0", 3), processor="An Intel"),
            1: Seed(scattered("w3", 4), processor="An AMD"),
        },
    ),
    "beta": Row(
        _network("a-net", "Beta net", caveats=["approximation", "whole-frame"], preset="paper", reference="paper"),
        {0: Seed(right, right, failed={"casme2-sub01": "no convergence"}, device="cuda")},
    ),
    "lab": Row(
        make_row("m-lab", title="Lab trick", family="aardvark", samples=SAMPLES, caveats=["cropped"]),
        {4: Seed(scattered("lab417", 2))},
    ),
    # Scores of every epoch are no oracle where an inner training chooses the epoch.
    "inner": Row(
        _network(
            *("z-net", "alpha net"),
            params={"lr": 0.3},
            training="inner",
            preset="quick",
            changed={"weights": "/home/alice/w.pt"},
            reference="paper",
            differs={"weights": "/home/alice/w.pt", "lr": 0.3},
        ),
        {5: Seed(scattered("inner17", 2), right)},
    ),
    "guess": Row(make_row("guess", **_CASME3), {0: Seed(scattered("g6", 1)), 1: Seed(scattered("g26", 1))}),  # type: ignore[arg-type]
    "other": Row(make_row("other", **_CASME3), {0: Seed(scattered("g11", 1)), 1: Seed(scattered("g32", 1))}),  # type: ignore[arg-type]
}


NETWORKS = {
    "alpha": {"trainable": 12_345_678, "flops": 2_345_600_000, "not_counted": "fft_c2r"},
    "alpha 2": {"trainable": 4_711, "flops": None, "not_counted": "the forward pass fails (no file '/home/alice/w')"},
    "inner": {"trainable": 98_765, "flops": 345_670, "not_counted": ""},
}
"""What is stored of the networks; of the last, ``beta``, nothing."""


def write_case(folder: Path) -> tuple[Store, dict[str, str]]:
    """Write the store; return it with the ids of its runs."""
    store = new_store(folder)
    run_ids = {name: store.start_run(content) for name, content in RUNS.items()}
    for row in ROWS.values():
        run_id = run_ids["synthetic" if row.record["caveats"] == ["partial", "synthetic"] else "composite"]
        for number, seed in row.seeds.items():
            kept = {"missing": seed.missing, "failed": seed.failed, "oracle": seed.oracle}
            kept |= {"processor": seed.processor, "device": seed.device, "seconds": seed.seconds}  # type: ignore[dict-item]
            write_seed(store, row.record, seed.predict, seed=number, run_id=run_id, **kept)  # type: ignore[arg-type]
    for name, facts in NETWORKS.items():
        write_network(store, ROWS[name].record, **facts)  # type: ignore[arg-type]
    verify(store, ROWS["alpha"].record, {(0, "smic-s1"): "same", (0, "samm-006"): "same", (2, "samm-007"): "differs"})
    verify(store, ROWS["alpha 2"].record, {(1, "samm-011"): "within-spread"})
    return store, run_ids


def verify(store: Store, record: RowRecord, outcomes: Mapping[tuple[int, str], Outcome]) -> None:
    """Store that cells were computed again, with these outcomes."""
    entries: list[VerifiedCell] = []
    for (seed, fold), outcome in outcomes.items():
        cell = store.read_cell(record, seed, fold)
        assert cell is not None
        entries.append(
            {
                "seed": seed,
                "fold": fold,
                "cell_digest": cell_digest(store, record, cell),
                "outcome": outcome,
                "compared": "spread" if outcome == "within-spread" else "exact",
                "reason": "other scores" if outcome == "differs" else "",
                "processor": "Another Processor",
                "when": "2026-03-01T12:00:00+00:00",
            }
        )
    write_verification(store, record, entries)


@dataclass(frozen=True)
class Report:
    """The store of this module, and the files of its report."""

    store: Store
    run_ids: dict[str, str]
    html: str
    markdown: str
    latex: str
    csv: list[Line]
    json: dict[str, Any]

    @classmethod
    def of_case(cls, folder: Path) -> Report:
        store, run_ids = write_case(folder)
        files = texts(store)
        lines = list(csv.DictReader(files["csv"].splitlines()))
        return cls(store, run_ids, files["html"], files["markdown"], files["latex"], lines, json.loads(files["json"]))
