"""Made-up releases in the official layouts: a public-domain face, warped into people and set in motion."""

from __future__ import annotations

from mer_bench.synthesis.draws import GENERATOR_VERSION
from mer_bench.synthesis.plans import SIZES
from mer_bench.synthesis.release_writer import LAYOUTS, write_release

__all__ = ["GENERATOR_VERSION", "LAYOUTS", "SIZES", "write_release"]
