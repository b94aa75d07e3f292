"""A method under check: folds of the kit's samples, its scores of them, and what several checks build on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError, MethodError, error_text
from mer_bench.evaluation.predict import FoldScores, MethodSetting, extract_features, isolated, predict_fold
from mer_bench.methods.method import LabelledSamples, Method, UnlabelledSamples
from mer_bench.representations.preparation import OF_METHOD
from mer_bench.specs import MethodSpec, ParameterValue, resolve_parameters
from mer_bench.testing.samples import PATTERNS, make_samples

SEED = 20
ROUNDING = 1e-4
"""By how much, of the largest score, scores may differ between test sides and between processes: a matrix product of
one row may round otherwise than that of many, and one of arrays that lie elsewhere in memory too. A draw, another
sample or another fold that has its hand in the scores moves them by far more."""
_SUBJECTS = 5


@dataclass(frozen=True)
class KitFold:
    """A fold of the kit's samples, by their index.

    Parameters
    ----------
    train, test : tuple of int
    n_classes : int
        A sample's label is its pattern, modulo this.
    representation : str
        Another than the spec's own: its approximation.
    """

    train: tuple[int, ...]
    test: tuple[int, ...]
    n_classes: int = 3
    representation: str = ""

    def labels(self, indices: tuple[int, ...]) -> list[int]:
        """Return the labels of samples."""
        return [index % PATTERNS % self.n_classes for index in indices]


FOLD = KitFold(train=tuple(range(24)), test=tuple(range(24, 29)))
OTHER_FOLD = KitFold(train=tuple(range(11, 32)), test=tuple(range(5)))
"""Its classes have other shares than those of `FOLD`."""
OTHER_TEST = (29, 30, 31)
"""Samples that neither side of `FOLD` holds."""


class ContractError(AssertionError):
    """The method breaks its contract; the message says what to mend."""


class UnusableError(Exception):
    """A check cannot say anything, because the method fails at what the check ``owner`` is about."""

    def __init__(self, owner: str, reason: str) -> None:
        super().__init__(reason)
        self.owner = owner


@dataclass(eq=False)
class Subject:
    """A method with its parameters' values, and what it says of the kit's folds.

    Parameters
    ----------
    spec : MethodSpec
    params : mapping
        A value for each of the spec's parameters.
    elsewhere : callable, optional
        Gives the scores of a fold that a worker slot carried out.
    """

    spec: MethodSpec
    params: Mapping[str, ParameterValue]
    elsewhere: Callable[[KitFold], FoldScores] | None = None
    _features: dict[tuple[str, int], FloatArray] = field(default_factory=dict)

    def setting(self, n_classes: int = 3, representation: str = "") -> MethodSetting:
        """Return what the harness makes an instance of."""
        return MethodSetting(self.spec, self.params, n_classes, representation or self.spec.representation.name)

    def samples(self, fold: KitFold) -> tuple[LabelledSamples, UnlabelledSamples]:
        """Return copies of a fold's two sides, as the method gets them: features where it extracts any."""
        labels = np.array(fold.labels(fold.train), dtype=np.int64)
        subjects = np.array([f"kit/s{index % _SUBJECTS}" for index in fold.train])
        train = LabelledSamples(self._inputs(fold.train, fold.representation), labels, subjects)
        return train, UnlabelledSamples(self._inputs(fold.test, fold.representation))

    def sample(self, index: int, representation: str = "") -> FloatArray:
        """Return a copy of one sample in the method's representation."""
        wanted = self.spec.representation
        declared = {} if representation else {name: self.params[name] for name in wanted.parameters}
        name = representation or wanted.name
        shaped_by = resolve_parameters(f"method {self.spec.name}", OF_METHOD[name], declared)
        return np.array(make_samples(name, shaped_by)[index])

    def extract(self, sample: FloatArray, n_classes: int = 3, representation: str = "") -> FloatArray:
        """Return a sample's features, as the harness extracts them."""
        setting = self.setting(n_classes, representation)
        return extract_features(_Watched(self.spec, setting.params, n_classes, setting.representation), sample)

    def scores(self, fold: KitFold) -> FoldScores:
        """Train on a fold and return the scores of its test side, as the harness does."""
        train, test = self.samples(fold)
        return predict_fold(self.setting(fold.n_classes, fold.representation), train, test, seed=SEED)

    def attempt(self, what: str, fold: KitFold, cure: str) -> FoldScores:
        """Do as `scores` does; a failure names what was asked, and what mends it.

        Raises
        ------
        ContractError
            Whatever the method raised, in one sentence.
        """
        try:
            return self.scores(fold)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise ContractError(f"{what}: {one_line(error)}; {cure}") from error

    @cached_property
    def usable(self) -> FoldScores:
        """What the method says of `FOLD`.

        Raises
        ------
        UnusableError
            It says nothing that can be used; the owner is the check that this is the failure of.
        """
        with _failing("spec-complete"), isolated(SEED):
            self.setting().make()
        with _failing("representation"):
            self.samples(FOLD)
        try:
            return self.scores(FOLD)
        except MethodError as error:
            raise UnusableError("exact-samples" if self._miscounts() else "finite-scores", error_text(error)) from error
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            train, _ = self.samples(FOLD)
            reason = f"with inputs of the shape {train.inputs.shape}: {one_line(error)}"
            raise UnusableError("representation", reason) from error

    @cached_property
    def reference(self) -> FoldScores:
        """What the method says of `FOLD`, now known to be no matter of chance.

        Raises
        ------
        UnusableError
            As for `usable`, or it says something else of the same samples when it is asked again.
        """
        first = self.usable
        with _differing("deterministic"):
            assert_same(
                self.scores(FOLD),
                first,
                "the same fold and seed give other scores; let all that is drawn start from the seed given to fit (a "
                "network's draws from torch's global generator)",
            )
            if self.spec.features is not None:
                require(
                    np.array_equal(self.extract(self.sample(0)), self._input(0, "")),
                    "extract gives other features of the same sample; let it draw nothing, and keep nothing between "
                    "samples",
                )
        return first

    @cached_property
    def independent(self) -> Mapping[KitFold, FoldScores]:
        """What the method says of `FOLD`, and after that of `OTHER_FOLD`, when neither changes the other.

        Raises
        ------
        UnusableError
            As for `reference`, or it says something else of `FOLD` after the other one.
        """
        reference = self.reference
        other = self.scores(OTHER_FOLD)
        with _differing("folds-independent"):
            assert_same(
                self.scores(FOLD),
                reference,
                "a fold's scores depend on the folds before it; keep what is learned on the instance (self), not on "
                "the class or in the module",
            )
        return {FOLD: reference, OTHER_FOLD: other}

    def _inputs(self, indices: tuple[int, ...], representation: str) -> FloatArray:
        return np.stack([self._input(index, representation) for index in indices])

    def _input(self, index: int, representation: str) -> FloatArray:
        if self.spec.features is None:
            return self.sample(index, representation)
        if (representation, index) not in self._features:
            self._features[representation, index] = self.extract(self.sample(index, representation), 3, representation)
        return self._features[representation, index]

    def _miscounts(self) -> bool:
        """Say whether a method gives another number of rows than there are samples, whatever the rows hold."""
        train, test = self.samples(FOLD)
        with isolated(SEED):
            method = self.setting().make()
            if not isinstance(method, Method):
                return False  # the trainer counts a network's rows
            method.fit(train, seed=SEED)
            return np.shape(method.predict(test))[:1] != (len(test),)


def require(holds: bool, sentence: str) -> None:
    """Raise ContractError with a sentence where something does not hold; unlike ``assert``, with ``python -O`` too."""
    if not holds:
        raise ContractError(sentence)


def assert_same(found: FoldScores, wanted: FoldScores, sentence: str, *, rounding: bool = False) -> None:
    """Raise ContractError with a sentence where scores differ, of any epoch; with ``rounding``, by more than that."""
    pairs = [(found.scores, wanted.scores)]
    if found.epoch_scores is not None and wanted.epoch_scores is not None:
        pairs.append((found.epoch_scores, wanted.epoch_scores))
    for left, right in pairs:
        apart = float(np.abs(left.astype(float) - right.astype(float)).max())
        if apart > (ROUNDING * float(np.abs(right).max()) if rounding else 0.0):
            raise ContractError(f"{sentence} (they are up to {apart:.2g} apart)")
    if (found.scores.argmax(axis=1) != wanted.scores.argmax(axis=1)).any():
        raise ContractError(f"{sentence} (and with them the predicted class)")


def one_line(error: BaseException) -> str:
    """Return an error's type and message on one line; the contract's own errors speak for themselves."""
    text = error_text(error)
    if text and isinstance(error, (MethodError, MerBenchError)):
        return text
    return f"{type(error).__name__}: {text}".removesuffix(": ")


@dataclass(frozen=True)
class _Watched(MethodSetting):
    """Says of a parameter that features do not declare that it was read; a KeyError says less, and ``get`` nothing."""

    def feature_params(self) -> dict[str, ParameterValue]:
        declared = super().feature_params()
        return _Declared(declared, hidden=set(self.params) - set(declared))


class _Declared(dict[str, ParameterValue]):
    def __init__(self, declared: Mapping[str, ParameterValue], *, hidden: Collection[str]) -> None:
        super().__init__(declared)
        self._hidden = hidden

    def __missing__(self, name: str) -> ParameterValue:
        self._refuse(name)
        raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._refuse(name)
        return super().get(name, default)

    def _refuse(self, name: str) -> None:
        if name in self._hidden:
            raise MethodError(f"extract reads the parameter {name!r}; declare it: Features(parameters=({name!r}, ...))")


@contextmanager
def _failing(owner: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise UnusableError(owner, one_line(error)) from error


@contextmanager
def _differing(owner: str) -> Iterator[None]:
    try:
        yield
    except ContractError as error:
        raise UnusableError(owner, str(error)) from error
