"""Bi-WOOF: bi-weighted oriented optical flow, the field's handcrafted baseline on flow."""

from mer_bench import Features, MethodSpec, Parameter, Representation, hookimpl

_DESCRIPTOR = (
    Parameter(
        "blocks",
        (5, 5),
        "rows and columns of the block grid; 5×5 as in the authors' code, whose paper tunes them per database",
        minimum=1,
        maximum=64,
        length=2,
    ),
    Parameter(
        "remainder",
        "last",
        "where a side's pixels go that its blocks leave over; last: to the last block, as in the authors' code; "
        "spread: to several, a pixel each",
        choices=("last", "spread"),
    ),
    Parameter(
        "bins",
        8,
        "orientation bins over the full circle, the first one from -180 degrees on; 8 as in the authors' code",
        minimum=1,
        maximum=360,
    ),
    Parameter(
        "overlap",
        1,
        "pixels by which a block reaches into each neighbour; 1 as in the authors' code, 0 for a partition",
        choices=(0, 1),
    ),
    Parameter(
        "zero",
        "auto",
        "what counts as no motion; none: the value 0, for flow in pixels; median: each map's own median of u and of v, "
        "and its least strain, for maps scaled to their own least and largest value, where it is an APPROXIMATION: "
        "their zero and the scale of u against v are lost; auto: none on flow made of frames, median on ready-made "
        "maps, of whose scale a method is not told",
        choices=("auto", "none", "median"),
    ),
)

_CLASSIFIER = (
    Parameter(
        "scaler",
        "standard",
        "of each value of the descriptor, on the training set; not stated in the paper: standard, as usual for an SVM; "
        "with none, blocks keep the weights that their strain gives them",
        choices=("standard", "none"),
    ),
    Parameter(
        "kernel",
        "linear",
        "the SVM's; not stated in the paper: linear, as usual with this descriptor; the gamma of rbf is scikit-learn's "
        "scale, 1/(values × their variance) on the training set",
        choices=("linear", "rbf"),
    ),
    Parameter(
        "C", 1.0, "the SVM's penalty of a training error; not stated in the paper: scikit-learn's default", minimum=1e-9
    ),
    Parameter(
        "class_weight",
        "none",
        "weights of the classes; not stated in the paper: none",
        choices=("balanced", "none"),
    ),
)


@hookimpl
def mer_bench_methods() -> tuple[MethodSpec, ...]:
    """Register ``bi-woof``."""
    return (
        MethodSpec(
            name="bi-woof",
            version="1",
            title="Bi-WOOF",
            target="mer_bench_bi_woof.method:BiWOOF",
            deterministic=True,
            representation=Representation("flow", approximate="face-flow"),
            features=Features(tuple(parameter.name for parameter in _DESCRIPTOR)),
            family="handcrafted",
            parameters=(*_DESCRIPTOR, *_CLASSIFIER),
            citation=(
                "Liong, See, Wong and Phan 2018, Less is more: micro-expression recognition from video using apex "
                "frame, Signal Processing: Image Communication 62, 82-92, doi:10.1016/j.image.2017.11.006, "
                "arXiv:1606.01721"
            ),
        ),
    )
