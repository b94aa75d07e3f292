"""Synthetic releases in the official layouts: a public-domain face, warped into several people and animated."""

from __future__ import annotations

from collections.abc import Mapping

SIZES = ("tiny", "small", "large")

LAYOUTS: Mapping[str, Mapping[str, str]] = {
    **{database: {database: "."} for database in ("smic", "samm", "casme2", "casme3")},
    "3db": {"smic": "SMIC", "samm": "SAMM", "casme2": "CASME2"},
}
"""Each layout's databases with their folders."""
