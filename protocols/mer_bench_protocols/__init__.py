"""The protocols that come with mer-bench: one TOML file each, registered as a plugin."""

from __future__ import annotations

from pathlib import Path

from mer_bench import ProtocolSpec, hookimpl


@hookimpl
def mer_bench_protocols() -> tuple[ProtocolSpec, ...]:
    """Register every TOML file of this folder, by its file name."""
    folder = Path(__file__).parent
    return tuple(ProtocolSpec(name=path.stem, path=path) for path in sorted(folder.glob("*.toml")))
