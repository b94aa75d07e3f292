"""LBP-TOP: local binary patterns on three orthogonal planes of a clip, classified by a support vector machine."""

from mer_bench import Features, MethodSpec, Parameter, Representation, hookimpl
from mer_bench_lbp_top.geometry import validate

_CLIP = (
    Parameter(
        "length",
        10,
        "frames of the interpolated clip (MEGC 2019: 10); more than twice the radius in time",
        minimum=3,
        maximum=1000,
    ),
    Parameter(
        "interpolation", "graph", "TIM by graph embedding (MEGC 2019 names TIM), or linear", choices=("graph", "linear")
    ),
)
_DESCRIPTOR = (
    Parameter(
        "radii",
        (1, 1, 4),
        "distance of the neighbours, pixels and frames, along X,Y,T or on the planes XY,XT,YT: see radii_of "
        "(MEGC 2019: {1,1,4})",
        minimum=1,
        maximum=100,
        length=3,
    ),
    Parameter(
        "radii_of",
        "axes",
        "axes: the radii are R_X,R_Y,R_T, and a plane's neighbours lie on the ellipse of its two; planes: R_XY,R_XT,"
        "R_YT, each plane a circle of its own; MEGC 2019 prints them by plane, but LBP-TOP is defined by axis: axes",
        choices=("axes", "planes"),
    ),
    Parameter(
        "neighbours",
        (4, 4, 4),
        "P_XY,P_XT,P_YT: neighbours on the circle or ellipse of each plane (MEGC 2019: 4)",
        minimum=2,
        maximum=16,
        length=3,
    ),
    Parameter(
        "mapping",
        "raw",
        "raw: a bin for each of the 2^P codes; uniform: a bin for each code of at most two changes and one for the "
        "rest (u2); not stated in the paper (MEGC 2019), and of 4 neighbours' 16 codes u2 would merge only two; raw "
        "takes 10 neighbours at most",
        choices=("raw", "uniform"),
    ),
    Parameter(
        "blocks",
        (5, 5, 1),
        "rows,columns,temporal: the grid of blocks, which do not overlap (MEGC 2019: 5×5); how many in time is not "
        "stated in the paper, and a radius of 4 in time leaves two positions of ten frames: 1",
        minimum=1,
        maximum=64,
        length=3,
    ),
    Parameter(
        "histogram",
        "l1",
        "l1: each block's histogram of a plane sums to one, so that blocks of unequal size weigh the same; counts: as "
        "counted; not stated in the paper: l1, as LBP-TOP is defined",
        choices=("l1", "counts"),
    ),
)
_CLASSIFIER = (
    Parameter(
        "kernel",
        "linear",
        "the kernel; MEGC 2019 names no classifier: a linear SVM; poly has no constant term (coef0 = 0)",
        choices=("linear", "rbf", "poly"),
    ),
    Parameter(
        "C",
        1.0,
        "the penalty of a training error; not stated in the paper: scikit-learn's default, not tuned",
        minimum=1e-9,
    ),
    Parameter(
        "gamma",
        0.0,
        "coefficient of rbf and poly; 0 is 1/(features × their variance) on the training set; not stated; this is "
        "the default",
        minimum=0.0,
    ),
    Parameter("degree", 3, "degree of poly; not stated in the paper: scikit-learn's default", minimum=1, maximum=10),
    Parameter(
        "class_weight", "none", "weights of the classes; not stated in the paper: none", choices=("none", "balanced")
    ),
    Parameter(
        "scaler",
        "none",
        "each feature before the SVM, fitted on the training set: none, standard (zero mean, unit deviation) or "
        "minmax (0..1); not stated in the paper: none. Histograms that sum to one are small numbers, for which "
        "C=1 is a weak penalty",
        choices=("none", "standard", "minmax"),
    ),
)


@hookimpl
def mer_bench_methods() -> tuple[MethodSpec, ...]:
    """Register ``lbp-top``."""
    return (
        MethodSpec(
            name="lbp-top",
            version="1",
            title="LBP-TOP",
            target="mer_bench_lbp_top.method:LBPTOP",
            deterministic=True,
            representation=Representation("frames", parameters=tuple(parameter.name for parameter in _CLIP)),
            features=Features(parameters=tuple(parameter.name for parameter in _DESCRIPTOR)),
            family="handcrafted",
            parameters=(*_CLIP, *_DESCRIPTOR, *_CLASSIFIER),
            presets={
                "megc2019": {},
                "benchmark": {
                    "radii": (1, 1, 1),
                    "neighbours": (8, 8, 8),
                    "mapping": "uniform",
                    "blocks": (4, 4, 2),
                },
            },
            default_preset="megc2019",
            citation="Zhao and Pietikäinen 2007, IEEE TPAMI 29(6), doi:10.1109/TPAMI.2007.1110; as the baseline of "
            "See et al. 2019, MEGC 2019, IEEE FG, doi:10.1109/FG.2019.8756611",
            validate=validate,
        ),
    )
