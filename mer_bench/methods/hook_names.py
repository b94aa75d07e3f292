"""Names that look like hooks of a base class and are none: the method would be silently ignored, so it is refused."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from types import FunctionType

from mer_bench.errors import MerBenchError
from mer_bench.parameters import CLOSE

_VERBS = frozenset({"build", "make", "create", "get", "configure", "compute", "calculate", "define", "setup", "init"})
_ENDINGS = frozenset({"fn", "func", "function", "module"})
_MEANT: Mapping[str, tuple[str, ...]] = {
    "build_network": ("network", "net", "model"),
    "loss": ("loss", "criterion", "objective", "training loss", "train loss"),
    "augment": ("augment", "augmentation", "transform", "train transform", "data augmentation", "augment batch"),
    "parameter_groups": ("param group", "parameter group", "optimizer", "optimiser", "optim"),
    "build_scheduler": ("scheduler", "schedule", "lr scheduler", "lr schedule", "learning rate schedule"),
    "training": ("train config", "training config", "training setting", "hyperparameter"),
}
"""What other names for a hook say, without their verb, their ending and their plural."""
_OF_FRAMEWORKS: Mapping[str, str] = {
    "forward": "build_network",
    "configure_optimizers": "parameter_groups",
    **dict.fromkeys(("training_step", "train_step", "shared_step"), "loss"),
    **dict.fromkeys(("train_dataloader", "collate_fn", "on_after_batch_transfer"), "augment"),
    **dict.fromkeys(("lr_scheduler_step", "on_epoch_end", "on_train_epoch_end"), "build_scheduler"),
    **dict.fromkeys(("optimizer_step", "configure_gradient_clipping", "backward"), "training"),
}
"""Hooks of Lightning, Keras, skorch and transformers, and the nearest one here."""
_DONE_HERE: Mapping[str, str] = {
    **dict.fromkeys(("fit", "train", "train_epoch", "train_network"), "mer-bench trains the network"),
    **dict.fromkeys(
        ("predict", "predict_proba", "predict_step", "score", "evaluate", "validation_step", "test_step"),
        "mer-bench scores samples by the network's logits",
    ),
    **dict.fromkeys(("val_dataloader", "test_dataloader", "predict_dataloader"), "mer-bench draws the batches"),
    **dict.fromkeys(("on_epoch_start", "on_train_start", "on_train_end", "on_fit_end"), "mer-bench calls no such hook"),
}
"""What mer-bench does itself, with networks of every method in the same way."""


def refuse_lookalikes(cls: type, hooks: Collection[str]) -> None:
    """Refuse a class that defines a public method which looks like a hook, and which nothing would call.

    Names with a leading underscore and those that look like no hook are the class's own. Call it from
    ``__init_subclass__``.

    Parameters
    ----------
    cls : type
        What its bases define is not looked at.
    hooks : collection of str
        The names that the base class calls, or that a subclass may override.

    Raises
    ------
    MerBenchError
        The sentence names the method, the hook that may be meant, and the cure.
    """
    for name, value in vars(cls).items():
        if name.startswith("_") or name in hooks or not isinstance(value, _METHODS):
            continue
        meant = _meant_by(name, hooks)
        if meant is None:
            continue
        what = f"{cls.__qualname__}.{name} is never called, for mer-bench has no such hook"
        cure = f"if it is a helper of your own, call it _{name}"
        raise MerBenchError(f"{what} ({meant}); {cure}")


_METHODS = (FunctionType, staticmethod, classmethod, property)


def _meant_by(name: str, hooks: Collection[str]) -> str | None:
    """Return what to do instead of defining a method of this name; None if it is like no hook."""
    if name in _DONE_HERE:
        return f"{_DONE_HERE[name]}; a method that trains itself derives from Method"
    words = _words(name)
    named = (hook for hook, others in _MEANT.items() if words in others)
    near = difflib.get_close_matches(name, list(hooks), n=1, cutoff=CLOSE)
    for hook in (_OF_FRAMEWORKS.get(name), *named, *near):
        if hook in hooks:
            return f"the hook is {hook}"
    return None


def _words(name: str) -> str:
    """Return the words of a name without its verb, its ending and its plural: ``get_losses_fn`` is "loss"."""
    words = name.lower().split("_")
    if len(words) > 1 and words[0] in _VERBS:
        words = words[1:]
    if len(words) > 1 and words[-1] in _ENDINGS:
        words = words[:-1]
    return " ".join([*words[:-1], _singular(words[-1])])


def _singular(word: str) -> str:
    if word.endswith("sses"):
        return word.removesuffix("es")
    return word if word.endswith("ss") else word.removesuffix("s")
