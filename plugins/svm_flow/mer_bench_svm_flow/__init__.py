"""A support vector machine on raw flow maps: what any network must beat."""

from mer_bench import MethodSpec, Parameter, Representation, hookimpl, scale_parameter

_PARAMETERS = (
    Parameter("kernel", "rbf", "the kernel", choices=("rbf", "linear")),
    Parameter(
        "tuning",
        "nested",
        "how C and gamma are found; nested: by cross-validation over each training set's subjects; fixed: as given",
        choices=("nested", "fixed"),
    ),
    Parameter(
        "C",
        1.0,
        "the penalty of a training error; nested: the middle of the grid 0.01, 0.1, 1, 10, 100 times C; the default is "
        "scikit-learn's",
        minimum=1e-9,
    ),
    Parameter(
        "gamma",
        1.0,
        "the width of the RBF kernel, in units of scikit-learn's gamma=scale, its default; nested: the middle of the "
        "grid 0.1, 1, 10 times gamma",
        minimum=1e-9,
    ),
    Parameter("splits", 5, "nested: the parts of the training set's subjects, each held out once", minimum=2),
    Parameter("class_weight", "balanced", "weights of the classes", choices=("balanced", "none")),
    scale_parameter("per-map-8bit", "as public maps, which the networks take"),
)


@hookimpl
def mer_bench_methods() -> tuple[MethodSpec, ...]:
    """Register ``svm-flow``."""
    return (
        MethodSpec(
            name="svm-flow",
            version="2",
            title="SVM on flow maps",
            target="mer_bench_svm_flow.method:SVMFlow",
            deterministic=True,
            representation=Representation("face-flow", parameters=("scale",)),
            family="baseline",
            parameters=_PARAMETERS,
            presets={"nested": {}, "fixed": {"tuning": "fixed", "C": 10.0}, "linear": {"kernel": "linear"}},
            default_preset="nested",
            citation="Cortes and Vapnik 1995, doi:10.1007/BF00994018, on the maps that the networks see",
        ),
    )
