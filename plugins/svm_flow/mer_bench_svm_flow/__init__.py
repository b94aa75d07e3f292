"""A support vector machine on raw flow maps: what any network must beat."""

from mer_bench import MethodSpec, Parameter, Representation, hookimpl


@hookimpl
def mer_bench_methods() -> tuple[MethodSpec, ...]:
    """Register ``svm-flow``."""
    return (
        MethodSpec(
            name="svm-flow",
            version="1",
            title="SVM on flow maps",
            target="mer_bench_svm_flow.method:SVMFlow",
            deterministic=True,
            representation=Representation("face-flow"),
            family="baseline",
            parameters=(
                Parameter("kernel", "rbf", "the kernel", choices=("rbf", "linear")),
                Parameter("C", 10.0, "the penalty of a training error", minimum=1e-9),
                Parameter("class_weight", "balanced", "weights of the classes", choices=("balanced", "none")),
            ),
            presets={"rbf": {"kernel": "rbf", "C": 10.0}, "linear": {"kernel": "linear", "C": 1.0}},
            default_preset="rbf",
            citation="Cortes and Vapnik 1995, doi:10.1007/BF00994018, on the maps that the networks see",
        ),
    )
