"""The stored rows that a command line names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mer_bench.cli.row_texts import settings_text
from mer_bench.errors import MerBenchError, did_you_mean
from mer_bench.names import normalise_name
from mer_bench.result_texts import input_text
from mer_bench.results import stored_selection
from mer_bench.row_names import RowNames, is_meant
from mer_bench.store import Store
from mer_bench.store.schema import RowRecord

_DIGITS = re.compile("-[0-9a-f]{4,}$")
"""The end of a row's name."""


class StoredRows:
    """The rows of a store, by their short names.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store) -> None:
        self.records = list(store.rows())
        self._names = RowNames.stored(store.path)

    def name(self, record: RowRecord) -> str:
        """Return the short name of a row."""
        return self._names.of(record["method"]["name"], record["row_key"])

    def find(self, text: str) -> RowRecord:
        """Return the row that a text means.

        Raises
        ------
        MerBenchError
            None, or several.
        """
        meant = [record for record in self.records if is_meant(text, record["method"]["name"], record["row_key"])]
        if len(meant) == 1:
            return meant[0]
        if meant:
            raise MerBenchError(
                f"several rows may be meant by {text!r}: {self.described(meant)}; type one of the names"
            )
        known = f"stored: {self.described(self.records)}" if self.records else "nothing is stored"
        raise MerBenchError(f"no stored row is called {text!r}{self._nearest(normalise_name(text))}; {known}")

    def of_method(self, method: str) -> list[RowRecord]:
        """Return the rows of a method.

        Raises
        ------
        MerBenchError
            There is none.
        """
        stored = sorted({record["method"]["name"] for record in self.records})
        name = normalise_name(method)
        if name not in stored:
            hint = did_you_mean(name, stored)
            raise MerBenchError(
                f"no row of method {method!r} is stored{hint}; stored: {', '.join(stored) or 'nothing'}"
            )
        return [record for record in self.records if record["method"]["name"] == name]

    def described(self, records: Sequence[RowRecord]) -> str:
        """Return rows as candidates to choose from, each with all that tells it apart."""
        return "; ".join(f"{self.name(record)} ({row_text(record)})" for record in records)

    def _nearest(self, wrong: str) -> str:
        """Return a hint at a name with the same digits, or without digits at a method: with others it is another row.

        A method with several rows is no row's name.
        """
        methods = [record["method"]["name"] for record in self.records]
        digits = _DIGITS.search(wrong)
        if digits is None:
            return did_you_mean(wrong, [method for method in methods if methods.count(method) == 1])
        names = map(self.name, self.records)
        return did_you_mean(wrong, [name for name in names if name.endswith(digits[0])])


def row_text(record: RowRecord) -> str:
    """Return all that tells a row from the others of its method: protocol, settings, selection rule and input."""
    parts = [protocol_text(record), settings_text(record), f"selection {stored_selection(record)}"]
    return ", ".join([*parts, f"input: {input_text(record)}"])


def protocol_text(record: RowRecord) -> str:
    """Return a row's protocol with its version: ``cde@1``."""
    return f"{record['protocol']['name']}@{record['protocol']['version']}"
