"""The cache: checksummed entries, written atomically, safe for several processes, readable by their owner only."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mer_bench import cache as cache_module
from mer_bench.cache import Cache, Entry, cache_folder, content_digest
from mer_bench.errors import MerBenchError

KEY = "ab" + "0" * 62
ENTRY = Entry({"array": np.arange(12, dtype=np.float32).reshape(3, 4)}, {"aligned_by": "dlib"})


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def cache(tmp_path: Path, notices: list[str], monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("MER_BENCH_CACHE", str(tmp_path / "cache"))
    return Cache(tmp_path / "cache", notices.append)


@pytest.fixture
def file(tmp_path: Path, cache: Cache) -> Path:
    """A file that is hashed with a cache of its own."""
    path = tmp_path / "img1.jpg"
    path.write_bytes(b"one")
    return path


def test_an_entry_is_read_as_it_was_written(cache: Cache, notices: list[str]) -> None:
    assert cache.read("flow", KEY) is None
    cache.write("flow", KEY, ENTRY)
    cache.write("flow", KEY, ENTRY)
    entry = cache.read("flow", KEY)

    assert entry is not None
    np.testing.assert_array_equal(entry.arrays["array"], ENTRY.arrays["array"])
    assert (entry.arrays["array"].dtype, entry.facts) == (np.float32, {"aligned_by": "dlib"})
    assert [file.name for file in cache.folder.rglob("*") if file.is_file()] == [f"{KEY}.entry"]
    assert notices == []


@pytest.mark.parametrize("position", [0, 33, 40, 150], ids=["checksum", "length", "facts", "array"])
@pytest.mark.parametrize("truncated", [False, True])
def test_a_damaged_entry_is_noticed(cache: Cache, notices: list[str], position: int, truncated: bool) -> None:
    cache.write("flow", KEY, ENTRY)
    file = cache.path("flow", KEY)
    content = bytearray(file.read_bytes())
    content[position] ^= 4
    file.write_bytes(content[:position] if truncated else content)

    assert cache.read("flow", KEY) is None
    assert notices == [f"{file} is damaged; it is computed again"]


def test_an_entry_that_cannot_be_read_is_noticed(cache: Cache, notices: list[str]) -> None:
    cache.path("flow", KEY).mkdir(parents=True)

    assert cache.read("flow", KEY) is None
    assert notices == [f"{cache.path('flow', KEY)} cannot be read (Is a directory); it is computed again"]


@pytest.mark.parametrize("exists", [False, True])
def test_only_the_owner_can_read_what_it_creates(cache: Cache, exists: bool) -> None:
    if exists:
        cache.folder.mkdir(mode=0o755)
    cache.write("flow", KEY, ENTRY)

    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (cache.folder, *cache.folder.rglob("*"))}
    assert modes.pop(cache.folder) == (0o755 if exists else 0o700)
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_usage_and_clearing_concern_only_the_files_of_mer_bench(cache: Cache) -> None:
    cache.write("flow", KEY, ENTRY)
    cache.write("face", KEY, ENTRY)
    leftover = cache.folder / "face" / "ab" / f".{KEY[:50]}.0123456789abcdef01234567.tmp"
    leftover.write_bytes(b"half a face")
    releases = cache.folder / "synthetic"
    (releases / "3db-tiny-0-v1" / "SMIC").mkdir(parents=True)
    (releases / "3db-tiny-0-v1" / "SMIC" / "SYNTHETIC.txt").write_text("text")
    mine = cache.folder / "flow" / "ab" / f"{KEY}.entry.txt"
    mine.write_text("precious")
    size = cache.path("flow", KEY).stat().st_size

    assert cache.usage() == {"face": (2, size + 11), "flow": (1, size), "synthetic": (1, 4)}
    assert cache.clear() == 2 * size + 15
    assert cache.usage() == {}
    assert mine.read_text() == "precious"
    assert list(releases.iterdir()) == []


def test_several_processes_may_write_one_entry_at_once(cache: Cache) -> None:
    code = f"""
import numpy as np
from pathlib import Path
from mer_bench import cache as cache_module
from mer_bench.cache import Cache, Entry
for _ in range(60):
    cache = Cache(Path({str(cache.folder)!r}), print)
    cache.write("flow", {KEY!r}, Entry({{"array": np.ones((200, 200), np.float32)}}, {{}}))
    assert cache.read("flow", {KEY!r}) is not None
"""
    processes = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(2)]

    assert [process.communicate(timeout=60)[0] for process in processes] == [b""] * 2
    assert [process.returncode for process in processes] == [0] * 2


def test_a_folder_that_cannot_be_written_is_an_error_with_its_cure(cache: Cache) -> None:
    cache.folder.write_text("a file is here")

    with pytest.raises(
        MerBenchError, match=r"^the cache cannot be written: .*cache/flow/ab/ab0.*MER_BENCH_CACHE, and run"
    ):
        cache.write("flow", KEY, ENTRY)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"MER_BENCH_CACHE": "/a/b", "XDG_CACHE_HOME": "/c"}, "/a/b"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/mer-bench"),
        ({"HOME": "/home/me"}, "/home/me/.cache/mer-bench"),
        ({"HOME": "/home/me", "MER_BENCH_CACHE": "~/faces"}, "/home/me/faces"),
    ],
)
def test_the_environment_decides_the_folder(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    for name in ("MER_BENCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert cache_folder() == Path(expected)


def test_a_digest_depends_on_the_contents_and_their_order(file: Path) -> None:
    second, renamed = file.with_name("img2.jpg"), file.with_name("IMG01.JPG")
    renamed.write_bytes(b"one")
    second.write_bytes(b"two")
    before = content_digest([file, second])

    assert content_digest([renamed, second]) == before
    assert content_digest([second, file]) != before
    file.write_bytes(b"ONE")
    assert content_digest([file, second]) != before
    file.write_bytes(b"one")
    assert content_digest([file, second]) == before


@pytest.mark.parametrize("unwritable", [False, True])
def test_an_unchanged_file_is_read_again_only_if_the_cache_cannot_be_written(
    file: Path, monkeypatch: pytest.MonkeyPatch, unwritable: bool
) -> None:
    if unwritable:
        monkeypatch.setenv("MER_BENCH_CACHE", "/dev/null")
    before = content_digest([file])
    monkeypatch.setattr("mer_bench.cache.file_digest", lambda path: b"read again")

    assert (content_digest([file]) != before) == unwritable


def test_a_file_changed_without_its_time_stamp_is_read_again(file: Path) -> None:
    times = file.stat()
    before = content_digest([file])
    file.write_bytes(b"two")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert content_digest([file]) != before


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", bytes(32) + b'{"states": [], "digest": "1"}'])
def test_a_record_of_a_digest_that_is_none_is_not_used(file: Path, cache: Cache, damage: bytes) -> None:
    before = content_digest([file])
    (record,) = cache.folder.rglob("*.digest")
    good = record.read_bytes()
    record.write_bytes(damage)

    assert content_digest([file]) == before
    assert record.read_bytes() == good


def test_no_damaged_byte_of_a_record_changes_a_digest(
    file: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content_digest([file])
    (record,) = cache.folder.rglob("*.digest")
    good = record.read_bytes()
    hashed: list[Path] = []
    digest = cache_module.file_digest

    def counted(path: Path) -> bytes:
        hashed.append(path)
        return digest(path)

    monkeypatch.setattr(cache_module, "file_digest", counted)
    for position in range(len(good)):
        record.write_bytes(_flipped(good, position))
        assert content_digest([file]) == before

    assert len(hashed) == len(good)
    assert record.read_bytes() == good


def _flipped(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


def test_a_missing_file_is_an_error_with_its_cure(tmp_path: Path) -> None:
    with pytest.raises(MerBenchError, match=r"img1.jpg cannot be read \(No such file or directory\); restore it from"):
        content_digest([tmp_path / "img1.jpg"])
