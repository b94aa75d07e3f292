"""A method under check: its scores on the kit's folds, and the results that several checks share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError, MethodError, reason_of
from mer_bench.evaluation.features import extract_features
from mer_bench.evaluation.fold_scores import FoldScores
from mer_bench.evaluation.predict import predict_fold
from mer_bench.foreign import foreign_code
from mer_bench.isolation import isolated
from mer_bench.methods.instances import make_instance
from mer_bench.methods.method import LabelledSamples, Method, UnlabelledSamples
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.parameters import ParameterValue, resolve_parameters
from mer_bench.representations.settings import OF_METHOD
from mer_bench.specs import MethodSpec
from mer_bench.testing.contract import ContractError, UnusableError, assert_same, failing, require
from mer_bench.testing.samples import FEW, MANY, KitFold, KitFolds, make_sample
from mer_bench.testing.watched import WatchedSetting

if TYPE_CHECKING:
    from mer_bench.testing.overfit import Overfit

SEED = 20
_SUBJECTS = 5
EPOCHS = "epochs"
_QUICK_EPOCHS = 2
_LEARNING_EPOCHS = (10, 40, 200)
"""Tried one after the other for a method that trains a network itself, up to those that it asks for."""


@dataclass(eq=False)
class Subject:
    """A method with the values of its parameters, and its scores on the kit's folds.

    Results that several checks share are cached properties. They raise `UnusableError` where the method fails; its
    ``owner`` is the check that reports this failure.

    Parameters
    ----------
    spec : MethodSpec
    requested : mapping
        The value of each of the spec's parameters: the preset's, and those that the caller gave.
    few_epochs : bool
        Whether ``epochs`` may be set to 2, where the method accepts that.
    in_worker : callable, optional
        Returns the scores of a fold computed in a worker process.
    left_behind : callable, optional
        Returns the names of what folds leave behind in a process that starts without any, or why that is unknown.
    """

    spec: MethodSpec
    requested: Mapping[str, ParameterValue]
    few_epochs: bool = True
    in_worker: Callable[[KitFold], FoldScores] | None = None
    left_behind: Callable[[], list[str] | str] | None = None
    _features: dict[tuple[str, int], FloatArray] = field(default_factory=dict)

    @cached_property
    def params(self) -> Mapping[str, ParameterValue]:
        """The values that the method is checked with."""
        quick = {**self.requested, EPOCHS: _QUICK_EPOCHS}
        if not self.few_epochs or not self._allows(quick):
            return self.requested
        # A method that refuses both fails a check in either case.
        return self.requested if self._refuses(quick) and not self._refuses(self.requested) else quick

    @property
    def by_epochs(self) -> bool:
        """Whether it trains by epochs, of the harness or its own: after two epochs it may not have learned much."""
        return self.spec.trains_by_epoch or any(parameter.name == EPOCHS for parameter in self.spec.parameters)

    @property
    def folds(self) -> KitFolds:
        """The folds on which the method is checked."""
        return FEW if self.by_epochs else MANY

    def setting(self, n_classes: int = 3, representation: str = "") -> MethodSetting:
        """Return the setting from which the harness makes an instance."""
        return MethodSetting(self.spec, self.params, n_classes, representation)

    def samples(self, fold: KitFold) -> tuple[LabelledSamples, UnlabelledSamples]:
        """Return copies of a fold's training and test set as the method gets them: features if it extracts any."""
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
        return make_sample(name, shaped_by, index)

    def extract(self, sample: FloatArray, n_classes: int = 3, representation: str = "") -> FloatArray:
        """Return a sample's features, extracted in the same way as by the harness."""
        return extract_features(WatchedSetting(self.spec, self.params, n_classes, representation), sample)

    def scores(self, fold: KitFold) -> FoldScores:
        """Train on a fold and return the scores of its test set, in the same way as the harness."""
        train, test = self.samples(fold)
        return predict_fold(self.setting(fold.n_classes, fold.representation), train, test, seed=SEED)

    def attempt(self, what: str, fold: KitFold, cure: str) -> FoldScores:
        """Return what `scores` returns; an error names the case ``what`` and the ``cure``.

        Raises
        ------
        ContractError
            Whatever the method raised, in one sentence.
        """
        with failing(lambda error: ContractError(f"{what}: {reason_of(error)}; {cure}")):
            return self.scores(fold)

    def instance(self) -> Method | TorchMethod:
        """Return a new instance, made in the same way as by the harness."""
        with isolated(SEED):
            return make_instance(self.setting())

    @cached_property
    def usable(self) -> FoldScores:
        """The scores of the first fold, in the required form."""
        with failing(lambda error: UnusableError("spec-complete", reason_of(error))):
            self.instance()
        with failing(lambda error: UnusableError("representation", reason_of(error))):
            self.samples(self.folds.first)
        with failing(self._why_unusable):
            return self.scores(self.folds.first)

    @cached_property
    def reference(self) -> FoldScores:
        """The scores of the first fold, `usable` and the same every time."""
        first = self.usable
        with _differing("deterministic"):
            assert_same(
                self.scores(self.folds.first),
                first,
                "the same fold and seed give different scores; seed every random generator with the seed given to fit "
                "(in a network, use torch's global generator)",
            )
            if self.spec.features is not None:
                require(
                    np.array_equal(self.extract(self.sample(0)), self._input(0, "")),
                    "extract gives different features for the same sample; it must not draw random numbers, or keep "
                    "anything between samples",
                )
        return first

    @cached_property
    def wide(self) -> FoldScores:
        """The scores of the first fold with a larger test set."""
        _ = self.reference
        return self.attempt(
            f"with {len(self.folds.wide.test)} test samples",
            self.folds.wide,
            "score any number of test samples",
        )

    @cached_property
    def learned(self) -> FoldScores:
        """The scores of the training samples themselves, which distinguish the classes; of a `Method` only."""
        _ = self.usable
        with _differing("learns"):
            if not self.by_epochs:
                return self._learned(self.folds.first, self)
            *shorter, longest = self._longer()
            for trial in shorter:
                with suppress(ContractError):
                    return self._learned(self.folds.first, trial)
            return self._learned(self.folds.first, longest)

    @cached_property
    def overfit(self) -> Overfit:
        """The network after its training on the kit's few samples, whether it has learned them or not."""
        from mer_bench.testing.overfit import overfit

        _ = self.usable
        train, _ = self.samples(self.folds.first)
        return overfit(MethodSetting(self.spec, self.requested, 3), train, seed=SEED)

    @cached_property
    def independent(self) -> Mapping[KitFold, FoldScores]:
        """The scores of the first fold and then of the second, neither of which changes the other."""
        reference = self.reference
        other = self.scores(self.folds.second)
        if not self.by_epochs and self.spec.family != "baseline":
            _ = self.learned
            with _differing("folds-independent"), failing(_stale):
                self._learned(self.folds.second, self)
        with _differing("folds-independent"):
            assert_same(
                self.scores(self.folds.first),
                reference,
                "a fold's scores depend on earlier folds; keep what is learned on the instance (self), not on the "
                "class or in the module",
            )
        return {self.folds.first: reference, self.folds.second: other}

    def reads(self, params: Mapping[str, ParameterValue]) -> set[str]:
        """Return the parameters that the method reads in a fold with ``params``, up to an error if one occurs."""
        trial = self if params is self.params else Subject(self.spec, params, few_epochs=False)
        setting = WatchedSetting(self.spec, params, self.folds.first.n_classes)
        with suppress(MerBenchError), foreign_code(self.spec.name, "a fold of the kit", recorded=True):
            if self.spec.features is not None:
                extract_features(setting, trial.sample(0))
            predict_fold(setting, *trial.samples(self.folds.first), seed=SEED)
        return setting.reads

    def _learned(self, fold: KitFold, trial: Subject) -> FoldScores:
        """Return what ``trial`` scores for a fold's own training samples, if that distinguishes the classes."""
        own = replace(fold, test=fold.train)
        scores = trial.attempt(
            "with its own training samples as test set", own, "score any samples, training samples too"
        )
        labels = np.array(fold.labels(fold.train))
        correct, largest = int((scores.scores.argmax(axis=1) == labels).sum()), int(np.bincount(labels).max())
        # By heart after many epochs; else a quarter of the way from the majority's share to all of them.
        enough = len(labels) if self.by_epochs else (3 * largest + len(labels)) / 4
        require(
            correct >= enough,
            f"predicts the class of {correct} of its {len(labels)} training samples, of which {largest} have one "
            "class; let a larger score mean a more likely class, and column k be class k",
        )
        return scores

    def _longer(self) -> list[Subject]:
        """Return the method with more epochs than it is checked with, as far as it asks for and accepts them."""
        asked = max(int(self.requested[EPOCHS]), _LEARNING_EPOCHS[0])  # type: ignore[arg-type]
        epochs = dict.fromkeys(min(asked, most) for most in _LEARNING_EPOCHS)
        trials = [{**self.requested, EPOCHS: count} for count in epochs]
        return [Subject(self.spec, params, few_epochs=False) for params in trials if self._allows(params)] or [self]

    def _inputs(self, indices: tuple[int, ...], representation: str) -> FloatArray:
        return np.stack([self._input(index, representation) for index in indices])

    def _input(self, index: int, representation: str) -> FloatArray:
        if self.spec.features is None:
            return self.sample(index, representation)
        if (representation, index) not in self._features:
            self._features[representation, index] = self.extract(self.sample(index, representation), 3, representation)
        return self._features[representation, index]

    def _allows(self, params: Mapping[str, ParameterValue]) -> bool:
        try:
            self.spec.resolve(None, params)
        except MerBenchError:
            return False
        return True

    def _refuses(self, params: Mapping[str, ParameterValue]) -> bool:
        trial = Subject(self.spec, params, few_epochs=False)
        try:
            with foreign_code(self.spec.name, "a fold of the kit", recorded=True), isolated(SEED):
                method = make_instance(trial.setting())
                if isinstance(method, Method):
                    method.fit(trial.samples(self.folds.first)[0], seed=SEED)
                else:
                    _ = method.training, method.build_network()
        except MerBenchError:
            return True
        return False

    def _why_unusable(self, error: BaseException) -> UnusableError:
        if isinstance(error, MethodError):
            return UnusableError("one-row-per-sample" if self._miscounts() else "finite-scores", reason_of(error))
        train, _ = self.samples(self.folds.first)
        return UnusableError("representation", f"with inputs of shape {train.inputs.shape}: {reason_of(error)}")

    def _miscounts(self) -> bool:
        """Return whether a method's number of rows differs from the number of test samples."""
        train, test = self.samples(self.folds.first)
        method = self.instance()
        if not isinstance(method, Method):
            return False  # the trainer counts a network's rows
        with isolated(SEED):
            method.fit(train, seed=SEED)
            return np.shape(method.predict(test))[:1] != (len(test),)


def _stale(error: BaseException) -> ContractError:
    return ContractError(
        "after a fold in which patterns had other labels, it scores by those; keep what is learned on the instance "
        f"(self), not on the class or in the module ({error})"
    )


@contextmanager
def _differing(owner: str) -> Iterator[None]:
    try:
        yield
    except ContractError as error:
        raise UnusableError(owner, str(error)) from error
