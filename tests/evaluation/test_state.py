"""The state of a method's modules and classes: what counts as changed, and what does not."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from support.hostile import install

from mer_bench.evaluation.state import changed_state, read_state

TARGET = "keeper.method:Net"
SOURCE = """
    import random
    import threading
    from collections import deque
    from functools import cache, lru_cache

    import numpy as np
    import torch
    from keeper.common import Base

    TABLE = {}
    NESTED = [{"deep": (np.arange(3.0),)}]
    TENSOR = torch.zeros(2)
    DRAWS = random.Random(4)
    RNG = np.random.default_rng(5)
    RECENT = deque(maxlen=2)
    NAMES = {f"channel {n}" for n in range(40)}
    LOCK = threading.Lock()
    LAYER = torch.nn.LayerNorm(2)


    @cache
    def window(side):
        return side


    @lru_cache(maxsize=1)
    def latest(key):
        return key

    latest(0)


    def remember(value, kept=[]):
        kept.append(value)


    def counter():
        n = 0
        def step():
            nonlocal n
            n += 1
        return step


    STEP = counter()


    class Slotted:
        __slots__ = ("value",)


    SLOTTED = Slotted()


    class Net(Base):
        best = None
        sizes = {}

        class Inner:
            seen = ()
"""
BASE = """
    from abc import ABC

    class Base(ABC):
        shared = 0
"""


@pytest.fixture
def keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module of a plugin that keeps things in many places."""
    install(
        tmp_path, "keeper", {"keeper/__init__": "", "keeper/common": BASE, "keeper/method": SOURCE, "keeper/late": ""}
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield import_module("keeper.method")
    for name in [name for name in sys.modules if name.partition(".")[0] == "keeper"]:
        del sys.modules[name]


def put(place: str, name: str, value: Any) -> Callable[[Any], None]:
    """Return what sets an attribute of a module's object ``place``, or of the module itself."""
    return lambda module: setattr(eval(place, {"m": module}), name, value)


CHANGES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "a dictionary": ("TABLE", lambda m: m.TABLE.update(svc=1)),
    "a new name": ("MODEL", put("m", "MODEL", 7)),
    "an array deep inside": ("NESTED", lambda m: m.NESTED[0]["deep"][0].__setitem__(1, 9)),
    "a tensor": ("TENSOR", lambda m: m.TENSOR.add_(1)),
    "a network's weights": ("LAYER", lambda m: torch.nn.init.constant_(m.LAYER.weight, 3)),
    "a generator of Python": ("DRAWS", lambda m: m.DRAWS.random()),
    "a generator of NumPy": ("RNG", lambda m: m.RNG.random()),
    "a queue": ("RECENT", lambda m: m.RECENT.append(3)),
    "a set": ("NAMES", lambda m: m.NAMES.add("w")),
    "a cache": ("window", lambda m: m.window(3)),
    "a cache of one entry": ("latest", lambda m: m.latest(1)),
    "a default argument": ("remember", lambda m: m.remember(3)),
    "a function's attribute": ("remember", put("m.remember", "last", 4)),
    "a closure": ("STEP", lambda m: m.STEP()),
    "an object with slots": ("SLOTTED", put("m.SLOTTED", "value", 5)),
    "a class": ("Net.best", put("m.Net", "best", (3, 4))),
    "a class's dictionary": ("Net.sizes", lambda m: m.Net.sizes.update(a=2)),
    "a class inside a class": ("Net.Inner.seen", put("m.Net.Inner", "seen", (1,))),
}


@pytest.mark.parametrize("what", CHANGES)
def test_whatever_a_plugin_keeps_in_its_modules_and_classes_is_named(keeper: ModuleType, what: str) -> None:
    name, change = CHANGES[what]
    before = read_state(TARGET)
    change(keeper)

    assert changed_state(before, read_state(TARGET)) == [f"keeper.method.{name}"]


def test_the_classes_that_a_target_inherits_from_count_wherever_they_are(
    keeper: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper.Base, "__module__", "elsewhere.base")
    before = read_state(TARGET)
    keeper.Base.shared = 1

    assert changed_state(before, read_state(TARGET)) == ["elsewhere.base.Base.shared"]


def test_what_depends_on_no_fold_is_no_change(keeper: ModuleType) -> None:
    keeper.TABLE.update(a=1, b=2)
    before = read_state(TARGET)
    import_module("keeper.late")
    keeper.TABLE.clear()
    keeper.TABLE.update(b=2, a=1)
    keeper.NESTED[:] = [{"deep": (np.arange(3.0),)}]
    isinstance(3, keeper.Base)

    assert changed_state(before, read_state(TARGET)) == []


def test_objects_that_hold_themselves_or_cannot_be_looked_into_end(keeper: ModuleType) -> None:
    class Mute:
        def __reduce_ex__(self, protocol: Any) -> Any:
            raise SystemError("no")

    ring: list[Any] = [threading.local(), count(), (n for n in ()), Mute(), lambda: ring]
    ring.append(ring)
    deep: Any = ()
    for _ in range(5000):
        deep = (deep,)
    keeper.TABLE.update(ring=ring, deep=deep)

    assert changed_state(read_state(TARGET), read_state(TARGET)) == []


@pytest.mark.slow
@pytest.mark.usefixtures("keeper")
def test_digests_are_the_same_in_every_process() -> None:
    code = (
        f"import sys, json; sys.path[:] = {sys.path!r}; import keeper.method;"
        f"from mer_bench.evaluation.state import read_state; print(json.dumps(read_state({TARGET!r})))"
    )
    # The order of a set of strings is another one there, with this seed.
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "3"}
    )

    assert json.loads(done.stdout) == read_state(TARGET)
    assert "NAMES" in read_state(TARGET)["keeper.method"]
