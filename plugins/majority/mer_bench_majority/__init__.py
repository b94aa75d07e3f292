"""The majority class: what any other method must beat."""

from mer_bench import MethodSpec, Representation, hookimpl, scale_parameter


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
            parameters=(scale_parameter("per-map-8bit", "as for svm-flow, so that the baselines share one input"),),
        ),
    )
