"""A support vector machine on the flattened u, v and strain values, unscaled."""

from __future__ import annotations

from mer_bench import SklearnMethod

from mer_bench_svm_flow.nested_svc import NestedSVC


class SVMFlow(SklearnMethod):
    """An SVC on the raw values of a 28×28×3 map (2352 features)."""

    def build_estimator(self, n_classes: int, seed: int) -> NestedSVC:
        """Return the SVC that the parameters describe; it draws nothing, so the seed is not used."""
        return NestedSVC(
            kernel=self.params["kernel"],
            class_weight="balanced" if self.params["class_weight"] == "balanced" else None,
            cost=self.params["C"],
            gamma=self.params["gamma"],
            splits=self.params["splits"] if self.params["tuning"] == "nested" else 1,
        )
