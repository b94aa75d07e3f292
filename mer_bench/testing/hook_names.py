"""The check of names that look like hooks, in other frameworks or by analogy, and that mer-bench never calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any
from unittest import mock

from mer_bench.isolation import isolated
from mer_bench.methods.method import Method
from mer_bench.methods.sklearn_method import SklearnMethod
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.plugin_manager import load_target
from mer_bench.testing.check import Check
from mer_bench.testing.contract import require
from mer_bench.testing.subject import SEED, Subject

_Suspect = tuple[type, str, str]
"""The class, the name, and what exists instead."""

_TRAINS = "mer-bench trains every network by the same rules; a method that trains itself derives from Method"
_HOOK = "a TorchMethod's {}, not the network's"
_OPTIMIZER = f"the parameters optimizer, lr and weight_decay of training_parameters(), or {_HOOK}"
_PREPARE = "the parameter normalisation of training_parameters(), or extract with the spec's features"
_LOADS = "mer-bench draws the batches, of batch_size samples"

_OF_NETWORKS: Mapping[str, str] = {
    **dict.fromkeys(
        ("configure_optimizers", "configure_optimizer", "optimizer", "optimizers", "build_optimizer"),
        _OPTIMIZER.format("parameter_groups"),
    ),
    **dict.fromkeys(("scheduler", "lr_scheduler", "configure_schedulers"), _HOOK.format("build_scheduler")),
    **dict.fromkeys(
        ("loss", "criterion", "compute_loss", "loss_fn", "loss_function", "get_loss"),
        f"{_HOOK.format('loss')}; or the network returns (logits, penalty) in training",
    ),
    **dict.fromkeys(("augment", "augmentation", "transform", "transforms", "collate_fn"), _HOOK.format("augment")),
    **dict.fromkeys(("preprocess", "normalise", "normalize", "prepare_data"), _PREPARE),
    **dict.fromkeys(
        ("training_step", "train_step", "validation_step", "test_step", "predict_step", "on_train_epoch_end"), _TRAINS
    ),
    **dict.fromkeys(("train_dataloader", "val_dataloader", "test_dataloader", "predict_dataloader"), _LOADS),
}
"""For names on the network of a `TorchMethod`: what exists instead. The class itself refuses such names."""
_OF_METHODS: Mapping[str, str] = {
    **dict.fromkeys(("predict_proba", "decision_function", "score", "predict_scores"), "predict returns the scores"),
    **dict.fromkeys(("features", "extract_features", "transform", "preprocess"), "extract, with the spec's features"),
    **dict.fromkeys(("train", "training_step", "fit_predict"), "fit"),
    **dict.fromkeys(("configure_optimizers", "loss", "augment"), "do it in fit: mer-bench calls fit and predict only"),
    "build_network": "build_network is called on a TorchMethod, whose spec has trains_by_epoch=True",
}
_OF_ESTIMATORS: Mapping[str, str] = {
    **_OF_METHODS,
    **dict.fromkeys(
        ("build_classifier", "make_estimator", "build_model", "estimator", "get_estimator"), "build_estimator"
    ),
}


@Check
def hook_names(subject: Subject) -> None:
    """Defines nothing that looks like a hook of mer-bench, but is none and is never used."""
    _ = subject.usable
    target = load_target(subject.spec.target)
    suspects = list(_suspects(target, _names_of(target)))
    if subject.spec.trains_by_epoch:
        with isolated(SEED):
            method = subject.instance()
            assert isinstance(method, TorchMethod)
            suspects += list(_suspects(type(method.build_network()), _OF_NETWORKS))
    unused = "; ".join(
        f"{owner.__qualname__}.{name} is never called, for mer-bench has no such hook (instead: {instead})"
        for owner, name, instead in _unused(subject, suspects)
    )
    require(not unused, unused)


def _names_of(target: type) -> Mapping[str, str]:
    if issubclass(target, SklearnMethod):
        return _OF_ESTIMATORS
    return _OF_METHODS if issubclass(target, Method) else {}


def _suspects(target: type, names: Mapping[str, str]) -> Iterator[_Suspect]:
    """Yield what the plugin's own classes define under some names."""
    package = target.__module__.partition(".")[0]
    for owner in target.__mro__:
        if owner.__module__.partition(".")[0] == package:
            yield from ((owner, name, names[name]) for name in vars(owner) if name in names)


def _unused(subject: Subject, suspects: list[_Suspect]) -> list[_Suspect]:
    """Return what the method's own code does not use in a fold either."""
    if not suspects:
        return []
    noted = [_Noted(vars(owner)[name]) for owner, name, _ in suspects]
    with ExitStack() as patches:
        for (owner, name, _), descriptor in zip(suspects, noted, strict=True):
            patches.enter_context(mock.patch.object(owner, name, descriptor))
        subject.scores(subject.folds.first)
    return [suspect for suspect, descriptor in zip(suspects, noted, strict=True) if not descriptor.used]


class _Noted:
    """Stands for a class's attribute, and notes that it is used."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.used = False

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        self.used = True
        bind = getattr(type(self.value), "__get__", None)
        return self.value if bind is None else bind(self.value, instance, owner)
