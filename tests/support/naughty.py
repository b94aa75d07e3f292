"""`NAUGHTY`, the source of a plugin with methods that fail on one of six folds, each in its own way."""

from __future__ import annotations

STRUCK = "smic-synthetic01"
"""The fold on which they fail, unless the environment has a variable HEALED."""

NAUGHTY = '''
    import ctypes
    import os
    import resource
    import signal
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


    class Mute(Exception):
        def __str__(self):
            raise TypeError("not even this")


    class Stop(BaseException):
        pass


    def raising(error):
        def misbehave(self):
            raise error

        return type("Raises", (Good,), {"misbehave": misbehave})


    def doing(action):
        return type("Does", (Good,), {"misbehave": lambda self: action()})


    def spoiling(change):
        return type("Spoils", (Good,), {"spoil": lambda self, scores: change(scores)})


    Raises = raising(ValueError("no [good] reason\\nat all"))
    RaisesMute = raising(Mute())
    RaisesStop = raising(Stop("stop"))
    Exits = raising(SystemExit(3))
    Refuses = raising(MerBenchError("setting 'warp' is beyond 9; lower it"))

    Dies = doing(lambda: os._exit(3))
    DiesQuietly = doing(lambda: os.kill(os.getpid(), signal.SIGKILL))
    Sleeps = doing(lambda: time.sleep(60))
    # The disk is full from the moment a fold is trained on, for the files of this process.
    Fills = doing(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (64, resource.RLIM_INFINITY)))

    Nan = spoiling(lambda scores: scores * np.where(np.arange(scores.size).reshape(scores.shape) == 0, np.nan, 1))
    Infinite = spoiling(lambda scores: scores + np.inf)
    WrongShape = spoiling(lambda scores: scores[:, :2])
    TooFew = spoiling(lambda scores: scores[1:])
    Labels = spoiling(lambda scores: scores.argmax(axis=1))
    Nothing = spoiling(lambda scores: None)
    Words = spoiling(lambda scores: scores.astype(str))
    Complex = spoiling(lambda scores: scores.astype(complex))
    Ragged = spoiling(lambda scores: [[0.5], [0.25, 0.25]])


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
        """Its scores count how often its parameters were changed before."""

        def fit(self, train, *, seed):
            super().fit(train, seed=seed)
            self.params["count"] += 1

        def predict(self, test):
            return np.full((len(test), self.n_classes), float(self.params["count"]))


    class NoMethod:
        def __init__(self, *settings):
            pass


    NAMES = (
        "good raises raises-mute raises-stop exits nan infinite wrong-shape too-few labels nothing words complex "
        "ragged dies dies-quietly sleeps slow prints changes fills refuses no-method"
    )
    PARAMETERS = {
        "slow": (Parameter("seconds", 0.2, "how long a fit lasts"),),
        "changes": (Parameter("count", 0, "how often it was changed"),),
    }


    def spec(name, target, representation="face-flow"):
        parameters = PARAMETERS.get(name, ())
        return MethodSpec(name, "1", name.title(), target, Representation(representation), "handcrafted", parameters)


    @hookimpl
    def mer_bench_methods():
        yield from (spec(name, f"naughty_plugin:{name.title().replace('-', '')}") for name in NAMES.split())
        yield spec("no-class", "naughty_plugin:Absent")
        yield spec("no-module", "a_module_that_nobody_has:Net")
        yield spec("takes-frames", "naughty_plugin:Good", "frames")
'''
