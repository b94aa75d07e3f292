"""mer-bench: a benchmark harness for micro-expression recognition.

This is the public interface, for plugin authors and notebooks. ``__init__.pyi`` lists its names. Each is imported on
first use, so that ``import mer_bench`` is quick.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
