"""An instance of a method, for its author's own tests."""

from __future__ import annotations

from typing import Any

from mer_bench.methods.instances import make_instance
from mer_bench.methods.setting import MethodSetting
from mer_bench.settings import resolve_settings
from mer_bench.specs import MethodSpec


def make_method(
    spec: MethodSpec, *, preset: str | None = None, n_classes: int = 3, representation: str = "", **params: object
) -> Any:
    """Return a new instance of a method, as a run makes one.

    Parameters
    ----------
    spec : MethodSpec
    preset : str, optional
        The spec's default without it.
    n_classes : int
    representation : str
        What its inputs are; the spec's own without it.
    **params
        Values over the preset's, as text or typed.

    Returns
    -------
    Method or TorchMethod
        Of the class that the spec names, for which its type is left open.

    Raises
    ------
    MerBenchError
        An unknown preset or parameter, or values that are not allowed or do not fit each other.
    MethodError
        The class is not what the spec says.

    Examples
    --------
    >>> from mer_bench.plugin_manager import load_catalogue
    >>> make_method(load_catalogue().method("svm-flow"), C=2).params["C"]
    2.0
    """
    (values,) = resolve_settings([spec], preset=preset, overrides=params)
    return make_instance(MethodSetting(spec, values, n_classes, representation))
