"""A plugin with a reader of its own databases, and a protocol of one of them and SMIC."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from support.hostile import install

SOURCE = """
    import numpy as np
    from mer_bench import FACE_FLOW, DatabaseSpec, DataSource, ProtocolSpec, Sample, SampleTable, hookimpl
    from pathlib import Path


    class Lab(DataSource):
        native = FACE_FLOW

        @classmethod
        def recognises(cls, path):
            return (path / "lab.txt").exists()

        def read_samples(self):
            files = sorted(self.path.glob("*.npy"))
            return SampleTable(Sample(*file.stem.split("_"), file.name) for file in files)

        def load(self, sample_id):
            (file,) = self.path.glob("_".join(sample_id.split("/")) + "_*.npy")
            return np.load(file)

        def digest(self, sample_id):
            return sample_id


    @hookimpl
    def mer_bench_databases():
        return (DatabaseSpec("lab", "Lab", "lab_plugin_mer_bench:Lab"),)


    @hookimpl
    def mer_bench_protocols():
        folder = Path(__file__).parent
        return [ProtocolSpec(file.stem, file) for file in sorted(folder.glob("*.toml"))]
"""

PROTOCOL = """
name = "lab-and-smic"
version = 1
title = "Two databases"
reference = "none"
classes = ["negative", "positive", "surprise"]
split = "leave-one-subject-out"
selection = "last"
absent-class = "exclude"

[slices]
full = ["mmew", "smic"]

[databases.mmew]
emotions = { negative = "negative", positive = "positive", surprise = "surprise" }
dropped = []

[databases.smic]
emotions = { negative = "negative", positive = "positive", surprise = "surprise" }
dropped = []
"""

FILES = ("mmew_p1_a_negative", "mmew_p1_b_positive", "mmew_p2_c_surprise", "4dme_q1_d_negative", "smic_s1_e_positive")


@contextmanager
def installed_lab(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install the plugin during a ``with`` block; yield the folder of its protocols."""
    install(folder, "lab-plugin", {"lab_plugin_mer_bench": SOURCE})
    (folder / "lab-and-smic.toml").write_text(PROTOCOL, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    sys.modules.pop("lab_plugin_mer_bench", None)


def write_lab_data(folder: Path) -> Path:
    """Write a map for each of `FILES`."""
    folder.mkdir()
    (folder / "lab.txt").write_text("")
    for number, name in enumerate(FILES):
        np.save(folder / f"{name}.npy", np.full((28, 28, 3), number, dtype=np.float32))
    return folder
