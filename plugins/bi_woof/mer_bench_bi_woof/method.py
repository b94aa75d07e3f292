"""Bi-WOOF and a support vector machine as a mer-bench method."""

from __future__ import annotations

import numpy as np
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from mer_bench import FloatArray, MerBenchError, SklearnMethod
from mer_bench_bi_woof.descriptor import bi_woof


class BiWOOF(SklearnMethod):
    """SVC on the Bi-WOOF descriptor of a sample's flow from onset to apex."""

    def extract(self, sample: FloatArray) -> FloatArray:
        """Return the descriptor of one map, channels (u, v, os), of any size.

        Raises
        ------
        MerBenchError
            The parameter ``blocks`` does not fit the map.
        """
        settings = dict(self.feature_params())
        zero, blocks = settings.pop("zero"), settings["blocks"]
        height, width = sample.shape[:2]
        if blocks[0] > height or blocks[1] > width:
            raise MerBenchError(
                f"bi-woof: blocks={blocks!r} (rows, columns) cuts a {height}×{width} map (height×width) into blocks "
                "of less than a pixel; ask for fewer"
            )
        zero_is_unknown = zero == "median" or (zero == "auto" and self.representation == "face-flow")
        return bi_woof(_about_its_median(sample) if zero_is_unknown else sample, **settings)

    def build_estimator(self, n_classes: int, seed: int) -> Pipeline:
        """Return scaler and SVC as the parameters say; nothing is drawn, so the seed is not used."""
        scaler = StandardScaler() if self.params["scaler"] == "standard" else "passthrough"
        balanced = self.params["class_weight"] == "balanced"
        svc = SVC(kernel=self.params["kernel"], C=self.params["C"], class_weight="balanced" if balanced else None)
        return make_pipeline(scaler, svc)


def _about_its_median(sample: FloatArray) -> FloatArray:
    """Return a map whose u and v are 0 at their median, since most of a face rests, and whose least strain is 0."""
    zero = np.array([np.median(sample[..., 0]), np.median(sample[..., 1]), sample[..., 2].min()])
    return np.asarray(sample - zero, dtype=np.float32)
