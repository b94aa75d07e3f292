"""The command that measures a stored row again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mer_bench.arithmetic import NATIVE, VARIABLE
from mer_bench.caveats import Caveat, is_synthetic
from mer_bench.parameters import value_text
from mer_bench.representations.settings import PREPROCESSING
from mer_bench.rules import NO_EPOCHS
from mer_bench.store.schema import RowRecord

_DATA_OPTIONS = ("--data", "--data-option")


def run_command(
    record: RowRecord, seeds: Iterable[int], selection: str, manifests: Iterable[Mapping[str, object] | None]
) -> list[str]:
    """Return the words of a ``mer-bench run`` that computes a row alone, with the data as its run named it.

    Parameters
    ----------
    record : RowRecord
    seeds : iterable of int
        A run measures all seeds up to the largest.
    selection : str
        The row's selection rule, or `mer_bench.rules.NO_EPOCHS`.
    manifests : iterable of mapping or None
        Those of the row's runs, oldest first; the newest that names its data counts.
    """
    settings, caveats = record["settings"], record["caveats"]
    words = [f"{VARIABLE}={NATIVE}"] if record["arithmetic"] == NATIVE else []
    words += ["mer-bench", "run", "--method", record["method"]["name"]]
    words += ["--preset", settings["preset"]] if settings["preset"] else []
    words += _pairs("--set", settings["changed"])
    words += ["--protocol", record["protocol"]["name"]]
    named = [_data_words(manifest) for manifest in manifests]
    words += next(filter(None, reversed(named)), ["--data", "synthetic" if is_synthetic(caveats) else "PATH"])
    words += _pairs("--preprocess", _preprocessing(record))
    words += [] if record["deterministic"] else ["--seeds", str(max(seeds, default=0) + 1)]
    words += [] if selection == NO_EPOCHS else ["--selection", selection]
    words += ["--allow-partial"] if Caveat.PARTIAL in caveats and not is_synthetic(caveats) else []
    return [*words, "--no-baselines"]


def _data_words(manifest: Mapping[str, object] | None) -> list[str]:
    argv = (manifest or {}).get("argv")
    return list(_options(list(map(str, argv)))) if isinstance(argv, list) else []


def _options(argv: Sequence[str]) -> Iterator[str]:
    for word, following in zip(argv, [*argv[1:], ""], strict=True):
        option, equals, value = word.partition("=")
        if option in _DATA_OPTIONS:
            yield from (option, value if equals else following)


def _preprocessing(record: RowRecord) -> dict[str, object]:
    params = record["representation"]["params"]
    return {p.name: params[p.name] for p in PREPROCESSING if params.get(p.name, p.default) != p.default}


def _pairs(option: str, values: Mapping[str, object]) -> list[str]:
    return [word for name, value in values.items() for word in (option, f"{name}={value_text(value)}")]
