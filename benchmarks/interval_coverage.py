"""How often a 95 % interval holds the true score, and how often two equal methods are called different.

Simulates studies of the composite database: 68 subjects with the real numbers of samples, each with a skill of its own
(normal on the logit scale). Resampling samples instead of subjects is measured beside it, as the mistake to avoid.

    python benchmarks/interval_coverage.py --data PATH      # with the real classes of each subject
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from composite import FOLD_SIZES

from mer_bench.arrays import DoubleArray, IntArray
from mer_bench.statistics.paired import holm, swap_test
from mer_bench.statistics.resampling import (
    RESAMPLES,
    draw_subjects,
    intervals,
    limits,
    resampled_scores,
)
from mer_bench.statistics.subjects import SubjectCounts, pooled_scores

CLASS_COUNTS = (250, 109, 83)
DATABASES = {"casme2": 24, "samm": 28, "smic": 16}
SPREADS = (0.0, 0.8, 1.5)
"""Standard deviations of the subjects' skill, on the logit scale."""
SKILL = 1.0
"""The logit of the share of samples that are predicted correctly by a subject of middling skill."""


@dataclass(frozen=True, eq=False)
class Composition:
    """Who and what a study has: its subjects, sorted, and the number of samples of each of them and of each class."""

    subjects: tuple[str, ...]
    counts: IntArray

    def drawn(self, draws: np.random.Generator, n: int) -> Composition:
        """Return some of the subjects, as if they were of one database."""
        places = draws.choice(len(self.subjects), n, replace=False)
        return Composition(tuple(f"one/{number:02}" for number in range(n)), self.counts[places])


def made_composition() -> Composition:
    """Return 68 subjects and 3 classes: real totals, the classes dealt out at random."""
    draws = np.random.default_rng(5)
    labels = draws.permutation(np.repeat(np.arange(len(CLASS_COUNTS)), CLASS_COUNTS))
    parts = np.split(labels, np.cumsum(draws.permutation(FOLD_SIZES))[:-1])
    names = tuple(f"{database}/{number:02}" for database, n in DATABASES.items() for number in range(n))
    return Composition(names, np.stack([np.bincount(part, minlength=len(CLASS_COUNTS)) for part in parts]))


def real_composition(data: str) -> Composition:
    """Return the subjects of a folder of maps."""
    from mer_bench.databases.open import open_source
    from mer_bench.plugin_manager import load_catalogue

    frame = open_source(data, {}, load_catalogue()).read_samples().frame
    subjects = frame["sample_id"].str.rsplit("/", n=1).str[0]
    names, of = np.unique(subjects.to_numpy(dtype=str), return_inverse=True)
    label = np.unique(frame["emotion"].to_numpy(dtype=str), return_inverse=True)[1]
    counts: IntArray = np.zeros((len(names), 3), dtype=np.int64)
    np.add.at(counts, (of, label), 1)
    return Composition(tuple(names.tolist()), counts)


def study(draws: np.random.Generator, composition: Composition, spread: float, n_seeds: int = 1) -> SubjectCounts:
    """Simulate a method's predictions on each subject; seeds share a subject's skill."""
    samples = composition.counts
    skill = _share_correct(spread * draws.standard_normal(len(samples)))
    n_classes = samples.shape[1]
    size = (n_seeds, *samples.shape)
    correct = draws.binomial(samples, skill[:, None], size=size)
    first_wrong = draws.binomial(samples - correct, 0.5)
    counts: IntArray = np.zeros((*size, n_classes), dtype=np.int64)
    for label in range(n_classes):
        others = [other for other in range(n_classes) if other != label]
        counts[..., label, label] = correct[..., label]
        counts[..., label, others[0]] = first_wrong[..., label]
        counts[..., label, others[1]] = (samples - correct - first_wrong)[..., label]
    return SubjectCounts(composition.subjects, counts)


def true_scores(composition: Composition, spread: float) -> DoubleArray:
    """Return UF1 and UAR that endless studies would find: those of the expected counts."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    correct = (_share_correct(spread * nodes) * weights).sum() / weights.sum()
    totals = composition.counts.sum(axis=0)
    expected = np.tile(totals[:, None] * (1 - correct) / 2, (1, len(totals))).astype(np.float64)
    np.fill_diagonal(expected, totals * correct)
    return pooled_scores(expected, "exclude")


def coverage(
    composition: Composition, spread: float, *, studies: int, resamples: int, n_seeds: int = 1, unit: str = "subjects"
) -> tuple[DoubleArray, DoubleArray]:
    """Return the share of studies whose interval holds the true score, and the mean width: UF1 and UAR.

    ``unit`` is what is drawn again: ``subjects``, or ``samples``, which is wrong.
    """
    draws, truth = np.random.default_rng(11), true_scores(composition, spread)
    found = []
    for number in range(studies):
        row = study(draws, composition, spread, n_seeds)
        row = row if unit == "subjects" else _each_sample_a_subject(row)
        found.append([(each.low, each.high) for each in intervals(row, resamples=resamples, seed=number) or ()])
    low, high = np.moveaxis(np.array(found), 2, 0)
    return ((low <= truth) & (truth <= high)).mean(axis=0), (high - low).mean(axis=0)


def false_positives(composition: Composition, spread: float, *, studies: int, swaps: int) -> DoubleArray:
    """Return the share of pairs of equally good methods that differ with p of .05 at most: UF1 and UAR."""
    draws = np.random.default_rng(99)
    found = [
        swap_test(study(draws, composition, spread), study(draws, composition, spread), resamples=swaps, seed=number)[0]
        for number in range(studies)
    ]
    share: DoubleArray = (np.array(found) <= 0.05).mean(axis=0)
    return share


def false_leaders(
    composition: Composition, spread: float, n_rows: int, *, studies: int, swaps: int = RESAMPLES
) -> float:
    """Return the share of tables of equally good rows whose best is called better than some other, by its UF1."""
    draws, claims = np.random.default_rng(7), 0
    for number in range(studies):
        rows = [study(draws, composition, spread) for _ in range(n_rows)]
        leader = max(rows, key=lambda row: row.scores()[0])
        p = [swap_test(leader, row, resamples=swaps, seed=number)[0][0] for row in rows if row is not leader]
        claims += min(holm(p, among=math.comb(n_rows, 2))) <= 0.05
    return claims / studies


def coverage_of_few(
    composition: Composition, spread: float, n_subjects: int, *, studies: int, resamples: int
) -> DoubleArray:
    """Return what `coverage` does for some subjects of one database, also where mer-bench shows no interval."""
    draws, held = np.random.default_rng(3), []
    for number in range(studies):
        few = composition.drawn(draws, n_subjects)
        row, truth = study(draws, few, spread), true_scores(few, spread)
        times = draw_subjects(row.subjects, resamples=resamples, seed=number)
        low, high = limits(resampled_scores(row, times), row)
        held.append((np.minimum(low, row.scores()) <= truth) & (truth <= np.maximum(high, row.scores())))
    share: DoubleArray = np.mean(held, axis=0)
    return share


def _share_correct(skill: DoubleArray) -> DoubleArray:
    shares: DoubleArray = 1 / (1 + np.exp(-(SKILL + skill)))
    return shares


def _each_sample_a_subject(row: SubjectCounts) -> SubjectCounts:
    cells = np.argwhere(row.counts[0] > 0)
    times = row.counts[0][tuple(cells.T)]
    single: IntArray = np.zeros((len(cells), *row.counts.shape[2:]), dtype=np.int64)
    single[np.arange(len(cells)), cells[:, 1], cells[:, 2]] = 1
    databases = np.repeat([row.subjects[subject].split("/")[0] for subject in cells[:, 0]], times)
    names = tuple(f"{database}/{number}" for number, database in enumerate(databases))
    return SubjectCounts(names, np.repeat(single, times, axis=0)[None])


def main(arguments: Sequence[str] | None = None) -> None:
    """Print tables of coverage and of false positives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="a folder of maps; by default, classes are dealt out at random")
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--resamples", type=int, default=1000)
    options = parser.parse_args(arguments)
    composition = real_composition(options.data) if options.data else made_composition()
    print(
        "| spread of skill | drawn again | seeds | UF1 | UAR | width, UF1 | width, UAR |\n|---|---|---|---|---|---|---|"
    )
    for spread in SPREADS:
        for unit, n_seeds in (("samples", 1), ("subjects", 1), ("subjects", 2), ("subjects", 5)):
            share, width = coverage(
                composition,
                spread,
                studies=options.studies,
                resamples=options.resamples,
                n_seeds=n_seeds,
                unit=unit,
            )
            print(
                f"| {spread} | {unit} | {n_seeds} | {share[0]:.3f} | {share[1]:.3f} | {width[0]:.3f} | {width[1]:.3f} |"
            )
    print("\n| subjects of one database | UF1 | UAR |\n|---|---|---|")
    for n_subjects in (2, 3, 4, 5, 6, 8, 12):
        share = coverage_of_few(composition, 0.8, n_subjects, studies=options.studies, resamples=options.resamples)
        print(f"| {n_subjects} | {share[0]:.3f} | {share[1]:.3f} |")
    print("\n| spread of skill | false positives, UF1 | UAR |\n|---|---|---|")
    for spread in SPREADS:
        share = false_positives(composition, spread, studies=10 * options.studies, swaps=options.resamples)
        print(f"| {spread} | {share[0]:.3f} | {share[1]:.3f} |", flush=True)
    print('\n| equally good rows in a table | a false "is better than", UF1 |\n|---|---|')
    for n_rows in (2, 5, 20):
        print(f"| {n_rows} | {false_leaders(composition, 0.8, n_rows, studies=options.studies):.3f} |", flush=True)


if __name__ == "__main__":
    main()
