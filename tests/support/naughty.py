"""Methods that misbehave on one fold of six, each in its own way: `NAUGHTY` is the source of their plugin."""

from __future__ import annotations

STRUCK = "smic-synthetic01"
"""The fold on which they misbehave, unless the environment says HEALED."""

NAUGHTY = '''
    import ctypes
    import os
    import signal
    import time

    import numpy as np

    from mer_bench import MerBenchError, Method, MethodSpec, Parameter, Representation, hookimpl


    class Good(Method):
        """Class frequencies; a subclass spoils them."""

        def fit(self, train, *, seed):
            self.frequencies = np.bincount(train.labels, minlength=self.n_classes) / len(train)
            self.struck = "smic/synthetic01" not in train.subjects and "HEALED" not in os.environ
            if self.struck:
                self.misbehave()

        def predict(self, test):
            scores = np.tile(self.frequencies, (len(test), 1))
            return self.spoil(scores) if self.struck else scores

        def misbehave(self):
            pass

        def spoil(self, scores):
            return scores


    class Naughty(Good):
        """Does on the fold what its name says."""

        def misbehave(self):
            match self.spec.name:
                case "raises":
                    raise ValueError("no [good] reason\\nat all")
                case "refuses":
                    raise MerBenchError("setting 'warp' is beyond 9; lower it")
                case "is-killed":
                    os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does when memory runs out
                case "dies":
                    os._exit(3)
                case "sleeps":
                    time.sleep(60)

        def spoil(self, scores):
            if self.spec.name == "nan":
                scores[0, 0] = np.nan
            return scores.astype(str) if self.spec.name == "words" else scores


    class Slow(Good):
        def fit(self, train, *, seed):
            super().fit(train, seed=seed)
            time.sleep(self.params["seconds"])


    class Prints(Good):
        def fit(self, train, *, seed):
            super().fit(train, seed=seed)
            print("noise of fit")
            ctypes.CDLL(None).puts(b"noise of native code")
            ctypes.CDLL(None).fflush(None)


    CLASSES = {
        "good": "Good",
        "slow": "Slow",
        "prints": "Prints",
        "no-class": "Absent",
        **dict.fromkeys(("raises", "nan", "words", "dies", "sleeps", "refuses", "is-killed"), "Naughty"),
    }

    def spec(name, target, representation="face-flow"):
        parameters = (Parameter("seconds", 0.2, "how long a fit lasts"),) if name == "slow" else ()
        return MethodSpec(name, "1", name.title(), target, Representation(representation), "handcrafted", parameters)


    @hookimpl
    def mer_bench_methods():
        yield from (spec(name, f"naughty_plugin:{class_name}") for name, class_name in CLASSES.items())
        yield spec("no-module", "a_module_that_nobody_has:Net")
        yield spec("takes-frames", "naughty_plugin:Good", "frames")
'''
