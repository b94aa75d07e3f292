"""What is refused of training settings before a network is built. Imports no torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mer_bench.errors import MerBenchError
from mer_bench.methods.initial_weights import InitialWeights
from mer_bench.methods.input_kind import InputKind
from mer_bench.methods.training_config import TrainingConfig
from mer_bench.parameters import ParameterValue


def check_training(
    owner: str, params: Mapping[str, ParameterValue], kind: InputKind, evaluated: Collection[str] = ()
) -> InitialWeights | None:
    """Check training settings against the input and the evaluated subjects; return the weights to start from.

    Parameters
    ----------
    owner : str
        Whose settings they are, for errors.
    params : mapping of str to ParameterValue
    kind : InputKind
    evaluated : collection of str
        The subjects that the protocol tests on; none where nothing is tested.

    Raises
    ------
    MerBenchError
        Settings do not go together or not with the input, or the weights cannot be read, have another digest, or were
        trained on an evaluated subject.
    """
    try:
        config = TrainingConfig.from_params(params)
        config.augmentation.check(kind)
        if not config.init_from:
            return None
        weights = InitialWeights.named(config.init_from, config.init_sha256)
        weights.check_subjects(evaluated)
    except MerBenchError as error:
        raise MerBenchError(f"{owner}: {error}") from None
    return weights
