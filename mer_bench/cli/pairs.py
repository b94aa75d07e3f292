"""Options of the form NAME=VALUE."""

from __future__ import annotations

from collections.abc import Sequence

from mer_bench.errors import MerBenchError


def parse_pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """Read ``NAME=VALUE`` texts.

    Raises
    ------
    MerBenchError
        A text of another form, or a name that occurs twice.
    """
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise MerBenchError(f"{option} {text!r} is not of the form NAME=VALUE")
        if name in pairs:
            raise MerBenchError(f"{option} names {name!r} twice ({pairs[name]!r} and {value!r}); keep one")
        pairs[name] = value
    return pairs
