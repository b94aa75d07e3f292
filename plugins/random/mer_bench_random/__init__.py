"""Guessing by class frequencies: the scores to expect where nothing was learned."""

from mer_bench import MethodSpec, Representation, hookimpl, scale_parameter


@hookimpl
def mer_bench_methods() -> tuple[MethodSpec, ...]:
    """Register ``random``."""
    return (
        MethodSpec(
            name="random",
            version="1",
            title="Random guess",
            target="mer_bench_random.method:RandomGuess",
            representation=Representation("face-flow", parameters=("scale",)),
            family="baseline",
            parameters=(scale_parameter("per-map-8bit", "as for svm-flow, so that the baselines share one input"),),
        ),
    )
