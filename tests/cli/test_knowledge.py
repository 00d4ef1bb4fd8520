"""callwright knowledge: which article answers a question, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ivr.cli import main

ROOT = Path(__file__).parents[2]
DEMO = ("--flows", str(ROOT / "flows"))


def test_a_question_with_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["knowledge", "how do I read the meter?", *DEMO]) == 0
    out = capsys.readouterr().out
    assert out.startswith("told\n")
    assert "black figures" in " ".join(out.split())
    assert "meter_reading" in out


def test_one_that_is_asked_about_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["knowledge", "where do I find my meter", *DEMO]) == 0
    assert "asked about first" in capsys.readouterr().out


@pytest.mark.parametrize("question", ["do you sell tulips", "?", "[red]x[/red]"])
def test_nobody_knows(question: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["knowledge", question, *DEMO]) == 1
    assert "not known" in capsys.readouterr().out


def test_as_json_in_another_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["knowledge", "el agua huele a cloro", "-l", "es", "--json", "--day", "2026-11-22", *DEMO]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "told"
    assert told["found"][0]["article"] == "water_quality"
    assert told["found"][0]["nearest"] == "el agua huele a cloro"


@pytest.mark.parametrize("more", [("-l", "fr"), ("--day", "tomorrow"), ("--flows", "nowhere")])
def test_what_cant_be_asked(more: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["knowledge", "x", *(more if "--flows" in more else (*more, *DEMO))]) == 2
    assert "; " in capsys.readouterr().err
