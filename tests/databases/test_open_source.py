"""From ``--data`` to a source: the right reader, a diagnosis if there is none, and never a traceback of a reader."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.bench import Bench
from support.flow_data import write_flow_data
from support.hostile import install

from mer_bench import MerBenchError
from mer_bench.databases.open import open_source
from mer_bench.plugin_manager import Catalogue, load_catalogue

READER = """
    from pathlib import Path

    import numpy as np
    from mer_bench import Clip, DatabaseSpec, DataSource, InputFacts, Sample, SampleTable, hookimpl


    class Skipped(BaseException):
        pass


    class Reader(DataSource):
        native = "face-flow"
        made = []

        @classmethod
        def recognises(cls, path):
            return (path / "zoo.txt").exists()

        def read_samples(self):
            rows = [("smic", f"s{{i}}", f"s{{i}}_{{emotion}}", emotion)
                    for i in (1, 2) for emotion in ("negative", "positive", "surprise")]
            return SampleTable(Sample(*row, "zoo") for row in rows)

        def load(self, sample_id):
            return np.zeros((28, 28, 3), dtype=np.float32)

        def digest(self, sample_id):
            return sample_id


    class Broken(Reader):
        {flaw}


    @hookimpl
    def mer_bench_databases():
        return (DatabaseSpec("zoo", "Zoo", "zoo_reader:Broken"),)
"""

FLAWS = {
    "a constructor that raises": ("def __init__(self, path, options): raise KeyError('path')", "its constructor"),
    "a caveat for caveats": ("caveats = 'zoo'", "caveats is 'zoo', not a tuple of texts"),
    "samples that raise": ("def read_samples(self): return {}['x']", "read_samples failed (KeyError: 'x')"),
    "samples that skip": ("def read_samples(self): raise Skipped('no h5py')", "(Skipped: no h5py)"),
    "samples that are not text": (
        "def read_samples(self): return SampleTable([Sample('smic', 1, 'a', 'negative', 'zoo')])",
        "holds something that is not text",
    ),
    "a digest of bytes": ("def digest(self, sample_id): return b'x'", "it returned bytes, not str"),
    "a representation that no method is handed as it is": ("native = 'flow'", "native is 'flow', neither"),
    "frames that are no paths": (
        "native = 'clip'\n    def clip(self, sample_id): return Clip(sample_id, ('a.png',), 0)",
        "the frames that it returned are not a tuple of Path objects",
    ),
    "an apex outside the clip": (
        "native = 'clip'\n    def clip(self, sample_id): return Clip(sample_id, (Path('a.png'),), 1)",
        "it returned apex 1 of 1 frames",
    ),
    "facts that raise": ("def input_facts(self): 1 / 0", "input_facts failed (ZeroDivisionError: "),
    "facts that are a name": ("def input_facts(self): return 'Zoo'", "it returned str, not InputFacts"),
    "facts without a name": ("def input_facts(self): return InputFacts(' ')", "name is empty"),
    "facts that clear the screen": (
        "def input_facts(self): return InputFacts('Zoo', licence='\\x1b[2J')",
        "licence is '\\x1b[2J', not one line of text",
    ),
    "channels that are one text": (
        "def input_facts(self): return InputFacts('Zoo', channels='uvs')",
        "channels is 'uvs', not a tuple of texts",
    ),
    "a load that raises": ("def load(self, sample_id): 1 / 0", " failed (ZeroDivisionError: division by zero)"),
    "a load that gives nothing": (
        "def load(self, sample_id): pass",
        ": the data's reader gave None",
    ),
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    sys.modules.pop("zoo_reader", None)


def install_zoo(site: Path, flaw: str = "pass") -> None:
    install(site, "zoo-reader", {"zoo_reader": textwrap.dedent(READER).format(flaw=flaw)})
    Path("zoo").mkdir()
    Path("zoo", "zoo.txt").write_text("")


ZOO_RUN = ("run", "--data", "zoo", "-p", "loso-smic", "--allow-partial", "-m", "majority", "--jobs", "1", "--json")


@pytest.mark.parametrize("case", FLAWS)
def test_a_broken_reader_gives_one_sentence(bench: Bench, site: Path, case: str) -> None:
    flaw, complaint = FLAWS[case]
    install_zoo(site, flaw)
    ended = bench(*ZOO_RUN, "--results", bench.results)

    assert ended.code == 2, ended.err
    assert len(ended.errors) == 1
    assert complaint in ended.errors[0]
    assert "Traceback" not in ended.out + ended.err


def test_the_sentence_names_database_call_and_cure(site: Path) -> None:
    install_zoo(site, FLAWS["samples that raise"][0])
    complaint = (
        "database zoo: read_samples failed .KeyError: 'x'.; correct the data, or report it to the reader's author"
    )

    with pytest.raises(MerBenchError, match=f"^{complaint}$"):
        open_source("zoo", {}, load_catalogue()).read_samples()


def test_an_interrupt_is_not_caught(site: Path) -> None:
    install_zoo(site, "def read_samples(self): raise KeyboardInterrupt")

    with pytest.raises(KeyboardInterrupt):
        open_source("zoo", {}, load_catalogue()).read_samples()


def test_a_reader_that_works_is_used_and_its_folder_may_hold_a_csv(site: Path) -> None:
    install_zoo(site)
    Path("zoo", "index.csv").write_text("name,age\n")

    assert len(open_source("zoo", {}, load_catalogue()).read_samples()) == 6


def test_a_reader_that_fails_while_it_is_asked_does_not_stop_the_others(site: Path) -> None:
    install_zoo(site, "@classmethod\n    def recognises(cls, path): raise Skipped('no h5py')")
    write_flow_data(Path("maps"))

    assert len(open_source("maps", {}, load_catalogue()).read_samples()) == 9
    with pytest.raises(MerBenchError, match=r"reader zoo failed: Skipped: no h5py"):
        open_source("zoo", {}, load_catalogue())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"dataset,sub,filename_o,lable\n", "row 1 names the column 'label' 0 times"),
        ("dataset\n".encode("utf-16"), "is not UTF-8 text"),
        (b"", "has no rows"),
    ],
)
def test_maps_with_labels_that_cannot_be_read_get_the_reader_s_diagnosis(content: bytes, complaint: str) -> None:
    labels = write_flow_data(Path("maps")) / "labels.csv"
    labels.write_bytes(content)

    with pytest.raises(MerBenchError, match=rf"labels\.csv {complaint}"):
        open_source("maps", {}, load_catalogue()).read_samples()
    labels.unlink()
    with pytest.raises(MerBenchError, match="has no CSV of labels"):
        open_source("maps", {}, load_catalogue()).read_samples()


@pytest.mark.parametrize("data", ["synthetic", "folder"])
def test_data_whose_readers_are_blocked_names_the_plugin(data: str) -> None:
    Path("folder").mkdir()
    catalogue = load_catalogue(blocked=["databases"])

    with pytest.raises(MerBenchError) as caught:
        open_source(data, {}, catalogue)
    message = str(caught.value)
    assert "plugin 'databases' of mer-bench" in message
    assert message.endswith("is blocked: blocked by the caller; see `mer-bench plugins`")


def test_without_any_reader_the_message_has_no_empty_list() -> None:
    nothing = Catalogue({}, {}, {}, {}, {}, {}, (), {})

    with pytest.raises(MerBenchError, match=r"^--data synthetic does not exist; name a folder$"):
        open_source("synthetic", {}, nothing)
    with pytest.raises(MerBenchError, match=r"reads \(no reader is installed\)$"):
        open_source(os.curdir, {}, nothing)


def test_the_seed_of_synthetic_data_is_bounded() -> None:
    parameters = load_catalogue().database("synthetic-maps").parameters
    assert [parameter.maximum for parameter in parameters if parameter.name == "seed"] == [2**32 - 1]
