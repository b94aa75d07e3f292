from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from mer_bench.config import Config, load_config
from mer_bench.errors import MerBenchError


def test_the_file_here_overrides_the_user_s_own_and_a_named_one_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = load_config()
    home = Path(os.environ["XDG_CONFIG_HOME"], "mer-bench")
    home.mkdir()
    (home / "config.toml").write_text("jobs = 5")
    users = load_config()
    (tmp_path / "mer-bench.toml").write_text("jobs = 3")

    here = load_config()
    (tmp_path / "mine.toml").write_text("device = 'cpu'")
    monkeypatch.setenv("MER_BENCH_CONFIG", str(tmp_path / "mine.toml"))

    assert [none, users, here, load_config()] == [Config(), Config(jobs=5), Config(jobs=3), Config(device="cpu")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "job = 3",
            r"unknown key 'job' \(did you mean 'jobs'\?\); known: data, data-options, preprocess, results, jobs",
        ),
        ("jobs = 0", r"jobs = 0 is not a whole number of at least 1"),
        ("preprocess = 192", r"preprocess = 192 is not a table"),
        ('data-options = { maps = "a\\u0000b" }', r"maps = 'a\\x00b' contains a NUL character; remove it"),
    ],
)
def test_a_slip_in_the_file_is_refused_with_key_and_value(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mer-bench.toml").write_text(text)
    with pytest.raises(MerBenchError, match=rf"^config file mer-bench\.toml.*{message}") as caught:
        load_config()
    assert "\n" not in str(caught.value)


def test_relative_folders_are_taken_from_the_file_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "elsewhere"
    (folder / "maps").mkdir(parents=True)
    (folder / "mer-bench.toml").write_text("data = 'maps'\nresults = 'out'")
    monkeypatch.setenv("MER_BENCH_CONFIG", str(folder / "mer-bench.toml"))

    assert load_config() == Config(data=str(folder / "maps"), results=str(folder / "out"))


@pytest.mark.parametrize(
    ("data", "located"), [("synthetic", "synthetic"), ("~/maps", "{home}/maps"), ("/maps", "/maps")]
)
def test_a_name_a_home_and_an_absolute_folder_are_not(tmp_path: Path, data: str, located: str) -> None:
    (tmp_path / "mer-bench.toml").write_text(f"data = '{data}'\nresults = '~/out'")
    home = os.environ["HOME"]

    assert load_config() == Config(data=located.format(home=home), results=f"{home}/out")


def test_the_environment_s_data_overrides_the_file_s_with_its_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mer-bench.toml").write_text("data = 'maps'\n[data-options]\nchannel_order = 'u,os,v'")
    of_the_file = load_config()
    monkeypatch.setenv("MER_BENCH_DATA", "synthetic")

    assert of_the_file == Config(data="maps", data_options={"channel_order": "u,os,v"})
    assert load_config() == Config(data="synthetic")


def test_a_user_without_home_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(pwd, "getpwuid", nobody)

    assert load_config() == Config()
