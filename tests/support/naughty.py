"""Methods that misbehave on one fold of six, each in its own way: `NAUGHTY` is the source of their plugin."""

from __future__ import annotations

STRUCK = "smic-synthetic01"
"""The fold on which they misbehave, unless the environment says HEALED."""

NAUGHTY = '''
    import ctypes
    import os
    import resource
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


    class Raises(Good):
        def misbehave(self):
            raise ValueError("no [good] reason\\nat all")


    class Nan(Good):
        def spoil(self, scores):
            scores[0, 0] = np.nan
            return scores


    class Words(Good):
        def spoil(self, scores):
            return scores.astype(str)


    class Dies(Good):
        def misbehave(self):
            os._exit(3)


    class Sleeps(Good):
        def misbehave(self):
            time.sleep(60)


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


    class Fills(Good):
        """The disk is full from the moment a fold is trained on, for the files of this process."""

        def misbehave(self):
            resource.setrlimit(resource.RLIMIT_FSIZE, (64, resource.RLIM_INFINITY))


    class Refuses(Good):
        def misbehave(self):
            raise MerBenchError("setting 'warp' is beyond 9; lower it")


    CLASSES = {
        "good": "Good",
        "raises": "Raises",
        "nan": "Nan",
        "words": "Words",
        "dies": "Dies",
        "sleeps": "Sleeps",
        "slow": "Slow",
        "prints": "Prints",
        "fills": "Fills",
        "refuses": "Refuses",
        "no-class": "Absent",
    }
    PARAMETERS = {
        "slow": (Parameter("seconds", 0.2, "how long a fit lasts"),),
    }


    def spec(name, target, representation="face-flow"):
        parameters = PARAMETERS.get(name, ())
        return MethodSpec(name, "1", name.title(), target, Representation(representation), "handcrafted", parameters)


    @hookimpl
    def mer_bench_methods():
        yield from (spec(name, f"naughty_plugin:{class_name}") for name, class_name in CLASSES.items())
        yield spec("no-module", "a_module_that_nobody_has:Net")
        yield spec("takes-frames", "naughty_plugin:Good", "frames")
'''
