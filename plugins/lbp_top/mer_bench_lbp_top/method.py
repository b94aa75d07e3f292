"""LBP-TOP and a support vector machine as a mer-bench method."""

from __future__ import annotations

from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

from mer_bench import FloatArray, SklearnMethod
from mer_bench_lbp_top.descriptor import lbp_top

_SCALERS = {"none": (), "standard": (StandardScaler,), "minmax": (MinMaxScaler,)}


class LBPTOP(SklearnMethod):
    """LBP-TOP of grey clips (length, size, size, 1), classified by an SVM."""

    def extract(self, sample: FloatArray) -> FloatArray:
        """Return the descriptor: blocks × the bins of the three planes."""
        return lbp_top(sample[..., 0], **self.feature_params())

    def build_estimator(self, n_classes: int, seed: int) -> Pipeline:
        """Return scaler and SVC; they draw nothing, so the seed is not used."""
        scaler = [make() for make in _SCALERS[str(self.params["scaler"])]]
        balanced = self.params["class_weight"] == "balanced"
        svm = SVC(
            kernel=self.params["kernel"],
            C=self.params["C"],
            gamma=self.params["gamma"] or "scale",
            degree=self.params["degree"],
            class_weight="balanced" if balanced else None,
        )
        return make_pipeline(*scaler, svm)
