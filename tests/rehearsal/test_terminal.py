"""Single keys on a real terminal: pressed as they are typed, secrets not shown, the terminal left as it was."""

from __future__ import annotations

import datetime as dt
import io
import os
import pty
import termios
from pathlib import Path

from rich.console import Console

from ivr.rehearsal.simulator import Simulator
from ivr.rehearsal.terminal import Terminal
from tests.flow import sample
from tests.rehearsal.test_simulator import answer


class Typist(io.StringIO):
    """The screen; types its answer to each hint when that appears (keys typed earlier are for the shell)."""

    def __init__(self, keyboard: int, answers: dict[str, bytes]) -> None:
        super().__init__()
        self.keyboard, self.answers = keyboard, answers

    def write(self, text: str) -> int:
        for hint in [hint for hint in self.answers if hint in text]:
            os.write(self.keyboard, self.answers.pop(hint))
        return super().write(text)


def talk(folder: Path, answers: dict[str, bytes]) -> tuple[str, Simulator]:
    keyboard, screen = pty.openpty()
    before = termios.tcgetattr(screen)
    try:
        with os.fdopen(screen, encoding="utf-8", closefd=False) as source:
            typist = Typist(keyboard, answers)
            terminal = Terminal(Console(file=typist, soft_wrap=True), source)
            begin = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)
            call = Simulator(sample.usable(folder), answer, begin=begin, on_heard=terminal.show)
            terminal.talk(call)
        assert termios.tcgetattr(screen) == before
        return typist.getvalue(), call
    finally:
        os.close(keyboard)
        os.close(screen)


def test_a_call_by_single_keys(tmp_path: Path) -> None:
    card = b"4242424242424242#"
    shown, call = talk(tmp_path, {"1 pay a bill": b"1", "4 keys": b"1234", "not shown": card})
    assert call.session.outcome == "completed"
    assert "You owe $84.50." in shown
    assert "4\n2\n4\n2" not in shown
    assert "•" in shown


def test_time_words_and_hanging_up(tmp_path: Path) -> None:
    shown, call = talk(tmp_path, {"1 pay a bill": b"\r\r/pay\n", "4 keys": b"\x04"})
    assert "Nothing came." in shown
    assert call.session.outcome == "hung_up"
