"""The readers that come with mer-bench, registered as any plugin registers its own."""

from __future__ import annotations

from mer_bench.hookspecs import hookimpl
from mer_bench.parameters import Parameter
from mer_bench.specs import DatabaseSpec
from mer_bench.synthesis import LAYOUTS, SIZES

_SEED = Parameter("seed", 0, "the generator's seed", minimum=0, maximum=2**32 - 1)
_RELEASE_PARAMETERS = (
    Parameter("fixes", True, "correct known annotation errors; each correction is reported as a note"),
    Parameter(
        "smic_apex",
        "offset",
        "the apex of SMIC-HS, which annotates none: the offset frame, as in the AHMSA-Net paper, or the middle",
        choices=("offset", "midpoint"),
    ),
    Parameter(
        "images",
        "raw",
        "which frames to read where a release has both; it does not say how its cropped ones were aligned",
        choices=("raw", "cropped"),
    ),
)


@hookimpl
def mer_bench_databases() -> tuple[DatabaseSpec, ...]:
    """Register the built-in readers."""
    return (
        DatabaseSpec(
            name="flow-maps",
            title="ready-made 28×28 flow maps (PNG) with a CSV, in the public HTNet/CausalNet layout or MEGC2019's",
            target="mer_bench.databases.flow_maps:FlowMaps",
            parameters=(
                Parameter(
                    "channel_order",
                    "as-stated",
                    "what the red, green and blue planes of each PNG hold; as-stated: as maps.toml says, else u,v,os",
                    choices=("as-stated", "u,v,os", "u,os,v", "v,u,os", "v,os,u", "os,u,v", "os,v,u"),
                ),
                Parameter("labels", "", "the CSV inside the folder; empty: the only one there"),
                Parameter("maps", "", "the folder of PNGs inside the folder; empty: 'maps' or the folder itself"),
            ),
        ),
        DatabaseSpec(
            name="releases",
            title="official releases as downloaded: SMIC-HS, SAMM, CASME II, CAS(ME)^3 Part A; or one per subfolder",
            target="mer_bench.databases.releases:Releases",
            parameters=_RELEASE_PARAMETERS,
        ),
        DatabaseSpec(
            name="synthetic",
            title="SYNTHETIC: a release in an official layout, rendered from one public-domain face, in the cache",
            target="mer_bench.databases.synthetic:SyntheticRelease",
            needs_path=False,
            parameters=(
                Parameter("layout", "3db", "the releases", choices=tuple(LAYOUTS)),
                Parameter(
                    "size",
                    "small",
                    "tiny for tests, small for a demonstration, large as the official composite",
                    choices=SIZES,
                ),
                _SEED,
                *_RELEASE_PARAMETERS,
            ),
        ),
        DatabaseSpec(
            name="synthetic-maps",
            title="SYNTHETIC: generated flow maps that mimic SMIC-HS, SAMM and CASME II",
            target="mer_bench.databases.synthetic_maps:SyntheticMaps",
            needs_path=False,
            parameters=(
                Parameter("size", "small", "tiny for tests, small for a demonstration", choices=("tiny", "small")),
                _SEED,
            ),
        ),
    )
