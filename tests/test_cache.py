"""The cache: checksummed entries, written whole, safe for several processes, and its owner's alone."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mer_bench.cache import Cache, Entry, cache_folder, content_digest
from mer_bench.errors import MerBenchError

KEY = "ab" + "0" * 62
ENTRY = Entry({"array": np.arange(12, dtype=np.float32).reshape(3, 4)}, {"aligned_by": "dlib"})


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_what_is_written_is_read(cache: Cache) -> None:
    cache.write("flow", KEY, ENTRY)
    entry = cache.read("flow", KEY)

    assert entry is not None
    np.testing.assert_array_equal(entry.arrays["array"], ENTRY.arrays["array"])
    assert (entry.arrays["array"].dtype, entry.facts) == (np.float32, {"aligned_by": "dlib"})


def test_what_is_not_there_is_none_without_a_word(tmp_path: Path) -> None:
    notices: list[str] = []

    assert Cache(tmp_path, notices.append).read("flow", KEY) is None
    assert notices == []


@pytest.mark.parametrize("position", [0, 33, 40, -1], ids=["checksum", "length", "facts", "array"])
def test_a_flipped_bit_anywhere_is_noticed(tmp_path: Path, position: int) -> None:
    notices: list[str] = []
    cache = Cache(tmp_path, notices.append)
    cache.write("flow", KEY, ENTRY)
    file = cache.path("flow", KEY)
    content = bytearray(file.read_bytes())
    content[position] ^= 4
    file.write_bytes(content)

    assert cache.read("flow", KEY) is None
    assert notices == [f"{file} is damaged; it is computed again"]


@pytest.mark.parametrize("size", [0, 10, 35, 60])
def test_a_cut_entry_is_noticed(tmp_path: Path, size: int) -> None:
    notices: list[str] = []
    cache = Cache(tmp_path, notices.append)
    cache.write("flow", KEY, ENTRY)
    file = cache.path("flow", KEY)
    file.write_bytes(file.read_bytes()[:size])

    assert cache.read("flow", KEY) is None
    assert len(notices) == 1


def test_the_folder_is_its_owner_s_alone(cache: Cache) -> None:
    cache.write("flow", KEY, ENTRY)

    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (cache.folder, *cache.folder.rglob("*"))}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_in_a_folder_that_others_may_read_its_content_is_still_its_owner_s_alone(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.write("flow", KEY, ENTRY)

    assert stat.S_IMODE((tmp_path / "flow").stat().st_mode) == 0o700
    assert stat.S_IMODE(cache.path("flow", KEY).stat().st_mode) == 0o600


def test_a_relative_folder_is_taken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Cache(Path("mine")).write("flow", KEY, ENTRY)

    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert [path.name for path in Path("mine").iterdir()] == ["flow"]


def test_what_a_killed_process_left_and_synthetic_releases_are_cleaned_too(cache: Cache) -> None:
    cache.write("frames", KEY, ENTRY)
    (cache.folder / "frames" / "ab" / f".{KEY[:50]}.0123456789abcdef.tmp").write_bytes(b"half a face")
    release = cache.folder / "synthetic" / "3db-tiny-0-v1" / "SMIC"
    release.mkdir(parents=True)
    (release / "SYNTHETIC.txt").write_text("made up")

    assert {kind: files for kind, (files, _) in cache.usage().items()} == {"frames": 2, "synthetic": 1}
    assert cache.clear() > 0
    assert cache.usage() == {}
    assert not (cache.folder / "synthetic" / "3db-tiny-0-v1").exists()


def test_a_digest_needs_no_cache_that_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "img1.jpg").write_bytes(b"one")
    before = content_digest([tmp_path / "img1.jpg"])
    monkeypatch.setenv("MER_BENCH_CACHE", "/dev/null")

    assert content_digest([tmp_path / "img1.jpg"]) == before


def test_no_temporary_file_is_left(cache: Cache) -> None:
    cache.write("flow", KEY, ENTRY)
    cache.write("flow", KEY, ENTRY)

    assert [file.name for file in cache.folder.rglob("*") if file.is_file()] == [f"{KEY}.entry"]


def test_several_processes_may_write_one_entry_at_once(cache: Cache) -> None:
    code = f"""
import numpy as np
from pathlib import Path
from mer_bench.cache import Cache, Entry
for _ in range(60):
    cache = Cache(Path({str(cache.folder)!r}), print)
    cache.write("flow", {KEY!r}, Entry({{"array": np.ones((200, 200), np.float32)}}, {{}}))
    assert cache.read("flow", {KEY!r}) is not None
"""
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(3)]

    assert [process.communicate(timeout=60)[0] for process in processes] == [b""] * 3
    assert [process.returncode for process in processes] == [0] * 3


def test_a_folder_that_cannot_be_written_is_told_with_its_cure(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file stands here")

    with pytest.raises(MerBenchError, match=r"^the cache cannot be written: .*cache/flow/ab/ab0.*MER_BENCH_CACHE$"):
        Cache(tmp_path / "cache").write("flow", KEY, ENTRY)


def test_its_size_is_counted_by_kind_and_cleaning_removes_its_own_files_alone(cache: Cache) -> None:
    cache.write("flow", KEY, ENTRY)
    cache.write("face", KEY, ENTRY)
    mine = cache.folder / "flow" / "ab" / "thesis.txt"
    mine.write_text("precious")
    size = cache.path("flow", KEY).stat().st_size

    assert cache.usage() == {"face": (1, size), "flow": (1, size)}
    assert cache.clear() == 2 * size
    assert cache.usage() == {}
    assert mine.read_text() == "precious"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"MER_BENCH_CACHE": "/a/b"}, "/a/b"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/mer-bench"),
        ({"HOME": "/home/me"}, "/home/me/.cache/mer-bench"),
        ({"HOME": "/home/me", "MER_BENCH_CACHE": "~/faces"}, "/home/me/faces"),
    ],
)
def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str) -> None:
    for name in ("MER_BENCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert cache_folder() == Path(expected)


def test_a_digest_follows_the_contents_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    first, second, renamed = tmp_path / "img1.jpg", tmp_path / "img2.jpg", tmp_path / "IMG01.JPG"
    renamed.write_bytes(b"one")
    first.write_bytes(b"one")
    second.write_bytes(b"two")
    before = content_digest([first, second])

    assert content_digest([first, second]) == content_digest([renamed, second]) == before
    assert content_digest([second, first]) != before
    first.write_bytes(b"ONE")
    assert content_digest([first, second]) != before
    first.write_bytes(b"one")
    assert content_digest([first, second]) == before


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "img1.jpg"
    file.write_bytes(b"one")
    before = content_digest([file])

    def refuse(path: Path) -> bytes:
        raise AssertionError(path)

    monkeypatch.setattr("mer_bench.cache.file_digest", refuse)

    assert content_digest([file]) == before


def test_a_file_changed_behind_an_old_time_stamp_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "img1.jpg"
    file.write_bytes(b"one")
    times = file.stat()
    before = content_digest([file])
    file.write_bytes(b"two")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert content_digest([file]) != before


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"states": 1}', b"\xff"])
def test_a_damaged_memory_of_digests_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "img1.jpg"
    file.write_bytes(b"one")
    before = content_digest([file])
    for memory in (tmp_path / "cache").rglob("*.json"):
        memory.write_bytes(damage)

    assert content_digest([file]) == before


def test_a_missing_file_is_told_with_its_cure(tmp_path: Path) -> None:
    with pytest.raises(MerBenchError, match=r"img1.jpg cannot be read \(No such file or directory\); restore it from"):
        content_digest([tmp_path / "img1.jpg"])
