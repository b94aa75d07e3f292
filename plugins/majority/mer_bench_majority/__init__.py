"""The majority class: what any other method must beat."""

from mer_bench import MethodSpec, Parameter, Representation, hookimpl


@hookimpl
def mer_bench_methods() -> tuple[MethodSpec, ...]:
    """Register ``majority``."""
    return (
        MethodSpec(
            name="majority",
            version="1",
            title="Majority class",
            target="mer_bench_majority.method:Majority",
            deterministic=True,
            representation=Representation("face-flow", parameters=("scale",)),
            family="baseline",
            parameters=(
                Parameter(
                    "scale",
                    "per-map-8bit",
                    "how maps that are made from frames are scaled: as for svm-flow, so that the baselines share one "
                    "input",
                    choices=("physical", "per-map", "per-map-8bit"),
                ),
            ),
        ),
    )
