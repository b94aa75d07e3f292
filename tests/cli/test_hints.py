"""Hints on options that do not exist, and tables in narrow terminals."""

from __future__ import annotations

import pytest
from rich.console import Console
from support.bench import Bench

from mer_bench.cli import console


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("run -m ahmsa --batch 3", "use --set batch_size=3;"),
        ("run -m ahmsa --batch_size 3", "use --set batch_size=3;"),
        ("run -m ahmsa --weight-decay -1", "use --set weight_decay=-1;"),
        ("run -m ahmsa --epohcs -v", "use --set epochs=VALUE;"),
        ("run -m ahmsa --the 3", "No such option '--the' (did you mean one of: "),
        ("run -m ahmsa --preste quick", "(did you mean one of: '--preset'"),
        ("run -m lbp-top --epochs 3", "'--epochs': lbp-top has no parameter 'epochs';"),
        ("run -m lbp-top -m majority --epochs 3", "none of lbp-top, majority has a parameter 'epochs';"),
        ("data preprocess --layout htnet", "use --set layout=htnet;"),
        ("data preprocess --epochs 3", "this representation has no parameter 'epochs';"),
        ("run -m ahmsa --size 100", "use --preprocess size=100;"),
        ("run -m ahmsa --size tiny", "use --data-option size=tiny;"),
        ("data preprocess synthetic --size tiny", "use --data-option size=tiny;"),
        ("run -m majority --data FOLDER --maps in", "use --data-option maps=in;"),
        ("run -m majority --seeds 1_0", "--seeds '1_0' is not a whole number"),
        ("run -m majority --seeds ٣", "--seeds '٣' is not a whole number"),
    ],
)
def test_a_hint_names_what_the_methods_and_data_on_the_line_take(bench: Bench, line: str, hint: str) -> None:
    ended = bench(*line.split())

    assert (ended.code, hint in ended.errors[0]) == (2, True), ended.errors


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (20, ["name  what", "x-y-z red, blue,", "      green"]),
        (11, ["name  x-y-z", "what  red,", "      blue,", "      green"]),
    ],
)
def test_a_narrow_table_keeps_words_whole(monkeypatch: pytest.MonkeyPatch, width: int, lines: list[str]) -> None:
    monkeypatch.setattr(console, "console", lambda: Console(force_terminal=True, width=width, color_system=None))
    shown = [
        line for line in console.table_lines(("name", "what"), [("x-y-z", "red, blue, green")]) if "──" not in line
    ]

    assert [" ".join(line.split()) for line in shown] == [" ".join(line.split()) for line in lines]
