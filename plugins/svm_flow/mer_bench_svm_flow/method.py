"""A support vector machine on the flattened u, v and strain values, unscaled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mer_bench import SklearnMethod
from mer_bench_svm_flow.nested_svc import NestedSVC


class SVMFlow(SklearnMethod):
    """An SVC on the raw values of a 28×28×3 map (2352 features)."""

    def build_estimator(self, n_classes: int, seed: int) -> NestedSVC:
        """Return the SVC that the parameters describe; it draws nothing, so the seed is not used."""
        params: Mapping[str, Any] = self.params
        return NestedSVC(
            kernel=params["kernel"],
            class_weight="balanced" if params["class_weight"] == "balanced" else None,
            cost=params["C"],
            gamma=params["gamma"],
            splits=params["splits"] if params["tuning"] == "nested" else 1,
        )
