"""Methods that try to reach other folds, other methods or the run: the source of their plugin."""

from __future__ import annotations

PLUGIN = """
    from mer_bench import Features, MethodSpec, Parameter, Representation, hookimpl

    ENDS = ("exit-0", "exit-3", "segfault", "abort", "interrupt")
    CLASSES = {
        "honest": "Honest",
        "keeps-model": "KeepsModel",
        "keeps-samples": "KeepsSamples",
        "snoops": "Snoops",
        **{f"{end}-in-fit": "EndsInFit" for end in ENDS},
        **{f"{end}-in-extract": "EndsInExtract" for end in ENDS},
        "reads-in-extract": "ReadsInExtract",
        **{name: "Answers" for name in ("huge", "objects", "infinite", "close")},
    }


    @hookimpl
    def mer_bench_methods():
        maps = Representation("face-flow")
        for name, target in CLASSES.items():
            features = Features(()) if "extract" in name else None
            target = f"isolation_methods:{target}"
            yield MethodSpec(name, "1", name, target, maps, "handcrafted", features=features)
        for end in ENDS:
            yield MethodSpec(f"{end}-at-import", "1", end, f"isolation_{end.replace('-', '_')}:Net", maps, "deep")
        others = {
            "wrecks": "isolation_wreck",
            "wrecks-at-import": "isolation_wrecked",
            "watches": "isolation_watch",
            "watches-by-hooks": "isolation_hooks",
            "reads-at-import": "isolation_reads",
        }
        for name, module in others.items():
            cls = "Wrecks" if "wreck" in name else "Honest"
            yield MethodSpec(name, "1", name, f"{module}:{cls}", maps, "handcrafted")
"""

METHODS = '''
    import ctypes
    import gc
    import json
    import os
    import pickle
    import sys
    from pathlib import Path

    import numpy as np

    from mer_bench import Method
    from isolation_ends import end

    LAST = "smic/synthetic02"
    KEPT = {}


    def flat(samples):
        return samples.inputs.reshape(len(samples), -1)


    class Honest(Method):
        """Scores by the distance to each class's mean."""

        def fit(self, train, *, seed):
            self.train, self.last = train, LAST not in train.subjects
            self.model = self.fitted(flat(train), train.labels)

        def fitted(self, inputs, labels):
            return np.stack([inputs[labels == label].mean(axis=0) for label in range(self.n_classes)])

        def predict(self, test):
            return -np.linalg.norm(flat(test)[:, None] - self.model, axis=2)


    class KeepsModel(Honest):
        def fitted(self, inputs, labels):
            return KEPT.setdefault("model", super().fitted(inputs, labels))


    class KeepsSamples(Honest):
        seen = []

        def fitted(self, inputs, labels):
            self.seen.append((inputs, labels))
            return super().fitted(*map(np.concatenate, zip(*self.seen)))


    class EndsInFit(Honest):
        def fit(self, train, *, seed):
            super().fit(train, seed=seed)
            if self.last:
                end(self.spec.name)


    class EndsInExtract(Honest):
        def extract(self, sample):
            end(self.spec.name)


    class ReadsInExtract(Honest):
        def extract(self, sample):
            return np.array([len(Path(os.environ["SECRET"]).read_text())], dtype=np.float32)


    class Answers(Honest):
        def predict(self, test):
            scores = super().predict(test)
            if not self.last:
                return scores
            match self.spec.name:
                case "huge":
                    return np.tile(np.array([1.0, np.longdouble("1e4000"), 2.0]), (len(test), 1))
                case "objects":
                    return scores.astype(object)
                case "infinite":
                    return scores.astype(np.longdouble) * np.inf
                case "close":  # the largest is the second: a float64 cannot tell
                    return np.tile(np.array([1, 1, 0]) + np.longdouble([0, 1e-19, 0]), (len(test), 1))


    class Snoops(Honest):
        """Searches its process in the last fold, and writes what it finds."""

        def fit(self, train, *, seed):
            super().fit(train, seed=seed)
            if self.last:
                found = {"texts": [], "folds": [], "environment": dict(os.environ)}
                for thing in reachable():
                    if isinstance(thing, str) and "synthetic" in thing:
                        found["texts"].append(thing)
                    if type(thing).__name__ == "FoldTask":
                        found["folds"].append(thing.cell.fold)
                found["files"] = [os.path.realpath(file) for file in Path("/proc/self/fd").iterdir()]
                found["process"] = [Path(f"/proc/self/{name}").read_text() for name in ("cmdline", "environ")]
                Path(os.environ["FOUND"]).write_text(json.dumps(found))


    def reachable():
        frame, todo = sys._getframe(), [gc.get_objects(), dict(os.environ), vars(sys.modules["__main__"])]
        while frame:
            todo.append(dict(frame.f_locals))
            frame = frame.f_back
        known = {id(todo): todo}
        while todo:
            thing = todo.pop()
            if id(thing) in known or isinstance(thing, type(sys)):
                continue
            known[id(thing)] = thing
            yield thing
            todo += gc.get_referents(thing)
            if isinstance(thing, (bytes, bytearray)) and thing[:1] == b"\\x80":
                try:
                    todo.append(pickle.loads(thing))
                except Exception:
                    pass
'''

ENDS = """
    import os
    import signal


    def end(name):
        match name.rsplit("-in-")[0]:
            case "exit-0":
                os._exit(0)
            case "exit-3":
                os._exit(3)
            case "segfault":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "abort":
                os.abort()
            case "interrupt":
                raise KeyboardInterrupt
"""

WRECK = """
    import os
    import random
    import signal
    import sys
    import warnings

    import numpy as np
    import torch
    from sklearn.svm import SVC

    from mer_bench import Method


    class Wrecks(Method):
        def fit(self, train, *, seed):
            wreck()

        def predict(self, test):
            return np.zeros((len(test), self.n_classes))


    def wreck():
        # Changes whatever a process has that others may read.
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.set_float32_matmul_precision("medium")
        torch.backends.mkldnn.set_flags(False)
        torch.manual_seed(1)
        np.random.seed(1)
        random.seed(1)
        np.seterr(all="raise")
        warnings.simplefilter("error")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        SVC.fit = SVC.decision_function = None
        torch.nn.Linear.forward = None
        os.environ.clear()
        os.environ["OMP_NUM_THREADS"] = "7"
        os.chdir("/")
        sys.path.clear()
"""

WATCH = """
    import threading
    import time
    from isolation_methods import Honest


    def watch():
        while True:
            time.sleep(0.001)


    threading.Thread(target=watch, daemon=True).start()
"""

HOOKS = """
    import os
    import sys
    from isolation_methods import Honest

    HOME, FOUND = os.getpid(), os.environ.get("FOUND", os.devnull)


    def profile(frame, event, argument):
        # Every function that the home runs passes here.
        if os.getpid() == HOME and any(isinstance(value, bytes) for value in frame.f_locals.values()):
            for value in frame.f_locals.values():
                if isinstance(value, bytes) and b"FoldTask" in value:
                    with open(FOUND, "a") as file:
                        file.write("task ")


    sys.setprofile(profile)
"""

READS = """
    import os
    from isolation_methods import Honest

    try:
        TEXT = open(os.environ["SECRET"]).read()
    except Exception:
        pass
"""


def modules() -> dict[str, str]:
    """Return the modules of the plugin, and their sources."""
    ends = {f"isolation_{end.replace('-', '_')}": f"from isolation_ends import end\nend({end!r})\n" for end in ENDINGS}
    return {
        "isolation_plugin": PLUGIN,
        "isolation_methods": METHODS,
        "isolation_ends": ENDS,
        "isolation_wreck": WRECK,
        "isolation_watch": WATCH,
        "isolation_hooks": HOOKS,
        "isolation_reads": READS,
        "isolation_wrecked": "from isolation_wreck import Wrecks, wreck\n\nwreck()\n",
        **ends,
    }


ENDINGS = {
    "exit-0": "its process ended with exit code 0 before it returned",
    "exit-3": "its process ended with exit code 3 before it returned",
    "segfault": "its process was killed (SIGSEGV)",
    "abort": "its process was killed (SIGABRT)",
    "interrupt": "the method raised KeyboardInterrupt",
}
"""How a process ends, and what a failed cell says of it."""
