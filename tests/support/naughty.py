"""Methods that misbehave on one fold of six, each in its own way: `NAUGHTY` is the source of their plugin."""

from __future__ import annotations

STRUCK = "smic-synthetic01"
"""The fold on which they misbehave, unless the environment says HEALED."""

NAUGHTY = '''
    import ctypes
    import os
    import resource
    import signal
    import sys
    import time
    from pathlib import Path

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


    class Mute(Exception):
        def __str__(self):
            raise TypeError("not even this")


    class RaisesMute(Good):
        def misbehave(self):
            raise Mute


    class Stop(BaseException):
        pass


    class RaisesStop(Good):
        def misbehave(self):
            raise Stop("stop")


    class Exits(Good):
        def misbehave(self):
            sys.exit(3)


    class Nan(Good):
        def spoil(self, scores):
            scores[0, 0] = np.nan
            return scores


    class Infinite(Good):
        def spoil(self, scores):
            return scores + np.inf


    class WrongShape(Good):
        def spoil(self, scores):
            return scores[:, :2]


    class TooFew(Good):
        def spoil(self, scores):
            return scores[1:]


    class Labels(Good):
        def spoil(self, scores):
            return scores.argmax(axis=1)


    class Nothing(Good):
        def spoil(self, scores):
            return None


    class Words(Good):
        def spoil(self, scores):
            return scores.astype(str)


    class Complex(Good):
        def spoil(self, scores):
            return scores.astype(complex)


    class Ragged(Good):
        def spoil(self, scores):
            return [[0.5], [0.25, 0.25]]


    class Dies(Good):
        def misbehave(self):
            os._exit(3)


    class DiesQuietly(Good):
        def misbehave(self):
            os.kill(os.getpid(), signal.SIGKILL)


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


    class Changes(Good):
        """Its scores tell how often the parameters were changed before."""

        def fit(self, train, *, seed):
            super().fit(train, seed=seed)
            self.params["count"] += 1

        def predict(self, test):
            return np.full((len(test), self.n_classes), float(self.params["count"]))


    class Fills(Good):
        """The disk is full from the moment a fold is trained on, for the files of this process."""

        def misbehave(self):
            resource.setrlimit(resource.RLIMIT_FSIZE, (64, resource.RLIM_INFINITY))


    class Refuses(Good):
        def misbehave(self):
            raise MerBenchError("setting 'warp' is beyond 9; lower it")


    class NoMethod:
        def __init__(self, *settings):
            pass


    CLASSES = {
        "good": "Good",
        "raises": "Raises",
        "raises-mute": "RaisesMute",
        "raises-stop": "RaisesStop",
        "exits": "Exits",
        "nan": "Nan",
        "infinite": "Infinite",
        "wrong-shape": "WrongShape",
        "too-few": "TooFew",
        "labels": "Labels",
        "nothing": "Nothing",
        "words": "Words",
        "complex": "Complex",
        "ragged": "Ragged",
        "dies": "Dies",
        "dies-quietly": "DiesQuietly",
        "sleeps": "Sleeps",
        "slow": "Slow",
        "prints": "Prints",
        "changes": "Changes",
        "fills": "Fills",
        "refuses": "Refuses",
        "no-method": "NoMethod",
        "no-class": "Absent",
    }
    PARAMETERS = {
        "slow": (Parameter("seconds", 0.2, "how long a fit lasts"),),
        "changes": (Parameter("count", 0, "how often it was changed"),),
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
