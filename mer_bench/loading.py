"""The loading of plugins, watched: one that takes long is named, and one that changes mer-bench itself is refused."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from mer_bench.own_code import OwnCode
from mer_bench.printable import one_line

LONG_SECONDS = 5.0
"""How long a plugin may load without a word."""
_LOOKS = 10
"""How often it is looked at in that time."""


@dataclass(frozen=True, eq=False)
class _Plugin:
    text: str
    cure: str
    started: float = field(default_factory=time.monotonic)


class Loading:
    """Watches plugins while they are loaded, one after the other.

    A thread tells what loads for long. It cannot, and Ctrl-C has no effect, while native code holds Python's lock.
    """

    def __init__(self) -> None:
        self._own_code = OwnCode()
        self._plugin: _Plugin | None = None
        self._over = threading.Event()

    @contextmanager
    def watched(self) -> Iterator[Loading]:
        """Watch what is loaded inside."""
        # A plugin may replace it.
        stderr = sys.stderr
        thread = threading.Thread(target=self._watch, args=(stderr,), name="mer-bench-loading", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    @contextmanager
    def of(self, plugin: str, cure: str, module: str) -> Iterator[None]:
        """Load one plugin inside.

        Parameters
        ----------
        plugin : str
            Its name, as the user reads it.
        cure : str
            How to do without it.
        module : str
            The name of the module that its entry point names.

        Raises
        ------
        MerBenchError
            It changed something of mer-bench's own code, which was put back.
        KeyboardInterrupt
            Ctrl-C, with a sentence that names the plugin.
        """
        self._plugin = _Plugin(plugin, cure)
        try:
            with self._own_code.unchanged(module):
                yield
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt(f"{plugin} was still loading; {cure}") from error
        finally:
            self._plugin = None

    def _watch(self, stderr: TextIO) -> None:
        told = None
        while not self._over.wait(LONG_SECONDS / _LOOKS):
            plugin = self._plugin
            if plugin is None or plugin is told or time.monotonic() - plugin.started < LONG_SECONDS:
                continue
            told = plugin
            print(one_line(f"still loading {plugin.text}; Ctrl-C ends this; {plugin.cure}"), file=stderr, flush=True)
