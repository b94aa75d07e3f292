"""Which classes and which subjects rows predict."""

from __future__ import annotations

import numpy as np

from mer_bench.certainty import subject_counts
from mer_bench_reports.plots.common import (
    LEFT,
    LINE,
    ROW,
    WIDTH,
    class_point,
    label,
    legend,
    legend_height,
    marks_at,
    row_text,
)
from mer_bench_reports.report_data import Comparison
from mer_bench_reports.svg import AXIS, MARKERS, Box, Line, Part, Plot, Scale, Text, horizontal_axis


def recalls(comparison: Comparison) -> Plot | None:
    """Return the recall of each class, for each row."""
    classes = comparison.protocol["classes"]
    rows = [entry for entry in comparison.entries if entry.row.means]
    if not rows:
        return None
    scale, height = Scale(0.0, 1.0, LEFT, WIDTH), len(rows) * ROW
    parts = [*horizontal_axis(scale, height, "recall on the full set")]
    for number, entry in enumerate(rows):
        counts = np.sum([seed.slices["full"].confusion for seed in entry.row.seeds if seed.complete], axis=0)
        y, text = marks_at(number), label(entry)
        parts += [row_text(number, text), Line(LEFT, y, LEFT + WIDTH, y, "grid")]
        for place, name in enumerate(classes):
            if counts[place].sum():
                share = counts[place, place] / counts[place].sum()
                parts.append(class_point(scale.at(share), y, place, f"{text}, {name}: {share:.4f}"))
    marks = [(f"class-{i % 8}", MARKERS[i % len(MARKERS)], name) for i, name in enumerate(classes)]
    return Plot(
        "Recall of each class on the full set",
        f"One line for each row, with a mark for the recall of each class: {', '.join(classes)}.",
        height + AXIS + legend_height(len(marks)),
        (*parts, *legend(marks, height + AXIS + 8)),
    )


def subjects(comparison: Comparison) -> Plot | None:
    """Return the share of correct samples of each subject: which subjects all rows fail."""
    rows = [(entry, counts) for entry in comparison.entries if (counts := subject_counts(entry.row.seeds))]
    if not rows:
        return None
    shares = np.array([counts.correct / counts.n_samples for _, counts in rows])
    order = np.argsort(-shares.mean(axis=0), kind="stable")
    names, sizes = rows[0][1].subjects, rows[0][1].n_samples
    width = WIDTH / len(names)
    parts: list[Part] = []
    for number, (entry, _) in enumerate(rows):
        parts.append(row_text(number, label(entry)))
        for place, subject in enumerate(order):
            share = float(shares[number, subject])
            tip = f"{names[subject]}: {share * sizes[subject]:.4g} of {sizes[subject]} correct"
            x, y = round(LEFT + place * width, 2), number * ROW + 17
            parts.append(Box(x, y, width=round(width, 2), height=13, share=round(share, 3), tip=tip))
    height = len(rows) * ROW
    parts.append(Text(LEFT + WIDTH / 2, height + 16, f"{len(names)} subjects, best predicted first", "middle", "axis"))
    parts.append(Text(LEFT, height + 16 + LINE, "correct:", css="tick"))
    for place, share in enumerate((0.0, 0.25, 0.5, 0.75, 1.0)):
        x = LEFT + 16 + 15 * place
        parts.append(Box(x, height + 6 + LINE, width=3, height=13, share=share))
        parts.append(Text(x + 4, height + 16 + LINE, f"{100 * share:.0f} %", css="tick"))
    failed = int((shares.max(axis=0) == 0).sum())
    return Plot(
        "Share of correct samples of each subject, stronger colour for more",
        f"One strip for each row, with a box for each of {len(names)} subjects, in the same order: those whom the rows "
        f"predict best come first. {_failed_text(failed)}",
        height + AXIS,
        tuple(parts),
    )


def _failed_text(n: int) -> str:
    subjects = "no subject" if n == 0 else "1 subject" if n == 1 else f"{n} subjects"
    return f"There {'are' if n > 1 else 'is'} {subjects} of whom all rows predict every sample wrongly."
