"""One cell: what a method receives and returns, what is stored of it, and that no held-out label can be reached."""

from __future__ import annotations

import gc
import hashlib
import pickle
import random
import subprocess
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from support.group_case import results_of
from torch import nn

from mer_bench import (
    LabelledSamples,
    MerBenchError,
    Method,
    TorchMethod,
    UnlabelledSamples,
    training_parameters,
)
from mer_bench.arrays import FloatArray
from mer_bench.databases.synthetic_maps import SyntheticMaps
from mer_bench.engine.inputs import Inputs
from mer_bench.engine.listener import Listener
from mer_bench.engine.resources import Resources
from mer_bench.evaluation.cells import Cell, FoldTask, compute_fold, failed_fold, fold_task, seed_value
from mer_bench.evaluation.fold_scores import checked_scores
from mer_bench.evaluation.groups import GroupTask
from mer_bench.evaluation.plan import make_plan
from mer_bench.evaluation.predict import predict_fold
from mer_bench.evaluation.protocol_data import read_protocol_data
from mer_bench.evaluation.records import store_result
from mer_bench.evaluation.request import Request
from mer_bench.evaluation.rows import Row, make_row
from mer_bench.evaluation.selection import validation_subjects
from mer_bench.methods.instances import make_instance
from mer_bench.plugin_manager import load_catalogue
from mer_bench.protocol import load_protocol
from mer_bench.store import Store
from mer_bench.store.schema import CellRecord
from mer_bench.training import trainer
from mer_bench.training.folds import TrainedFold, TrainingFold
from mer_bench_svm_flow.method import SVMFlow

FOLD = "casme2-synthetic01"
EPOCHS = 4


class Recorder(Method):
    """Keeps its training set, as many methods do, and lists everything that can be reached from what it receives."""

    seen: ClassVar[list[object]] = []

    def fit(self, train: LabelledSamples, *, seed: int) -> None:
        self.train, self.seed = train, seed

    def predict(self, test: UnlabelledSamples) -> FloatArray:
        type(self).seen = list(reachable(self, test))
        assert any(thing is test.inputs for thing in self.seen)
        return np.tile(np.arange(self.n_classes), (len(test), 1))


class Net(TorchMethod):
    seen: ClassVar[list[object]] = []

    def build_network(self) -> nn.Module:
        type(self).seen = list(reachable(self))
        return nn.Sequential(nn.Flatten(), nn.Linear(28 * 28 * 3, self.n_classes))


class Plain(TorchMethod):
    def build_network(self) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(28 * 28 * 3, self.n_classes))


class Grows(Plain):
    """A network that leaves something new on its class each time."""

    built: ClassVar[int] = 0

    def build_network(self) -> nn.Module:
        type(self).built += 1
        return super().build_network()


class Stains(Plain):
    """A network that leaves something on its class in the training of one fold."""

    folds: ClassVar[list[int]] = []
    seed: ClassVar[int] = 0

    def build_network(self) -> nn.Module:
        if torch.initial_seed() == self.seed:
            type(self).folds.append(1)
        return super().build_network()


class Reads(Plain):
    """A network that looks into a results folder, and hides that it was refused."""

    file: ClassVar[Path]

    def build_network(self) -> nn.Module:
        with suppress(Exception):
            self.file.read_text()
        return super().build_network()


class Diverged(TorchMethod):
    """A network whose logits are NaN once it does not train."""

    def build_network(self) -> nn.Module:
        network = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28 * 3, self.n_classes))
        network.register_forward_hook(lambda module, _, logits: logits if module.training else logits * np.nan)
        return network


class Answer(Method):
    """Returns what a test's function of it and its test set does."""

    give: ClassVar[Callable[[Any, UnlabelledSamples], object]]

    def fit(self, train: LabelledSamples, *, seed: int) -> None:
        self.train = train

    def predict(self, test: UnlabelledSamples) -> Any:
        return type(self).give(self, test)


def reachable(*roots: object) -> Iterator[object]:
    """Yield all objects that can be reached by attributes, items, closures of instances and bases of arrays.

    Classes, functions and modules end the walk: by their globals everything in the process can be reached.
    """
    ends = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.FrameType)
    todo, known = list(roots), set()
    while todo:
        thing = todo.pop()
        if id(thing) in known or isinstance(thing, ends):
            continue
        known.add(id(thing))
        yield thing
        todo += gc.get_referents(thing)
        todo += list(getattr(thing, "__dict__", {}).values())
        todo += [thing.base] if isinstance(thing, np.ndarray) else []


@cache
def planned() -> tuple[Row, FloatArray]:
    source = SyntheticMaps(None, {"size": "tiny", "seed": 0})
    (row,) = make_plan(Request(("svm-flow",), baselines=False), source, load_catalogue()).rows
    return row, np.stack([source.load(sample_id) for sample_id in row.table.sample_ids])


def row_for(kind: type, training: str = "full") -> Row:
    """Return the row of a class of this module on the 24 tiny synthetic samples."""
    row, _ = planned()
    network = issubclass(kind, TorchMethod)
    params = dict(row.setting.params)
    if network:
        params = {p.name: p.default for p in training_parameters(epochs=EPOCHS, lr=0.002, batch_size=8)}
    target = f"{kind.__module__}:{kind.__name__}"
    spec = replace(row.setting.spec, target=target, trains_by_epoch=network, deterministic=False)
    record = {**row.record, "trains_by_epoch": network, "training": training}
    return replace(row, record=record, setting=replace(row.setting, spec=spec, params=params))


def task_of(folder: Path, row: Row, fold: str = FOLD, seed: int = 0) -> FoldTask:
    """Return a cell's task, with the samples of `planned` as its stack."""
    folder.mkdir(exist_ok=True)
    stack = np.empty_like(planned()[1])
    stack[list(row.places)] = planned()[1]
    np.save(folder / "stack.npy", stack)
    return fold_task(row, Cell(0, seed, fold), stack=folder / "stack.npy", device="cpu")


def run(folder: Path, row: Row, fold: str = FOLD, seed: int = 0) -> tuple[str, CellRecord]:
    """Compute and store a cell; return why it failed, and its record."""
    task = task_of(folder, row, fold, seed)
    store = Store.create(folder / "results")
    failure = store_result(store, row, task, compute_fold(task), run_id="run")
    cell = store.read_cell(row.record, seed, fold)
    assert cell is not None
    return failure, cell


def relabelled(row: Row, positions: tuple[int, ...]) -> Row:
    """Return the row with other labels of some samples."""
    labels = tuple((label + 1) % 3 if i in positions else label for i, label in enumerate(row.table.labels))
    table = replace(row.table, labels=labels)
    folds = {
        name: {"subject": fold.subject, "samples": {table.sample_ids[i]: labels[i] for i in fold.test}}
        for name, fold in row.folds.items()
    }
    return replace(row, table=table, record={**row.record, "folds": folds})


def scores_in(cell: CellRecord) -> FloatArray:
    assert cell["status"] == "ok", cell["error"]
    return np.array([prediction["scores"] for prediction in cell["predictions"]])


def stored_epochs(folder: Path, cell: CellRecord) -> tuple[list[str], FloatArray]:
    stored = Store.open(folder / "results").read_epoch_scores(cell["key"])
    assert stored is not None
    return stored


AnswerRun = Callable[..., tuple[str, CellRecord]]


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AnswerRun:
    """Run a cell of a method that returns what a function of it and its test set does."""

    def run_answer(give: Callable[[Any, UnlabelledSamples], object], **options: Any) -> tuple[str, CellRecord]:
        monkeypatch.setattr(Answer, "give", give, raising=False)
        return run(tmp_path, row_for(Answer), **options)

    return run_answer


def own_scores(sample: FloatArray) -> list[float]:
    return [float(np.abs(sample[..., channel]).mean()) for channel in (1, 2, 0)]


def test_each_sample_is_stored_with_its_own_label_and_scores(answer: AnswerRun) -> None:
    row, stack = planned()
    _, cell = answer(lambda _, test: np.array([own_scores(x) for x in test.inputs]), fold="samm-synthetic02", seed=4)
    expected = {row.table.sample_ids[i]: (row.table.labels[i], stack[i]) for i in row.folds["samm-synthetic02"].test}
    stored = {prediction["sample_id"]: prediction for prediction in cell["predictions"]}

    assert stored.keys() == expected.keys()
    assert len({tuple(prediction["scores"]) for prediction in stored.values()}) == len(expected) > 2
    for sample_id, (label, sample) in expected.items():
        prediction, scores = stored[sample_id], own_scores(sample)
        assert prediction["scores"] == scores
        assert prediction["y_pred"] == scores.index(max(scores))
        assert row.record["folds"]["samm-synthetic02"]["samples"][sample_id] == label
    assert (cell["fold"], cell["seed"], cell["run_id"], cell["device"]) == ("samm-synthetic02", 4, "run", "cpu")
    assert (cell["selected_epoch"], cell["epoch_scores"]) == (None, "")


@pytest.mark.parametrize(("kind", "training"), [(Recorder, "full"), (Net, "full"), (Net, "inner")])
def test_no_label_or_id_of_the_held_out_subject_can_be_reached(tmp_path: Path, kind: Any, training: str) -> None:
    row = row_for(kind, training)
    kind.seen = []
    run(tmp_path, row)
    secrets = [row, row.record, row.table, row.table.labels, row.table.sample_ids, *row.folds.values()]
    secrets += [row.record["folds"], *row.record["folds"].values(), row.record["folds"][FOLD]["samples"]]
    clips = {sample_id.split("/")[2] for sample_id in row.table.sample_ids}

    assert kind.seen
    for thing in kind.seen:
        assert not any(thing is secret for secret in secrets)
        assert not (isinstance(thing, str) and any(clip in thing for clip in clips))
        assert not isinstance(thing, np.memmap)
        assert not (
            isinstance(thing, np.ndarray) and thing.dtype.kind in "iu" and len(thing) != len(row.folds[FOLD].train)
        )


def test_the_search_for_labels_finds_them_where_they_are() -> None:
    row = row_for(Recorder)
    view = np.zeros((4, 3))[1:]
    things = list(reachable(types.SimpleNamespace(inner=[UnlabelledSamples(view), {"row": row}])))

    for hidden in (row.record, row.table.labels, row.table.sample_ids[0], view.base):
        assert any(thing is hidden for thing in things)


def test_a_method_is_trained_on_all_other_subjects_with_the_folds_own_seed(tmp_path: Path) -> None:
    row = row_for(Recorder)
    run(tmp_path, row, seed=3)
    method = next(thing for thing in Recorder.seen if isinstance(thing, Recorder))
    fold, stack = row.folds[FOLD], planned()[1]

    np.testing.assert_array_equal(method.train.inputs, stack[list(fold.train)])
    assert method.train.labels.tolist() == [row.table.labels[i] for i in fold.train]
    assert method.train.subjects.tolist() == [row.table.subjects[i] for i in fold.train]
    assert (len(method.train), method.train.labels.dtype) == (24 - len(fold.test), np.int64)
    assert method.seed == seed_value("cde", FOLD, 3)
    assert (method.params, method.n_classes) == (row.setting.params, 3)


def test_every_fold_and_seed_has_its_own_generator_seed() -> None:
    numbers = {seed_value(p, f, s) for p in ("cde", "loso-smic") for f in ("smic-s1", "smic-s11") for s in range(3)}

    assert len(numbers) == 12
    assert all(0 <= number < 2**32 for number in numbers)
    assert seed_value("cde", "smic-s1", 0) == 4152144992


LAZY = """
import sys
import numpy as np
from mer_bench import MethodSpec, Representation
from mer_bench.methods.setting import MethodSetting
from mer_bench.evaluation.predict import predict_fold
from mer_bench.methods.method import LabelledSamples, Method, UnlabelledSamples


class Lazy(Method):
    def fit(self, train, *, seed):
        import torch
        from threadpoolctl import threadpool_info
        import scipy.linalg

        self.drawn = torch.rand(3).tolist()
        self.threads = [library["num_threads"] for library in threadpool_info()]

    def predict(self, test):
        return np.array([self.drawn, [max(self.threads)] * 3])


spec = MethodSpec("lazy", "1", "Lazy", "__main__:Lazy", Representation("face-flow"), "handcrafted")
setting = MethodSetting(spec, {}, 3, "face-flow")
train = LabelledSamples(np.zeros((4, 2), np.float32), np.array([0, 1, 2, 0]), np.array(["a"] * 4))
test = UnlabelledSamples(np.zeros((2, 2), np.float32))
assert "torch" not in sys.modules
for _ in range(2):
    print(predict_fold(setting, train, test, seed=5).scores.tolist())
"""


@pytest.mark.slow
def test_a_library_that_a_method_imports_late_does_not_change_its_first_fold() -> None:
    ended = subprocess.run([sys.executable, "-c", LAZY], capture_output=True, text=True, check=True)
    first, again = ended.stdout.splitlines()

    assert first == again
    assert first.endswith("[1.0, 1.0, 1.0]]")


def test_the_global_generators_are_seeded_by_the_fold_and_restored(answer: AnswerRun) -> None:
    def draw(_: object, test: UnlabelledSamples) -> FloatArray:
        return np.tile([random.random(), np.random.random(), float(torch.rand(()))], (len(test), 1))  # noqa: NPY002

    def states() -> tuple[object, ...]:
        return random.getstate()[1], np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002

    before, seed = states(), seed_value("cde", FOLD, 0)
    drawn = scores_in(answer(draw)[1])
    generator = torch.Generator().manual_seed(seed)
    expected = [random.Random(seed).random(), np.random.RandomState(seed).random(), torch.rand((), generator=generator)]

    assert states() == before
    np.testing.assert_array_equal(drawn, np.tile(np.array(expected, dtype=float), (5, 1)))


@pytest.mark.parametrize(("kind", "training"), [(SVMFlow, "full"), (Net, "full"), (Net, "inner")])
def test_the_held_out_labels_change_nothing(tmp_path: Path, kind: type, training: str) -> None:
    row = row_for(kind, training)
    variants = (row, relabelled(row, row.folds[FOLD].test), relabelled(row, row.folds[FOLD].train))
    cells = [run(tmp_path / str(i), variant)[1] for i, variant in enumerate(variants)]

    np.testing.assert_array_equal(scores_in(cells[1]), scores_in(cells[0]))
    assert cells[1]["selected_epoch"] == cells[0]["selected_epoch"]
    assert not np.array_equal(scores_in(cells[2]), scores_in(cells[0]))


def test_a_method_that_overwrites_what_it_receives_changes_no_other_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = row_for(Answer)
    before = dict(row.setting.params)

    def overwrite(method: Any, test: UnlabelledSamples) -> FloatArray:
        method.train.inputs[:] = method.train.labels[:] = test.inputs[:] = 0
        method.params["C"] = 99.0
        return np.zeros((len(test), 3))

    monkeypatch.setattr(Answer, "give", overwrite, raising=False)
    _, cell = run(tmp_path, row)

    np.testing.assert_array_equal(np.load(tmp_path / "stack.npy")[list(row.places)], planned()[1])
    assert cell["status"] == "ok"
    assert row.setting.params == before


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.zeros((5, 4)), "scores have shape (5, 4), not (5, 3)"),
        (np.zeros(5, dtype=int), "scores have shape (5,), not (5, 3)"),
        (np.full((5, 3), -np.inf), "scores hold NaN or infinite values"),
        (np.full((5, 3), np.longdouble("1e4000")), "scores hold NaN or infinite values"),
        (np.full((5, 3), "a"), "scores are of type <U1, not real numbers"),
        (np.zeros((5, 3), complex), "scores are of type complex128, not real numbers"),
        ([[1.0] * 3] * 4 + [[1.0]], "inhomogeneous"),
    ],
)
def test_a_return_value_that_is_no_table_of_scores_fails_the_cell(
    answer: AnswerRun, scores: object, message: str
) -> None:
    outcome, cell = answer(lambda *_: scores)

    assert (cell["status"], cell["predictions"]) == ("failed", [])
    assert cell["error"] is not None
    assert message in cell["error"]["message"]
    assert message in outcome


def test_scores_keep_nothing_of_the_methods_array_but_numbers() -> None:
    given = np.arange(6.0).astype(np.dtype("f8", metadata={"key": lambda: 1})).reshape(2, 3)
    checked = checked_scores(given, 2, 3)

    np.testing.assert_array_equal(checked, given)
    assert checked.dtype.metadata is None
    assert checked_scores(given.astype(np.float32), 2, 3).dtype == np.float32


def test_the_largest_score_is_the_same_in_the_store(answer: AnswerRun) -> None:
    """As floats, both numbers are 2**60."""
    _, cell = answer(lambda *_: np.tile(np.array([2**60, 2**60 + 1, 0]), (5, 1)))

    assert [prediction["y_pred"] for prediction in cell["predictions"]] == [0] * 5


def test_a_task_has_neither_labels_nor_ids_of_the_test_set_and_no_order_that_tells_them(tmp_path: Path) -> None:
    row = row_for(Recorder)
    task = task_of(tmp_path, row)
    fold = row.folds[FOLD]
    things = list(reachable(pickle.loads(pickle.dumps(task))))
    clips = {sample_id.split("/")[2] for sample_id in row.table.sample_ids}

    assert not [thing for thing in things if isinstance(thing, str) and any(clip in thing for clip in clips)]
    assert len(task.labels) == len(task.subjects) == len(task.train) == len(fold.train)
    assert {row.stacked[place] for place in task.test} == {row.table.sample_ids[i] for i in fold.test}
    # What a plugin could compute of public ids.
    assert list(row.stacked) != sorted(row.stacked)
    assert list(row.stacked) != sorted(row.stacked, key=lambda key: hashlib.sha256(key.encode()).digest())
    other = replace(row, record={**row.record, "fingerprints": {"smic": "of other contents"}})
    assert row.stacked != other.stacked
    assert sorted(row.stacked) == sorted(other.stacked)


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int64, np.uint8])
def test_scores_may_have_any_real_type(answer: AnswerRun, dtype: type) -> None:
    _, cell = answer(lambda *_: np.tile([0, 2, 1], (5, 1)).astype(dtype))

    assert scores_in(cell).tolist() == [[0.0, 2.0, 1.0]] * 5


def raising(error: BaseException) -> Callable[[object, object], object]:
    def give(_method: object, _test: object) -> object:
        raise error

    return give


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero"), SystemExit("out"), MemoryError()])
def test_an_error_in_a_method_fails_its_cell_with_a_traceback(answer: AnswerRun, error: BaseException) -> None:
    outcome, cell = answer(raising(error))

    assert outcome == f"{type(error).__name__}: {error}"
    assert cell["error"] is not None
    assert "in give" in cell["error"]["traceback"]


@pytest.mark.parametrize(
    ("kind", "by_epoch", "message"),
    [
        (str, False, "builtins:str is neither a Method nor a TorchMethod"),
        (Diverged, True, "scores hold NaN"),
        (Net, False, "its spec's trains_by_epoch does not fit its class"),
        (Recorder, True, "its spec's trains_by_epoch does not fit its class"),
    ],
)
def test_a_class_that_breaks_its_contract_fails_the_cell(
    tmp_path: Path, kind: type, by_epoch: bool, message: str
) -> None:
    row = row_for(kind)
    spec = replace(row.setting.spec, trains_by_epoch=by_epoch, deterministic=False)

    assert message in run(tmp_path, replace(row, setting=replace(row.setting, spec=spec)))[0]


def test_the_last_epoch_counts_and_the_scores_of_all_are_kept(tmp_path: Path) -> None:
    row = row_for(Net)
    _, cell = run(tmp_path, row)
    sample_ids, epochs = stored_epochs(tmp_path, cell)

    assert (cell["selected_epoch"], epochs.shape) == (EPOCHS - 1, (EPOCHS, len(row.folds[FOLD].test), 3))
    assert sample_ids == [prediction["sample_id"] for prediction in cell["predictions"]]
    np.testing.assert_array_equal(epochs[-1].astype(float), scores_in(cell))


def test_the_inner_rule_chooses_by_training_subjects_that_do_not_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = row_for(Net, "inner")
    fold, stack = row.folds[FOLD], planned()[1]
    subjects = np.array([row.table.subjects[i] for i in fold.train])
    held_out = validation_subjects(subjects, seed=seed_value("cde", FOLD, 0))
    validation = [i for i in fold.train if row.table.subjects[i] in held_out]
    shown: list[TrainingFold] = []

    def canned(folds: Sequence[TrainingFold], **_: object) -> Iterator[tuple[int, TrainedFold]]:
        (given,) = folds
        shown.append(given)
        validated, tested = (np.zeros((EPOCHS, len(places), 3), np.float32) for places in given.held_out)
        validated[..., 2] = 0.5
        for position, i in enumerate(validation):
            validated[1, position, row.table.labels[i]] = 1.0
        tested[..., 0] = np.arange(EPOCHS)[:, None]
        tested[..., 1] = np.arange(len(fold.test)) / 8
        yield 0, TrainedFold((validated, tested))

    monkeypatch.setattr(trainer, "train_folds", canned)
    _, cell = run(tmp_path, row)
    learned = [i for i in fold.train if row.table.subjects[i] not in held_out]

    np.testing.assert_array_equal(shown[0].inputs[shown[0].train], stack[learned])
    assert shown[0].labels.tolist() == [row.table.labels[i] for i in learned]
    np.testing.assert_array_equal(shown[0].inputs[shown[0].held_out[0]], stack[validation])
    np.testing.assert_array_equal(shown[0].inputs[shown[0].held_out[1]], stack[list(fold.test)])
    assert cell["selected_epoch"] == 1
    np.testing.assert_array_equal(scores_in(cell), [[1.0, i / 8, 0.0] for i in range(len(fold.test))])
    np.testing.assert_array_equal(stored_epochs(tmp_path, cell)[1][:, 0, 0], np.arange(EPOCHS))


@pytest.mark.parametrize("device", ["cuda:1", "cpu"])
def test_a_network_is_told_the_device_that_its_folds_are_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    told: list[tuple[str, str]] = []

    def recorded(folds: Sequence[TrainingFold], *, device: str, **_: object) -> Iterator[tuple[int, TrainedFold]]:
        for number, fold in enumerate(folds):
            told.append((fold.method.device, device))
            yield number, TrainedFold((np.ones((EPOCHS, len(fold.held_out[0]), 3), np.float32),))

    monkeypatch.setattr(trainer, "train_folds", recorded)
    row = row_for(Plain)
    tasks = tuple(replace(task_of(tmp_path, row, fold), device=device) for fold in (FOLD, "samm-synthetic02"))
    results = results_of(GroupTask(tasks))

    assert [result.error for result in results] == [None, None]
    assert told == [(device, device)] * 2


def test_a_method_is_told_the_device_if_its_spec_asks_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []

    def fit(method: Recorder, train: LabelledSamples, *, seed: int) -> None:
        told.append(method.device)

    monkeypatch.setattr(Recorder, "fit", fit)
    monkeypatch.setattr(Recorder, "predict", lambda method, test: np.zeros((len(test), method.n_classes)))
    plain = row_for(Recorder)
    able = replace(plain, setting=replace(plain.setting, spec=replace(plain.setting.spec, uses_gpu=True)))
    for row, device in ((plain, "cuda:1"), (able, "cuda:1"), (able, "cpu")):
        task = fold_task(row, Cell(0, 0, FOLD), stack=Path("stack.npy"), device=device)
        inputs = np.zeros((3, 28, 28, 3), dtype=np.float32)
        train = LabelledSamples(inputs, np.array([0, 1, 2]), np.array(["smic/s1"] * 3))
        predict_fold(task.setting, train, UnlabelledSamples(inputs), seed=0, device=task.device)
    assert told == ["cpu", "cuda:1", "cpu"]
    assert make_instance(plain.setting).device == "cpu"


@pytest.mark.parametrize(("uses_gpu", "device"), [(True, "cuda"), (False, "cpu")])
def test_a_run_looks_for_a_device_for_a_method_that_asks_for_one(
    uses_gpu: bool, device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue, source = load_catalogue(), SyntheticMaps(None, {"size": "tiny", "seed": 0})
    spec = replace(catalogue.method("majority"), uses_gpu=uses_gpu)
    catalogue = replace(catalogue, methods={**catalogue.methods, "majority": spec})
    plan = make_plan(Request(("majority",), baselines=False), source, catalogue)
    monkeypatch.setattr(Resources, "torch_device", lambda _: "cuda")
    tasks, failed = Inputs(plan, Resources(1, "cuda"), Listener()).tasks(plan.cells[:2])
    assert ([task.device for task in tasks], failed) == ([device, device], [])


@pytest.mark.parametrize("stacked", [False, True])
def test_where_folds_share_a_process_folds_that_leave_something_behind_fail(tmp_path: Path, stacked: bool) -> None:
    kept: list[int] = []
    for kind in (Plain, Grows):
        tasks = [task_of(tmp_path, row_for(kind), fold) for fold in (FOLD, "samm-synthetic02")]
        sizes = tuple(len(task.train) for task in tasks)
        results = results_of(GroupTask(tuple(tasks), stacked, sizes))
        kept.append(sum(result.scores is not None for result in results))
    assert kept == [2, 0]
    for result in results:
        assert result.error is not None
        assert result.error["message"].startswith(
            "folds left something behind in test_cells.Grows.built, where other folds of this process would find it;"
        )


def test_folds_that_were_finished_before_one_that_leaves_something_behind_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folds = (FOLD, "samm-synthetic02", "smic-synthetic01", "smic-synthetic02")
    tasks = tuple(task_of(tmp_path, row_for(Stains), fold) for fold in folds)
    monkeypatch.setattr(Stains, "folds", [])
    monkeypatch.setattr(Stains, "seed", tasks[2].seed)
    results = results_of(GroupTask(tasks))

    assert Stains.folds == [1]
    assert [result.scores is not None for result in results] == [True, True, False, False]
    assert "folds left something behind in test_cells.Stains.folds" in str(results[2].error)


@pytest.mark.parametrize("n_folds", [1, 2])
def test_no_result_comes_from_a_process_that_looked_into_a_results_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_folds: int
) -> None:
    Store.create(tmp_path / "results")
    monkeypatch.setattr(Reads, "file", tmp_path / "results" / "store.json", raising=False)
    tasks = tuple(task_of(tmp_path, row_for(Reads), fold) for fold in (FOLD, "samm-synthetic02")[:n_folds])
    results = results_of(GroupTask(tasks))

    assert [result.scores for result in results] == [None] * n_folds
    assert "the method looks into a results folder" in str(results[0].error)


def test_a_row_states_its_protocol() -> None:
    """Scores are computed from the record alone, so each of the protocol's rules has to be in it."""
    catalogue = load_catalogue()
    published = load_protocol(catalogue.protocol("cde").path, "cde")
    protocol = replace(published, absent_class="zero", version=7, title="Other", reference="Who", note="Mind this")
    data = read_protocol_data(protocol, SyntheticMaps(None, {"size": "tiny", "seed": 0}), allow_partial=True)
    spec = catalogue.method("svm-flow")
    record = make_row(data, spec, spec.resolve(None, {}), preprocessing={}, selection="last").record["protocol"]

    assert record["hash"] == protocol.hash != published.hash
    stated = {name: value for name, value in record.items() if name != "hash"}
    assert stated == {
        "name": "cde",
        "version": 7,
        "title": "Other",
        "classes": ["negative", "positive", "surprise"],
        "slices": {"full": ["smic", "samm", "casme2"], "smic": ["smic"], "samm": ["samm"], "casme2": ["casme2"]},
        "absent_class": "zero",
        "reference": "Who",
        "note": "Mind this",
    }


def test_the_inner_rule_scores_by_the_protocols_rule_for_absent_classes(tmp_path: Path) -> None:
    row = row_for(Net, "inner")
    protocol = {**row.record["protocol"], "absent_class": "none"}

    with pytest.raises(MerBenchError, match="absent_class='none' is not one of"):
        run(tmp_path, replace(row, record={**row.record, "protocol": protocol}))
    outcome, _ = run(tmp_path, replace(row, record={**row.record, "protocol": protocol, "training": "full"}))
    assert outcome == ""


def test_a_late_result_leaves_a_finished_cell_as_it_is(tmp_path: Path) -> None:
    row, _ = planned()
    _, done = run(tmp_path, row)
    task, store = task_of(tmp_path, row), Store(tmp_path / "results")
    assert done is not None
    late = compute_fold(task)
    assert late.scores is not None
    other = replace(late, scores=replace(late.scores, scores=late.scores.scores[::-1].copy()), seconds=99.0)

    assert store_result(store, row, task, other, run_id="another-run") == ""
    assert store.read_cell(row.record, 0, FOLD) == done
    store.cell_file(row.record, 0, FOLD).unlink()
    assert store_result(store, row, task, other, run_id="another-run") == ""
    again = store.read_cell(row.record, 0, FOLD)
    assert again is not None
    assert (again["run_id"], again["seconds"]) == ("another-run", 99.0)


def test_a_late_failure_leaves_a_finished_cell_as_it_is(tmp_path: Path) -> None:
    row, _ = planned()
    _, done = run(tmp_path, row)
    late = failed_fold(RuntimeError("its process died"), 1.0)
    store = Store(tmp_path / "results")

    assert store_result(store, row, task_of(tmp_path, row), late, run_id="another-run") == ""
    assert Store(tmp_path / "results").read_cell(row.record, 0, FOLD) == done
