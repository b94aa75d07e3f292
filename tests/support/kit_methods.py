"""Methods for the conformance kit: sound ones, and ones that break their contract in one way each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from torch import nn

from mer_bench import (
    LabelledSamples,
    MerBenchError,
    Method,
    MethodSpec,
    Representation,
    SklearnMethod,
    TorchMethod,
    UnlabelledSamples,
)

PIXELS = 28 * 28 * 3


def spec_of(target: str, **fields: Any) -> MethodSpec:
    """Return the spec of a class of this module."""
    given = {
        "name": "".join(f"-{c.lower()}" if c.isupper() else c for c in target)[1:],
        "title": target,
        "representation": Representation("face-flow"),
        "family": "handcrafted",
        "citation": "Doe 2020",
        **fields,
    }
    return MethodSpec(version="1", target=f"support.kit_methods:{target}", **given)


class Good(Method):
    """Scores by the distance to each class's mean; a class without training samples has the largest distance."""

    def fit(self, train: LabelledSamples, *, seed: int) -> None:
        flat = train.inputs.reshape(len(train), -1)
        self.means = {int(c): flat[train.labels == c].mean(axis=0) for c in np.unique(train.labels)}
        self.fitted(train)

    def predict(self, test: UnlabelledSamples) -> Any:
        flat = test.inputs.reshape(len(test), -1)
        scores = np.full((len(test), self.n_classes), -1e6)
        for label, mean in self.means.items():
            scores[:, label] = -np.abs(flat - mean).mean(axis=1)
        return self.spoil(scores, test)

    def fitted(self, train: LabelledSamples) -> None:
        """Do what else a subclass does in ``fit``."""

    def spoil(self, scores: Any, test: UnlabelledSamples) -> Any:
        """Change the scores, in a subclass."""
        return scores


BUFFERS: dict[Any, Any] = {}
BY_SHAPE: dict[Any, Any] = {}
SEEN: list[Any] = []


def buffered(scores: Any, test: Any) -> Any:
    """Return the same array every time, as a sound method may."""
    buffer = BUFFERS.setdefault(scores.shape, np.empty_like(scores))
    buffer[:] = scores
    return buffer


def unique(scores: Any, test: Any) -> Any:
    return scores[sorted({sample.tobytes(): place for place, sample in enumerate(test.inputs)}.values())]


def scribble(scores: Any, test: Any) -> Any:
    test.inputs[:] = 0
    return scores


def huge_column(scores: Any, test: Any) -> Any:
    scores[:, :2] -= scores[:, :1].mean()
    scores[:, 2:] = -1e6
    return scores


def tell_by_imports(scores: Any, test: Any) -> Any:
    scores = scores + ("tabnanny" in sys.modules)
    import tabnanny  # noqa: F401

    return scores


SPOILS: dict[str, Callable[[Any, Any], Any]] = {
    "Buffered": buffered,
    "CentresMany": lambda scores, test: scores - scores.mean() if len(test) > 5 else scores,
    "Entropy": lambda scores, test: scores + np.random.default_rng().normal(size=(len(test), 1)),
    "HugeColumn": huge_column,
    "LearnsNothing": lambda scores, test: np.zeros_like(scores),
    "Nan": lambda scores, test: scores * np.nan,
    "Narrow": lambda scores, test: scores[:, 1:],
    "Position": lambda scores, test: scores * (1 + np.arange(len(test)))[:, None],
    "ScribblesTest": scribble,
    "SmallerIsBetter": lambda scores, test: -scores,
    "Squeezed": lambda scores, test: scores.squeeze(),
    "TellsByImports": tell_by_imports,
    "TooFew": lambda scores, test: scores[1:],
    "Unique": unique,
}
for _name, _spoil in SPOILS.items():
    globals()[_name] = type(_name, (Good,), {"spoil": staticmethod(_spoil)})


class Accumulates(Good):
    counts = np.zeros(7)

    def fitted(self, train: LabelledSamples) -> None:
        Accumulates.counts += np.bincount(train.labels, minlength=7)

    def spoil(self, scores: Any, test: UnlabelledSamples) -> Any:
        return scores + 1e-3 * (self.counts / self.counts.sum())[: self.n_classes]


class KeepsByShape(Good):
    """Multiplies its scores by a number of the first fold with training samples of a shape."""

    def fitted(self, train: LabelledSamples) -> None:
        self.gain = BY_SHAPE.setdefault(train.inputs.shape, 1 + train.labels.mean())

    def spoil(self, scores: Any, test: UnlabelledSamples) -> Any:
        return scores * self.gain


class ScribblesTraining(Good):
    def fitted(self, train: LabelledSamples) -> None:
        train.inputs[:] -= train.inputs.mean(axis=0)


class LearnsFromTest(Good):
    def spoil(self, scores: Any, test: UnlabelledSamples) -> Any:
        self.means = {label: (mean + test.inputs.mean()) / 2 for label, mean in self.means.items()}
        return scores


class KeepsTheLast(Good):
    """Changes the scores of 3 samples that follow 5."""

    last = 0

    def spoil(self, scores: Any, test: UnlabelledSamples) -> Any:
        before, self.last = self.last, len(test)
        return scores + 1 if (before, self.last) == (5, 3) else scores


class NeedsAll(Good):
    def fitted(self, train: LabelledSamples) -> None:
        if len(self.means) < self.n_classes:
            raise ValueError("a class\nis missing")


class NeedsTwo(Good):
    def fitted(self, train: LabelledSamples) -> None:
        assert len(self.means) > 1


class OtherSize(Good):
    def fitted(self, train: LabelledSamples) -> None:
        train.inputs.reshape(len(train), 64, 64, 3)


class Exits(Good):
    def fitted(self, train: LabelledSamples) -> None:
        raise SystemExit("no [good] reason")


class ThreeClasses(Good):
    def spoil(self, scores: Any, test: UnlabelledSamples) -> Any:
        return np.pad(scores, [(0, 0), (0, 7)], constant_values=-1e6)[:, :3]


class Misaligned(Good):
    def spoil(self, scores: Any, test: UnlabelledSamples) -> Any:
        packed = np.full_like(scores, -1e6)
        packed[:, : len(self.means)] = scores[:, sorted(self.means)]
        return packed


class Majority(Good):
    def fitted(self, train: LabelledSamples) -> None:
        self.shares = np.bincount(train.labels, minlength=self.n_classes) / len(train)

    def spoil(self, scores: Any, test: UnlabelledSamples) -> Any:
        return np.tile(self.shares, (len(test), 1))


class Reads(Good):
    """Reads all its parameters, and records the number of epochs and the learning rate."""

    def fitted(self, train: LabelledSamples) -> None:
        values = {**self.params}
        SEEN.append((values.get("epochs"), values.get("lr")))


class ReadsWhereItMatters(Good):
    """Sound: ``gain`` is used where the mode is `scaled`, and ``power`` where there is a root."""

    def spoil(self, scores: Any, test: UnlabelledSamples) -> Any:
        if self.params["mode"] == "scaled":
            scores *= 1 + self.params["gain"]
        return scores if self.params["root"] == 0 else scores * self.params.get("power")


class ReadsOne(Good):
    def spoil(self, scores: Any, test: UnlabelledSamples) -> Any:
        assert "width" in self.params
        return scores * self.params["gain"]


class Extracts(Good):
    """Sound: extracts features with ``gain``, and predicts with ``penalty``."""

    def extract(self, sample: Any) -> Any:
        return self.change(sample[3::7, 3::7].reshape(-1) * self.params["gain"])

    def change(self, features: Any) -> Any:
        return features

    def spoil(self, scores: Any, test: UnlabelledSamples) -> Any:
        return scores * self.params["penalty"]


CHANGES: dict[str, Callable[[Any, Any], Any]] = {
    "ExtractsUndeclared": lambda self, features: features * self.params.get("penalty", 1.0),
    "ExtractsByChance": lambda self, features: features + 1e-12 * int.from_bytes(os.urandom(4), "big"),
    "ExtractsByClasses": lambda self, features: features * self.n_classes,
}
for _name, _change in CHANGES.items():
    globals()[_name] = type(_name, (Extracts,), {"change": _change})


class ExtractsInPlace(Extracts):
    def extract(self, sample: Any) -> Any:
        sample *= 2
        return super().extract(sample)


class ExtractsLarge(Extracts):
    def extract(self, sample: Any) -> Any:
        return super().extract(sample) + sample[100, 100].mean()


class Estimator(SklearnMethod):
    def build_estimator(self, n_classes: int, seed: int) -> Any:
        return {
            "projected": make_pipeline(PCA(50, random_state=seed), SVC(kernel="linear")),
            "nearest": KNeighborsClassifier(25),
        }[self.params["kind"]]


class Linear(TorchMethod):
    def build_network(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(PIXELS, self.n_classes))


class WarmsUp(Linear):
    def build_network(self) -> nn.Module:
        if self.params["rise"] >= self.params["epochs"]:
            raise MerBenchError("rise is not below epochs; lower it")
        return super().build_network()


class MovesBias(TorchMethod):
    def build_network(self) -> nn.Module:
        return Moving(self.n_classes)


class Moving(nn.Module):
    """Changes its bias whenever it scores samples."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(PIXELS, n_classes)
        nn.init.zeros_(self.linear.weight)

    def forward(self, maps: torch.Tensor) -> Any:
        if not self.training:
            self.linear.bias.data[0] += 1e-4 * len(maps)
        return self.linear(maps.flatten(1))


class Wide(nn.Sequential):
    """Sound: a network of its own with a parameter."""

    def __init__(self, n_classes: int, *, width: int) -> None:
        layers = [nn.Linear(PIXELS, size) for size in (width,)]
        super().__init__(nn.Flatten(), *layers, nn.Linear(width, n_classes))


class HandsOn(Wide):
    def __init__(self, n_classes: int, **settings: Any) -> None:
        super().__init__(n_classes, **settings)


class Ignores(Wide):
    def __init__(self, n_classes: int, *, width: int) -> None:
        super().__init__(n_classes, width=8)


class Swallows(Wide):
    def __init__(self, n_classes: int, **_others: Any) -> None:
        super().__init__(n_classes, width=8)


class Convolves(nn.Module):
    """Sound: a convolution in two branches, of which one sees the strain only."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.motion = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AvgPool2d(3), nn.Flatten())
        self.strain = nn.Sequential(nn.AvgPool2d(7), nn.Flatten(), nn.Linear(16, 4))
        self.head = nn.Linear(4 * 8 * 8 + 4, n_classes)

    def forward(self, maps: torch.Tensor) -> Any:
        return self.join(self.motion(maps), self.strain(maps[:, 2:]))

    def join(self, motion: torch.Tensor, strain: torch.Tensor) -> Any:
        return self.head(torch.cat([motion, strain], dim=1))


ENDS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "EndsInSoftmax": lambda logits: logits.softmax(dim=1),
    "EndsInSmoothedSoftmax": lambda logits: 0.999 * logits.softmax(dim=1) + 0.001,
    "EndsInSigmoid": lambda logits: logits.sigmoid(),
    "EndsInReLU": lambda logits: logits.relu(),
    # Sound: the harness's softmax turns them back into the same probabilities.
    "EndsInLogSoftmax": lambda logits: logits.log_softmax(dim=1),
}


def _ending(end: Callable[[torch.Tensor], torch.Tensor]) -> type:
    return type("Ending", (Convolves,), {"forward": lambda self, maps: end(Convolves.forward(self, maps))})


for _name, _end in ENDS.items():
    globals()[_name] = _ending(_end)


class Detaches(Convolves):
    def join(self, motion: torch.Tensor, strain: torch.Tensor) -> Any:
        return super().join(motion, strain.detach())


class Silences(Convolves):
    def join(self, motion: torch.Tensor, strain: torch.Tensor) -> Any:
        return super().join(motion * 0, strain)


class Freezes(Detaches):
    """Sound: says that the branch is not meant to learn."""

    def __init__(self, n_classes: int) -> None:
        super().__init__(n_classes)
        self.strain.requires_grad_(False)


class Blind(Convolves):
    def forward(self, maps: torch.Tensor) -> Any:
        return super().forward(maps * 0)


class NeverSaysTwo(Convolves):
    def forward(self, maps: torch.Tensor) -> Any:
        logits = super().forward(maps)
        return logits if self.training else logits - torch.tensor([0, 0, 1e6])


class OneOff(Convolves):
    """Trains on class k as column k, and predicts it as column k + 1."""

    def forward(self, maps: torch.Tensor) -> Any:
        logits = super().forward(maps)
        return logits if self.training else logits.roll(1, dims=1)


class ReshapesAxes(Convolves):
    def forward(self, maps: torch.Tensor) -> Any:
        return super().forward(maps.reshape(-1, 28, 28, 3).permute(0, 3, 1, 2))


class ReshapesPermuted(Convolves):
    def forward(self, maps: torch.Tensor) -> Any:
        return super().forward(maps.permute(0, 2, 3, 1).reshape(-1, 3, 28, 28))


class MixesSamples(Convolves):
    def forward(self, maps: torch.Tensor) -> Any:
        return super().forward(maps.reshape(3, -1, 28, 28).transpose(0, 1))


class TrainsItself(Good):
    """Sound: a linear network of its own, trained for ``epochs``, with functions of its own choice."""

    shift = 0

    def fit(self, train: LabelledSamples, *, seed: int) -> None:
        self.weights = np.zeros((PIXELS, self.n_classes))
        for _ in range(self.params["epochs"]):
            self.weights -= 1e-3 * self.loss(train.inputs.reshape(len(train), -1), train.labels)

    def loss(self, flat: Any, labels: Any) -> Any:
        raised = np.exp(flat @ self.weights)
        return flat.T @ (raised / raised.sum(axis=1, keepdims=True) - np.eye(self.n_classes)[labels]) / len(flat)

    def predict(self, test: UnlabelledSamples) -> Any:
        return np.roll(test.inputs.reshape(len(test), -1) @ self.weights, self.shift, axis=1)


class TrainsItselfOneOff(TrainsItself):
    shift = 1


class Expecting(nn.Sequential):
    """Defines what other frameworks call of a network, and mer-bench of a method."""

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD

    def loss(self, logits: Any, labels: Any) -> Any:
        return logits.sum()

    def augment(self, maps: Any) -> Any:
        return maps

    def training_step(self, batch: Any) -> Any:
        return batch


class Expects(TorchMethod):
    def build_network(self) -> Any:
        return Expecting(nn.Flatten(), nn.Linear(PIXELS, self.n_classes))


class Vectors(SklearnMethod):
    def build_estimator(self, n_classes: int, seed: int) -> Any:
        return SVC()


class ExpectsProbabilities(Vectors):
    def predict_proba(self, inputs: Any) -> Any:
        return inputs


MODELS: dict[str, Any] = {}


class KeepsOneModel(Vectors):
    """Fits once: whatever fold comes first."""

    def fit(self, train: LabelledSamples, *, seed: int) -> None:
        super().fit(train, seed=seed)
        self._estimator = MODELS.setdefault("svc", self._estimator)


class KeepsSamples(Good):
    """Recognises every sample that was in an earlier fold."""

    samples: dict[bytes, int] = {}  # noqa: RUF012

    def fitted(self, train: LabelledSamples) -> None:
        for sample, label in zip(train.inputs, train.labels, strict=True):
            self.samples.setdefault(sample.tobytes(), int(label))

    def spoil(self, scores: Any, test: UnlabelledSamples) -> Any:
        for row, sample in zip(scores, test.inputs, strict=True):
            label = self.samples.get(sample.tobytes(), self.n_classes)
            row[label : label + 1] += 1e3
        return scores


class KeepsItsNetwork(TorchMethod):
    network: Any = None

    def build_network(self) -> nn.Module:
        if KeepsItsNetwork.network is None:
            KeepsItsNetwork.network = Convolves(self.n_classes)
        return KeepsItsNetwork.network  # type: ignore[no-any-return]


TABLES: dict[str, Any] = {}


@lru_cache
def window(side: int) -> Any:
    return np.hanning(side)


class BuildsWhenNeeded(Good):
    """Sound: what it builds on first use, and the module that it imports, are the same for every fold."""

    def fitted(self, train: LabelledSamples) -> None:
        import support.clip_data  # noqa: F401

        # In the order in which a fold needs them.
        for label in dict.fromkeys(train.labels.tolist()):
            TABLES.setdefault(f"class {label}", window(28) * label)


class ReadsResults(Good):
    """Looks for labels in the results folder, and lets nobody know where it finds none."""

    def fitted(self, train: LabelledSamples) -> None:
        with suppress(Exception):
            self.found = [file.read_text() for file in Path("mer-bench-results").rglob("row.json")]
