"""The checks in their order, the ways to have them carried out, and instances for an author's own tests."""

from __future__ import annotations

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
from mer_bench.testing import score_checks, spec_checks
from mer_bench.testing.check import Check, CheckResult, CheckStatus, judge
from mer_bench.testing.subject import EPOCHS, Subject
from mer_bench.testing.workers import Workers

if TYPE_CHECKING:
    import pytest

CHECKS: tuple[Check, ...] = (
    spec_checks.light_import,
    spec_checks.spec_complete,
    spec_checks.params_json,
    score_checks.representation,
    score_checks.finite_scores,
    score_checks.exact_samples,
    spec_checks.parameters_read,
    score_checks.learns,
    score_checks.deterministic,
    score_checks.order,
    score_checks.alone,
    score_checks.test_untouched,
    score_checks.folds_independent,
    score_checks.missing_class,
    score_checks.classes,
    score_checks.side_by_side,
)
"""What every method must do; each is about one thing, and can be asked for by its name."""
_NAMES = [check.name for check in CHECKS]


def check_method(
    spec: MethodSpec,
    *,
    preset: str | None = None,
    params: Mapping[str, object] | None = None,
    only: Collection[str] | None = None,
) -> list[CheckResult]:
    """Check a method against its contract, on samples of the kit's own: 120 to train on, or 24 where it has epochs.

    To be quick, a method that has a preset ``quick`` is checked with that, and a parameter ``epochs`` is set to 2 where
    the method takes that: the contract is the same for any setting.

    Parameters
    ----------
    spec : MethodSpec
    preset : str, optional
        Another preset.
    params : mapping of str to value, optional
        Values over the preset's, as text or typed.
    only : collection of str, optional
        The names of the checks to carry out; all of `CHECKS` without it.

    Returns
    -------
    list of CheckResult
        In the order of `CHECKS`. A method's exception is the failure of a check; the others go on. Where a check
        fails for what another one is about, it is skipped.

    Raises
    ------
    MerBenchError
        An unknown check, preset or parameter.
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
    """Check several methods, whose workers are shared; yields each one's results, as `check_method` gives them.

    ``preset`` and ``params`` go to the methods that have them.

    Raises
    ------
    MerBenchError
        At once: an unknown check, or a preset or parameter that none of the methods has.
    """
    checks = _chosen(only)
    subjects = _subjects(specs, preset, params or {})
    names = [check.name for check in checks]
    return ((subject.spec, [judge(check, subject, names)[0] for check in checks]) for subject in subjects)


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


def conformance(
    method: str | MethodSpec, *, preset: str | None = None, params: Mapping[str, object] | None = None
) -> pytest.MarkDecorator:
    """Return a decorator that makes a test of every check: the test has one argument, ``check``, and calls it.

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
        # When the first test runs, not when tests are collected: an unknown name is then a failure of these tests.
        spec = load_catalogue().method(method) if isinstance(method, str) else method
        return _subjects([spec], preset, params or {})[0]

    cases = [pytest.param(partial(_run_as_test, check, subject), id=check.name) for check in CHECKS]
    return pytest.mark.parametrize("check", cases)


def _run_as_test(check: Check, subject: Callable[[], Subject]) -> None:
    import pytest

    result, cause = judge(check, subject(), _NAMES)
    if result.status is CheckStatus.SKIPPED:
        pytest.skip(result.message)
    if result.status is CheckStatus.FAILED:
        raise AssertionError(result.message) from cause


def _chosen(only: Collection[str] | None) -> list[Check]:
    wanted = _NAMES if only is None else [normalise_name(name) for name in only]
    for name in wanted:
        if name not in _NAMES:
            raise unknown("check", name, _NAMES)
    return [check for check in CHECKS if check.name in wanted]


def _subjects(specs: Sequence[MethodSpec], preset: str | None, params: Mapping[str, object]) -> list[Subject]:
    settings = resolve_settings(specs, preset=preset, overrides=params, otherwise=QUICK_PRESET)
    subjects = [
        Subject(spec, values, may_hurry=not _asks_for_epochs(spec, params))
        for spec, values in zip(specs, settings, strict=True)
    ]
    workers = Workers(subjects)
    for place, subject in enumerate(subjects):
        subject.elsewhere = partial(workers.scores, place)
    return subjects


def _asks_for_epochs(spec: MethodSpec, params: Mapping[str, object]) -> bool:
    return any(normalise_name(name) in (EPOCHS, f"{spec.name}.{EPOCHS}") for name in params)
