"""A method under check: folds of the kit's samples, its scores of them, and what several checks build on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from mer_bench.arrays import FloatArray
from mer_bench.errors import MerBenchError, MethodError, reason_of
from mer_bench.evaluation.features import extract_features
from mer_bench.evaluation.fold_scores import FoldScores
from mer_bench.evaluation.isolation import isolated
from mer_bench.evaluation.predict import predict_fold
from mer_bench.foreign import foreign_code
from mer_bench.methods.instances import make_instance
from mer_bench.methods.method import LabelledSamples, Method, UnlabelledSamples
from mer_bench.methods.setting import MethodSetting
from mer_bench.methods.torch_method import TorchMethod
from mer_bench.representations.preprocessing import OF_METHOD
from mer_bench.specs import MethodSpec, ParameterValue, resolve_parameters
from mer_bench.testing.contract import ContractError, UnusableError, assert_same, failing, require
from mer_bench.testing.samples import FEW, MANY, KitFold, KitFolds, make_sample
from mer_bench.testing.watched import WatchedSetting

SEED = 20
_SUBJECTS = 5
EPOCHS = "epochs"
_QUICK_EPOCHS = 2


@dataclass(eq=False)
class Subject:
    """A method with its parameters' values, and what it says of the kit's folds.

    What several checks build on is a property. It raises `UnusableError` where the method fails at it; the owner is
    the check that this is the failure of.

    Parameters
    ----------
    spec : MethodSpec
    asked : mapping
        A value for each of the spec's parameters, of the preset and of those who ask.
    may_hurry : bool
        Whether ``epochs`` may be another: 2, where the method takes that.
    elsewhere : callable, optional
        Gives the scores of a fold that a worker carried out.
    """

    spec: MethodSpec
    asked: Mapping[str, ParameterValue]
    may_hurry: bool = True
    elsewhere: Callable[[KitFold], FoldScores] | None = None
    _features: dict[tuple[str, int], FloatArray] = field(default_factory=dict)

    @cached_property
    def params(self) -> Mapping[str, ParameterValue]:
        """The values that the method is checked with."""
        hurried = {**self.asked, EPOCHS: _QUICK_EPOCHS}
        if not self.may_hurry or not self._allows(hurried):
            return self.asked
        # What it refuses either way is the matter of the checks.
        return self.asked if self._refuses(hurried) and not self._refuses(self.asked) else hurried

    @property
    def by_epochs(self) -> bool:
        """Whether it trains by epochs, the harness's or its own: after two it need not have learned much."""
        return self.spec.trains_by_epoch or any(parameter.name == EPOCHS for parameter in self.spec.parameters)

    @property
    def folds(self) -> KitFolds:
        """The folds that it is asked for."""
        return FEW if self.by_epochs else MANY

    def setting(self, n_classes: int = 3, representation: str = "") -> MethodSetting:
        """Return what the harness makes an instance of."""
        return MethodSetting(self.spec, self.params, n_classes, representation)

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
        return make_sample(name, shaped_by, index)

    def extract(self, sample: FloatArray, n_classes: int = 3, representation: str = "") -> FloatArray:
        """Return a sample's features, as the harness extracts them."""
        return extract_features(WatchedSetting(self.spec, self.params, n_classes, representation), sample)

    def scores(self, fold: KitFold) -> FoldScores:
        """Train on a fold and return the scores of its test set, as the harness does."""
        train, test = self.samples(fold)
        return predict_fold(self.setting(fold.n_classes, fold.representation), train, test, seed=SEED)

    def attempt(self, what: str, fold: KitFold, cure: str) -> FoldScores:
        """Do as `scores` does; a failure names what was asked, and what fixes it.

        Raises
        ------
        ContractError
            Whatever the method raised, in one sentence.
        """
        with failing(lambda error: ContractError(f"{what}: {reason_of(error)}; {cure}")):
            return self.scores(fold)

    def instance(self) -> Method | TorchMethod:
        """Return a new instance, as the harness makes one."""
        with isolated(SEED):
            return make_instance(self.setting())

    @cached_property
    def usable(self) -> FoldScores:
        """What the method says of the first fold, where that can be used."""
        with failing(lambda error: UnusableError("spec-complete", reason_of(error))):
            self.instance()
        with failing(lambda error: UnusableError("representation", reason_of(error))):
            self.samples(self.folds.first)
        with failing(self._why_unusable):
            return self.scores(self.folds.first)

    @cached_property
    def reference(self) -> FoldScores:
        """What the method says of the first fold, `usable` and no matter of chance."""
        first = self.usable
        with _differing("deterministic"):
            assert_same(
                self.scores(self.folds.first),
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
    def wide(self) -> FoldScores:
        """What the method says where the first fold's test set is larger."""
        _ = self.reference
        return self.attempt(
            f"asked for {len(self.folds.wide.test)} test samples",
            self.folds.wide,
            "score any number of test samples",
        )

    @cached_property
    def learned(self) -> FoldScores:
        """What the method says of its own training samples, when it tells their classes apart."""
        _ = self.usable
        fold = self.folds.first
        with _differing("learns"):
            own = replace(fold, test=fold.train)
            cure = "let it score any samples, those that it was trained on too"
            found = self.attempt("asked for its own training samples", own, cure)
            labels = np.array(fold.labels(fold.train))
            right, largest = int((found.scores.argmax(axis=1) == labels).sum()), int(np.bincount(labels).max())
            require(
                # A quarter of the way from the majority's share to all of them.
                4 * right >= 3 * largest + len(labels),
                f"it finds the class of {right} of the {len(labels)} samples that it was trained on, and {largest} are "
                "of one class; let a larger score mean a likelier class, and column k be class k",
            )
        return found

    @cached_property
    def independent(self) -> Mapping[KitFold, FoldScores]:
        """What the method says of the first fold, and after that of the second, when neither changes the other."""
        reference = self.reference
        other = self.scores(self.folds.second)
        with _differing("folds-independent"):
            assert_same(
                self.scores(self.folds.first),
                reference,
                "a fold's scores depend on the folds before it; keep what is learned on the instance (self), not on "
                "the class or in the module",
            )
        return {self.folds.first: reference, self.folds.second: other}

    def reads(self, params: Mapping[str, ParameterValue]) -> set[str]:
        """Return the parameters that the method reads for a fold, with other values; those before a failure, if any."""
        trial = self if params is self.params else Subject(self.spec, params, may_hurry=False)
        setting = WatchedSetting(self.spec, params, self.folds.first.n_classes)
        with suppress(MerBenchError), foreign_code(self.spec.name, "a fold of the kit", recorded=True):
            if self.spec.features is not None:
                extract_features(setting, trial.sample(0))
            predict_fold(setting, *trial.samples(self.folds.first), seed=SEED)
        return setting.reads

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
        trial = Subject(self.spec, params, may_hurry=False)
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
            return UnusableError("exact-samples" if self._miscounts() else "finite-scores", reason_of(error))
        train, _ = self.samples(self.folds.first)
        return UnusableError("representation", f"with inputs of the shape {train.inputs.shape}: {reason_of(error)}")

    def _miscounts(self) -> bool:
        """Say whether a method gives another number of rows than there are samples, whatever the rows hold."""
        train, test = self.samples(self.folds.first)
        method = self.instance()
        if not isinstance(method, Method):
            return False  # the trainer counts a network's rows
        with isolated(SEED):
            method.fit(train, seed=SEED)
            return np.shape(method.predict(test))[:1] != (len(test),)


@contextmanager
def _differing(owner: str) -> Iterator[None]:
    try:
        yield
    except ContractError as error:
        raise UnusableError(owner, str(error)) from error
