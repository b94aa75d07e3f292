"""The layers of the packages: the table of what each may import, and the picture drawn from it.

``python docs/layers.py`` draws the picture again, after a change of the table. tests/test_house.py holds both against
the imports.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from html import escape
from itertools import pairwise
from pathlib import Path
from statistics import fmean

FOUNDATION = {
    *("errors", "arrays", "names", "version", "foreign", "parameters", "specs", "hookspecs", "entry_points"),
    "plugin_manager",
}
WORDS = {"caveats", "rules"}
DATA = {"samples", "cache", "databases"}
KEPT = {"store", "scoring", "epochs", "results"}
ALLOWED = {
    "printable": set(),
    "papers": set(),
    "errors": {"printable"},
    "arrays": set(),
    "locks": set(),
    "atomic": {"errors", "locks"},
    "names": set(),
    "version": set(),
    "durations": set(),
    "rules": set(),
    "caveats": set(),
    "threads": set(),
    "isolation": {"threads"},
    "foreign": {"errors", "printable"},
    "bounded_files": {"errors"},
    "strict_toml": {"errors", "names", "bounded_files"},
    "strain": {"errors", "arrays"},
    "parameters": {"errors"},
    "arithmetic": {"errors", "threads"},
    "specs": {"errors", "names", "foreign", "parameters"},
    "protocol": {"errors", "rules", "specs", "strict_toml"},
    "settings": {"errors", "names", "parameters", "specs"},
    "sweep": {"errors", "parameters", "settings", "specs"},
    "ablation": {"errors", "names", "parameters", "specs", "strict_toml", "sweep"},
    "samples": {"errors"},
    "hookspecs": {"specs"},
    "entry_points": {"errors"},
    "own_code": {"errors"},
    "loading": {"printable", "own_code"},
    "plugin_manager": {"errors", "names", "foreign", "specs", "hookspecs", "entry_points", "loading", "own_code"},
    "config": {"errors", "strict_toml"},
    "cache": {"errors", "arrays", "atomic", "locks"},
    "scoring": {"errors", "arrays", "atomic", "bounded_files", "names", "rules", "samples"},
    "store": {"errors", "arrays", "atomic", "locks", "rules", "samples"},
    "epochs": {"arrays", "scoring", "store"},
    "results": {"errors", "arrays", "rules", "caveats", "samples", "store", "scoring", "epochs"},
    "statistics": {"errors", "arrays", "scoring"},
    "audit": {"errors", "arrays", "protocol"},
    "luck": {"results", "rules", "statistics", "store"},
    "row_names": {"names"},
    "row_command": {"arithmetic", "caveats", "parameters", "representations", "rules", "store"},
    "result_texts": {"results", "rules", "store", "parameters", "specs", "representations"},
    "certainty": {"errors", "result_texts", "results", "scoring", "statistics", "store"},
    "checks": {
        *("errors", "arrays", "caveats", "rules", "protocol", "representations", "scoring", "statistics", "store"),
        *("results", "result_texts", "certainty", "row_names"),
    },
    "frames": {"config", "printable", "row_names", "result_texts", "results", "store"},
    "tracking": {*FOUNDATION},
    "executors": {*FOUNDATION, "atomic", "store", "strict_toml"},
    "synthesis": {"errors", "arrays", "atomic", "caveats", "samples"},
    "databases": {
        *FOUNDATION,
        "bounded_files",
        "caveats",
        "strict_toml",
        "strain",
        "samples",
        "cache",
        "synthesis",
        "vision",
    },
    "vision": {"errors", "arrays", "bounded_files", "parameters", "threads"},
    "representations": {*FOUNDATION, *DATA, "atomic", "arithmetic", "caveats", "threads", "strain", "vision", "store"},
    "methods": {*FOUNDATION, "bounded_files", "samples", "vision"},
    "training": {*FOUNDATION, "atomic", "threads", "isolation", "samples", "vision", "methods"},
    "evaluation": {
        *FOUNDATION,
        *WORDS,
        *DATA,
        *("arithmetic", "threads", "isolation", "protocol", "settings", "sweep", "store", "scoring"),
        *("vision", "representations", "methods", "training"),
    },
    "engine": {
        *FOUNDATION,
        *WORDS,
        *DATA,
        *KEPT,
        *("atomic", "locks", "arithmetic", "threads", "isolation", "config", "protocol", "settings", "sweep"),
        *("durations", "representations", "methods", "training", "evaluation", "executors", "tracking"),
    },
    "progress": {"durations", "printable", "engine", "evaluation", "training"},
    "api": {"engine", "evaluation", "frames", "printable", "progress", "parameters"},
    "testing": {
        *FOUNDATION,
        *("config", "isolation", "settings", "strain", "methods", "training", "evaluation", "engine"),
        "representations",
    },
    # A new plugin's class must not have the name of one that the public interface offers.
    "scaffold": {*FOUNDATION, "atomic", "__init__"},
    "mer_bench_reports": {
        *KEPT,
        *WORDS,
        "audit",
        "protocol",
        "arithmetic",
        "representations",
        "statistics",
        "certainty",
        "checks",
        "luck",
        "result_texts",
        "row_names",
        "row_command",
        "errors",
        "arrays",
        "bounded_files",
        "names",
        "papers",
        "version",
        "printable",
        "parameters",
        "specs",
        "strict_toml",
        "atomic",
        "samples",
    },
    "mer_bench_protocols": {"hookspecs", "specs"},
}
"""What each package may import; a package comes after those that it may import."""

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "packages.svg"
WIDTH, LEFT, TOP, ROW, BOX, BOX_WIDTH = 1120, 710, 96, 68, 36, 172
BANDS = (
    "plugins/: methods, which import from the public interface (mer_bench/__init__.pyi) only",
    "mer_bench/cli: the command line, which may import everything below",
)
STYLE = """
  text { font: 15px sans-serif; text-anchor: middle; fill: #1a1a1a }
  .package { fill: #c5cae9; stroke: #303f9f }
  .package + text { font-weight: bold }
  .modules { text-anchor: end; fill: #555555 }
  .row { fill: #fafafa; stroke: #e0e0e0 }
  polyline { fill: none; stroke: #303f9f; stroke-width: 1.6; marker-end: url(#arrow) }
"""

Point = tuple[float, float]
Table = Mapping[str, Set[str]]


def is_package(name: str) -> bool:
    """Return whether a name of the table is a folder; the others are single modules."""
    return name.startswith("mer_bench_") or (ROOT / "mer_bench" / name).is_dir()


def below(name: str, allowed: Table) -> set[str]:
    """Return all that a package may import, directly or through others."""
    direct = allowed.get(name, set())
    return set(direct).union(*(below(other, allowed) for other in direct))


def height(name: str, allowed: Table) -> int:
    """Return in which row from below a package stands: one above the highest that it may import."""
    return 1 + max((height(other, allowed) for other in allowed[name] if other in allowed), default=-1)


def arrows(allowed: Table) -> list[tuple[str, str]]:
    """Return the pairs of packages to join; an arrow that follows from two others is left out."""
    packages = {name for name in allowed if is_package(name)}
    reach = {name: below(name, allowed) & packages for name in packages}
    return sorted(
        (upper, lower)
        for upper in packages
        for lower in reach[upper]
        if not any(lower in reach[between] for between in reach[upper])
    )


def lay_out(allowed: Table) -> tuple[dict[str, Point], list[list[Point]]]:
    """Return the centre of each package and the points of each arrow.

    An arrow over several rows has a place in each of them, so that it passes between the boxes.
    """
    level = {name: height(name, allowed) for name in allowed}
    parents: dict[str, list[str]] = {name: [] for name in allowed if is_package(name)}
    level_of = {name: level[name] for name in parents}
    chains = []
    for upper, lower in arrows(allowed):
        between = [f"{upper}>{lower}@{row}" for row in range(level[upper] - 1, level[lower], -1)]
        chain = [upper, *between, lower]
        chains.append(chain)
        for above, name in pairwise(chain):
            parents.setdefault(name, []).append(above)
        level_of.update({name: int(name.rpartition("@")[2]) for name in between})
    x: dict[str, float] = {}
    for row in range(max(level.values()), -1, -1):
        wanted = {
            name: fmean([x[above] for above in parents[name]] or [LEFT if x else LEFT / 2])
            for name in parents
            if level_of[name] == row
        }
        x.update(spread(wanted, allowed))
    top = max(level.values())
    places = {name: (x[name], TOP + (top - level_of[name]) * ROW + ROW / 2) for name in x}
    return {name: places[name] for name in places if name in allowed}, [[places[n] for n in chain] for chain in chains]


def spread(wanted: Mapping[str, float], allowed: Table) -> dict[str, float]:
    """Return the x of what stands in a row: as near to what is wanted as the widths allow, within the margins."""
    half = {name: BOX_WIDTH / 2 + 6 if name in allowed else 14.0 for name in wanted}
    names = sorted(wanted, key=lambda name: wanted[name])
    shift = 0.0
    for _ in range(2):  # first from the left, then with the mean of what that moved undone
        placed: dict[str, float] = {}
        edge = 4.0
        for name in names:
            placed[name] = max(wanted[name] + shift, edge + half[name])
            edge = placed[name] + half[name]
        shift = fmean([wanted[name] - placed[name] for name in names] or [0.0])
    edge = LEFT + BOX_WIDTH / 2 + 6
    for name in reversed(names):
        placed[name] = min(placed[name], edge - half[name])
        edge = placed[name] - half[name]
    return placed


def draw(allowed: Table) -> str:
    """Return the picture as SVG."""
    rows = 1 + max(height(name, allowed) for name in allowed)
    total = TOP + rows * ROW + 6
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total}" width="{WIDTH}" role="img">',
        "<title>The packages of mer-bench; each imports from lower rows only</title>",
        f"<style>{STYLE}</style>",
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#303f9f"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{total}" fill="#ffffff"/>',
    ]
    for i, text in enumerate(BANDS):
        parts += box(text, (WIDTH / 2, 6 + i * (BOX + 8) + BOX / 2), WIDTH - 8)
    for row in range(rows):
        y = TOP + row * ROW
        modules = [n for n in allowed if not is_package(n) and height(n, allowed) == rows - 1 - row]
        parts.append(f'<rect class="row" x="4" y="{y + 3}" width="{WIDTH - 8}" height="{ROW - 6}" rx="6"/>')
        parts.append(f'<text class="modules" x="{WIDTH - 16}" y="{y + ROW / 2 + 5:.0f}">{", ".join(modules)}</text>')
    places, lines = lay_out(allowed)
    for points in lines:
        bent = [(x, y + side * BOX / 2) for x, y in points for side in (-1, 1)][1:-1]
        parts.append(f'<polyline points="{" ".join(f"{x:.0f},{y:.0f}" for x, y in bent)}"/>')
    for name, place in places.items():
        parts += box(name, place, BOX_WIDTH)
    return "\n".join([*parts, "</svg>", ""])


def box(text: str, centre: Point, width: float) -> list[str]:
    x, y = centre
    place = f'x="{x - width / 2:.0f}" y="{y - BOX / 2:.0f}" width="{width:.0f}" height="{BOX}"'
    return [f'<rect class="package" {place} rx="4"/>', f'<text x="{x:.0f}" y="{y + 5:.0f}">{escape(text)}</text>']


if __name__ == "__main__":
    PICTURE.write_text(draw(ALLOWED), encoding="utf-8")
