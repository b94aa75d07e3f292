"""Turns any failure of a reader into one sentence: a plugin's code may raise or return anything."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from mer_bench.arrays import FloatArray
from mer_bench.databases.base import CLIP, FACE_FLOW, Clip, DataSource, InputFacts
from mer_bench.foreign import foreign_code
from mer_bench.parameters import ParameterValue
from mer_bench.samples import SampleTable

_Answer = TypeVar("_Answer")


class GuardedSource(DataSource):
    """Wraps a reader; any failure in it becomes a `MerBenchError`.

    Parameters
    ----------
    name : str
        The database's name, for messages.
    reader : type
        A `DataSource`.
    path, options
        The arguments of the reader's constructor.

    Raises
    ------
    MerBenchError
        The reader's constructor fails, or `native` or `caveats` is invalid.
    """

    def __init__(
        self, name: str, reader: type[DataSource], path: Path | None, options: Mapping[str, ParameterValue]
    ) -> None:
        super().__init__(path, options)
        self.name = name
        with _contained(name, "its constructor"):
            self._source = reader(path, options)
            self.native = self._source.native
            self.caveats = _checked_texts("caveats is", self._source.caveats)
            if self.native not in (FACE_FLOW, CLIP):
                raise TypeError(f"native is {self.native!r}, neither {FACE_FLOW!r} nor {CLIP!r}")

    def input_facts(self) -> InputFacts:
        """Return what the reader returns.

        Raises
        ------
        MerBenchError
            The reader fails, or returns something else than its interface says.
        """
        with _contained(self.name, "input_facts"):
            return _checked_facts(self._source.input_facts())

    def read_samples(self) -> SampleTable:
        """Return what the reader returns.

        Raises
        ------
        MerBenchError
            The reader fails, or returns something else than its interface says.
        """
        with _contained(self.name, "read_samples"):
            return _checked(self._source.read_samples(), SampleTable)

    def problems(self) -> tuple[str, ...]:
        """Return what the reader returns.

        Raises
        ------
        MerBenchError
            The reader fails, or returns something else than its interface says.
        """
        with _contained(self.name, "problems"):
            return _checked_texts("it returned", self._source.problems())

    def notes(self) -> tuple[str, ...]:
        """Return what the reader returns.

        Raises
        ------
        MerBenchError
            The reader fails, or returns something else than its interface says.
        """
        with _contained(self.name, "notes"):
            return _checked_texts("it returned", self._source.notes())

    def clip(self, sample_id: str) -> Clip:
        """Return what the reader returns.

        Raises
        ------
        MerBenchError
            The reader fails, or returns something else than its interface says.
        """
        with _contained(self.name, f"clip of {sample_id}"):
            clip = _checked(self._source.clip(sample_id), Clip)
            if not (isinstance(clip.frames, tuple) and all(isinstance(frame, Path) for frame in clip.frames)):
                raise TypeError("the frames that it returned are not a tuple of Path objects")
            if not 0 <= clip.apex < len(clip.frames):
                raise TypeError(f"it returned apex {clip.apex} of {len(clip.frames)} frames")
            return clip

    def load(self, sample_id: str) -> FloatArray:
        """Return what the reader returns, unchecked: the caller checks the array.

        Raises
        ------
        MerBenchError
            The reader fails.
        """
        with _contained(self.name, f"load of {sample_id}"):
            return self._source.load(sample_id)

    def digest(self, sample_id: str) -> str:
        """Return what the reader returns; not cached, since the data may change.

        Raises
        ------
        MerBenchError
            The reader fails, or does not return a text.
        """
        with _contained(self.name, f"digest of {sample_id}"):
            return _checked(self._source.digest(sample_id), str)


def _contained(name: str, what: str) -> AbstractContextManager[None]:
    return foreign_code(f"database {name}", what, "correct the data, or report it to the reader's author")


def _checked_texts(subject: str, answer: tuple[str, ...]) -> tuple[str, ...]:
    if not (isinstance(answer, tuple) and all(isinstance(text, str) for text in answer)):
        raise TypeError(f"{subject} {answer!r}, not a tuple of texts")
    return answer


def _checked_facts(answer: InputFacts) -> InputFacts:
    texts = asdict(_checked(answer, InputFacts))
    channels = _checked_texts("channels is", texts.pop("channels"))
    for what, text in [*texts.items(), *(("channels", channel) for channel in channels)]:
        if not (isinstance(text, str) and text.isprintable()):
            raise TypeError(f"{what} is {text!r}, not one line of text")
    if not answer.name.strip():
        raise TypeError("name is empty")
    return answer


def _checked(answer: _Answer, wanted: type[_Answer]) -> _Answer:
    if not isinstance(answer, wanted):
        raise TypeError(f"it returned {type(answer).__name__}, not {wanted.__name__}")
    return answer
