"""How long the audit of a pair takes, at the real class counts.

    python benchmarks/audit_time.py [--pairs 40] [--counts 250,109,83] [--decimals 4] [--seed 0]

Pairs are drawn all over the square of UF1 and UAR, half of them where UF1 is near its limits for the UAR: there a
search has most to go through. Prints seconds of processor time, mean and slowest, of the verdict, and of verdict and
explanation together.
"""

from __future__ import annotations

import argparse
import time
from fractions import Fraction

import numpy as np

from mer_bench.audit.explanation import explain
from mer_bench.audit.matrices import macro
from mer_bench.audit.printed import Printed, Window, read_printed
from mer_bench.audit.search import nearest_with_second
from mer_bench.audit.verdict import judge


def pairs(counts: tuple[int, ...], n: int, decimals: int, seed: int) -> list[tuple[Printed, Printed]]:
    """Return printed pairs: every second one is at the edge of what its UAR allows."""
    draws = np.random.default_rng(seed)
    found = []
    for number in range(n):
        uf1, uar = (float(share) for share in draws.uniform(0.02, 0.98, 2))
        if number % 2:
            window = Window(Fraction(uar) - Fraction(1, 10**4), Fraction(uar) + Fraction(1, 10**4))
            edge = nearest_with_second(macro(counts), Fraction(int(draws.integers(2))), window).scores
            uf1 = float(edge[0]) + float(draws.integers(-2, 3)) / 10**decimals if edge else uf1
        texts = (f"{min(1.0, max(0.0, score)):.{decimals}f}" for score in (uf1, uar))
        first, second = map(read_printed, texts)
        found.append((first, second))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--counts", default="250,109,83")
    parser.add_argument("--decimals", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    counts = tuple(int(n) for n in asked.counts.split(","))
    seconds: dict[str, list[tuple[float, float, str]]] = {}
    for uf1, uar in pairs(counts, asked.pairs, asked.decimals, asked.seed):
        start = time.process_time()
        verdict = judge(counts, uf1, uar)
        judged = time.process_time() - start
        if verdict.kind == "impossible":
            explain(counts, uf1, uar)
        whole = time.process_time() - start
        seconds.setdefault(verdict.kind, []).append((judged, whole, f"{uf1.text}/{uar.text}"))
    for kind, times in seconds.items():
        judged, wholes, _ = zip(*times, strict=True)
        slowest = max(times, key=lambda each: each[1])
        print(
            f"{kind}: {len(times)} pairs; verdict {np.mean(judged):.2f} s, slowest {max(judged):.2f} s; with "
            f"explanation {np.mean(wholes):.2f} s, slowest {slowest[1]:.2f} s ({slowest[2]})"
        )


if __name__ == "__main__":
    main()
