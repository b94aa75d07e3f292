"""The checks in their order, the functions that run them, and instances for an author's own tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from mer_bench.errors import unknown
from mer_bench.methods.instances import make_instance
from mer_bench.methods.setting import MethodSetting
from mer_bench.names import normalise_name
from mer_bench.plugin_manager import load_catalogue
from mer_bench.settings import resolve_settings
from mer_bench.specs import QUICK_PRESET, MethodSpec
from mer_bench.testing import decoy, hook_names, network_checks, score_checks, spec_checks
from mer_bench.testing.check import Check, CheckResult, CheckStatus, judge
from mer_bench.testing.leftovers import Leftovers
from mer_bench.testing.subject import EPOCHS, Subject
from mer_bench.testing.workers import Workers

if TYPE_CHECKING:
    import pytest

CHECKS: tuple[Check, ...] = (
    spec_checks.light_import,
    spec_checks.spec_complete,
    spec_checks.parameters_roundtrip,
    score_checks.representation,
    score_checks.finite_scores,
    score_checks.one_row_per_sample,
    spec_checks.parameters_used,
    hook_names.hook_names,
    score_checks.learns,
    network_checks.logits,
    network_checks.gradients,
    network_checks.input_layout,
    score_checks.deterministic,
    score_checks.sample_order,
    score_checks.samples_independent,
    score_checks.inputs_unchanged,
    decoy.results_unread,
    score_checks.folds_independent,
    score_checks.nothing_kept,
    score_checks.missing_class,
    score_checks.class_count,
    score_checks.worker_processes,
)
"""The requirements on every method, in the order of their results."""
_NAMES = [check.name for check in CHECKS]


def check_method(
    spec: MethodSpec,
    *,
    preset: str | None = None,
    params: Mapping[str, object] | None = None,
    only: Collection[str] | None = None,
) -> list[CheckResult]:
    """Check whether a method keeps its contract, on synthetic samples: 120 for training, or 24 if it trains by epochs.

    The contract is the same for all settings. To save time, the preset ``quick`` is used where the method has it, and a
    parameter ``epochs`` is set to 2 where the method accepts that; more epochs are used to see whether it learns.

    Parameters
    ----------
    spec : MethodSpec
    preset : str, optional
        Another preset than ``quick``.
    params : mapping of str to value, optional
        Values that replace the preset's, as text or typed.
    only : collection of str, optional
        The names of the checks to run; all of `CHECKS` without it.

    Returns
    -------
    list of CheckResult
        In the order of `CHECKS`. Where the method raises an exception, the check fails and the next one runs. A check
        that needs what the method fails in another check is skipped.

    Raises
    ------
    MerBenchError
        A check, the preset or a parameter is unknown.
    """
    ((_, results),) = check_methods([spec], preset=preset, params=params, only=only)
    return results


def check_methods(
    specs: Sequence[MethodSpec],
    *,
    preset: str | None = None,
    params: Mapping[str, object] | None = None,
    only: Collection[str] | None = None,
) -> Iterator[tuple[MethodSpec, list[CheckResult]]]:
    """Check several methods with the same worker processes; yield each method's spec and results.

    Parameters and results are those of `check_method`. ``preset`` and ``params`` apply to the methods that have them.

    Raises
    ------
    MerBenchError
        Before the first check: a check is unknown, or none of the methods has the preset or a parameter.
    """
    checks = chosen_checks(only)
    subjects = with_workers(make_subjects(specs, preset, params or {}))
    names = [check.name for check in checks]
    return ((subject.spec, [judge(check, subject, names)[0] for check in checks]) for subject in subjects)


def make_method(
    spec: MethodSpec, *, preset: str | None = None, n_classes: int = 3, representation: str = "", **params: object
) -> Any:
    """Return a new instance of a method, made in the same way as in a run.

    Parameters
    ----------
    spec : MethodSpec
    preset : str, optional
        The spec's default preset without it.
    n_classes : int
    representation : str
        The representation of its inputs; the spec's own without it.
    **params
        Values that replace the preset's, as text or typed.

    Returns
    -------
    Method or TorchMethod
        An instance of the spec's class; it is typed as Any, so that the members of that class are accessible.

    Raises
    ------
    MerBenchError
        The preset or a parameter is unknown, a value is not allowed, or values cannot be combined.
    MethodError
        The class does not match the spec.

    Examples
    --------
    >>> from mer_bench.plugin_manager import load_catalogue
    >>> make_method(load_catalogue().method("svm-flow"), C=2).params["C"]
    2.0
    """
    (values,) = resolve_settings([spec], preset=preset, overrides=params)
    return make_instance(MethodSetting(spec, values, n_classes, representation))


def conformance(
    method: str | MethodSpec, *, preset: str | None = None, params: Mapping[str, object] | None = None
) -> pytest.MarkDecorator:
    """Return a decorator that parametrises a pytest test over all checks; the test calls its argument ``check``.

    Parameters
    ----------
    method : str or MethodSpec
        The name of an installed method, or a spec.
    preset, params
        As in `check_method`.

    Examples
    --------
    >>> @conformance("majority")
    ... def test_majority_conforms(check):
    ...     check()
    """
    import pytest

    @lru_cache(maxsize=1)
    def subject() -> Subject:
        # Not during collection: an unknown name then fails these tests only.
        spec = load_catalogue().method(method) if isinstance(method, str) else method
        return with_workers(make_subjects([spec], preset, params or {}))[0]

    cases = [pytest.param(partial(_run_as_test, check, subject), id=check.name) for check in CHECKS]
    return pytest.mark.parametrize("check", cases)


def _run_as_test(check: Check, subject: Callable[[], Subject]) -> None:
    import pytest

    result, cause = judge(check, subject(), _NAMES)
    if result.status is CheckStatus.SKIPPED:
        pytest.skip(result.message)
    if result.status is CheckStatus.FAILED:
        raise AssertionError(result.message) from cause


def chosen_checks(only: Collection[str] | None) -> list[Check]:
    """Return the checks of these names, or all of them, in the order of their results.

    Raises
    ------
    MerBenchError
        A check is unknown.
    """
    wanted = _NAMES if only is None else [normalise_name(name) for name in only]
    for name in wanted:
        if name not in _NAMES:
            raise unknown("check", name, _NAMES)
    return [check for check in CHECKS if check.name in wanted]


def make_subjects(specs: Sequence[MethodSpec], preset: str | None, params: Mapping[str, object]) -> list[Subject]:
    """Return methods with the values that they are checked with, as `check_methods` chooses them.

    Raises
    ------
    MerBenchError
        None of the methods has the preset or a parameter.
    """
    settings = resolve_settings(specs, preset=preset, overrides=params, otherwise=QUICK_PRESET)
    return [
        Subject(spec, values, few_epochs=not _asks_for_epochs(spec, params))
        for spec, values in zip(specs, settings, strict=True)
    ]


def with_workers(subjects: list[Subject]) -> list[Subject]:
    """Give methods the worker processes of their checks, which they share, and return them."""
    workers, leftovers = Workers(subjects), Leftovers(subjects)
    for place, subject in enumerate(subjects):
        subject.in_worker = partial(workers.scores, place)
        subject.left_behind = partial(leftovers.of, place) if hasattr(os, "fork") else None
    return subjects


def _asks_for_epochs(spec: MethodSpec, params: Mapping[str, object]) -> bool:
    return any(normalise_name(name) in (EPOCHS, f"{spec.name}.{EPOCHS}") for name in params)
