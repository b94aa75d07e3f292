"""scikit-learn's SVC on the flattened u, v and strain values, unscaled."""

from __future__ import annotations

from sklearn.svm import SVC

from mer_bench import SklearnMethod


class SVMFlow(SklearnMethod):
    """SVC on the raw values of a 28×28×3 map (2352 features)."""

    def build_estimator(self, n_classes: int, seed: int) -> SVC:
        """Return the SVC that the parameters describe; it draws nothing, so the seed is not used."""
        balanced = self.params["class_weight"] == "balanced"
        return SVC(kernel=self.params["kernel"], C=self.params["C"], class_weight="balanced" if balanced else None)
