"""A results folder in which no check finds anything, and the same with one part changed.

A baseline, and two networks with two seeds each, on eight subjects: few mistakes, and each row's in other places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mer_bench.store import Store
from mer_bench.store.near_duplicates import NearDuplicates, write_near_duplicates
from mer_bench.store.schema import RowRecord
from mer_bench.store.verification import Outcome
from support.report_case import samples_of_subjects, verify
from support.store_factory import Predictor, always, make_row, manifest, new_store, write_seed

COUNTS = {
    "smic/s1": (5, 4, 3),
    "smic/s2": (2, 3, 6),
    "samm/006": (4, 2, 3),
    "samm/007": (3, 5, 2),
    "samm/011": (6, 2, 4),
    "casme2/sub01": (2, 6, 3),
    "casme2/sub02": (5, 3, 2),
    "casme2/sub05": (3, 2, 5),
}
"""Subject to the number of negative, positive and surprise samples."""

ALIKE: NearDuplicates = {"threshold": 0.95, "highest": 0.71, "found": 0, "pairs": []}


def all_but(*samples: str) -> Predictor:
    """Predict the truth, but another class for these samples."""
    return lambda key, truth: (truth + 1) % 3 if key in samples else truth


@dataclass
class Clean:
    """What `write` writes; a test changes a field, and has a folder with one fault.

    Parameters
    ----------
    rows : mapping of str to RowRecord
    predictors : mapping of str to sequence of Predictor
        One for each seed of a row.
    oracle : Predictor
        The first epoch of the networks.
    missing, failed : mapping of str to sequence of str
        Row to its folds that are missing in its last seed, or have failed.
    manifests : mapping of str to mapping
        Row to changes of the manifest of its run; the other rows share one run.
    alike : NearDuplicates or None
    verified : mapping of str to Outcome
        Row to the outcome of its verified cell; rows that it lacks have none.
    """

    rows: dict[str, RowRecord] = field(default_factory=lambda: records())
    predictors: dict[str, Sequence[Predictor]] = field(
        default_factory=lambda: {
            "floor": [always(0)],
            "one": [all_but("smic/s1/clip00"), all_but("smic/s1/clip00", "samm/006/clip21")],
            "two": [
                all_but(
                    "smic/s2/clip20", "casme2/sub02/clip00", "samm/011/clip20", "smic/s1/clip01", "samm/006/clip01"
                ),
                all_but(
                    "smic/s2/clip21", "casme2/sub02/clip01", "samm/011/clip21", "smic/s1/clip02", "samm/006/clip02"
                ),
            ],
        }
    )
    oracle: Predictor = field(default_factory=lambda: all_but())
    missing: Mapping[str, Sequence[str]] = field(default_factory=dict)
    failed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    manifests: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    alike: NearDuplicates | None = field(default_factory=lambda: ALIKE)
    verified: Mapping[str, Outcome] = field(
        default_factory=lambda: dict[str, Outcome](floor="same", one="same", two="within-spread")
    )

    def write(self, folder: Path) -> Store:
        """Write the store under a folder, and return it."""
        store = new_store(folder)
        shared = store.start_run(manifest())
        for name, row in self.rows.items():
            changes = self.manifests.get(name)
            run_id = shared if changes is None else store.start_run(manifest(**changes))
            predictors = self.predictors[name]
            for seed, predict in enumerate(predictors):
                is_last = seed == len(predictors) - 1
                write_seed(
                    store,
                    row,
                    predict,
                    seed=seed,
                    run_id=run_id,
                    missing=self.missing.get(name, ()) if is_last else (),
                    failed=self.failed.get(name, {}) if is_last else {},
                    oracle=self.oracle if row["trains_by_epoch"] else None,
                )
            if self.alike is not None:
                write_near_duplicates(store, row, self.alike)
            if name in self.verified:
                verify(store, row, {(0, next(iter(row["folds"]))): self.verified[name]})
        return store


def records(**changes: object) -> dict[str, RowRecord]:
    """Return the three rows; each gets the same changes of `make_row`'s arguments."""
    options = {"samples": samples_of_subjects(COUNTS), **changes}
    network: Callable[..., RowRecord] = make_row
    return {
        "floor": network("floor", deterministic=True, **options),
        "one": network("net-one", family="deep", epochs=True, **options),
        "two": network("net-two", family="deep", epochs=True, **options),
    }
