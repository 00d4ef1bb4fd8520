"""callwright ask: what a sentence is taken for, and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ivr.cli import main

ROOT = Path(__file__).parents[2]
DEMO = ("--flows", str(ROOT / "flows"))


def test_a_sentence_with_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "I want to pay fifty dollars on account one zero two zero three zero four zero", *DEMO]) == 0
    out = capsys.readouterr().out
    assert "pay_bill" in out
    assert "taken" in out
    assert "amount_said = 5000" in out
    assert "account_said = '10203040'" in out
    assert "make a payment" in out or "pay" in out


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "what are your hours today?", "--json", *DEMO]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["intent"] == "opening_hours"
    assert told["verdict"] == "taken"
    assert told["nearest"][0] == {"likeness": 1.0, "intent": "opening_hours", "example": "what are your hours today"}
    assert list(told["scores"].values()) == sorted(told["scores"].values(), reverse=True)


def test_what_isnt_understood(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "do pandas sing opera", *DEMO]) == 1
    assert "not understood" in capsys.readouterr().out


def test_in_another_language(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "¿a qué hora cierran hoy?", "-l", "es", "--json", *DEMO]) == 0
    assert json.loads(capsys.readouterr().out)["intent"] == "opening_hours"


@pytest.mark.parametrize("arguments", [["hello", "-l", "xx"], ["?!"], ["hello", "--flows", "nowhere"]])
def test_what_cant_be_asked(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    given = arguments if "--flows" in arguments else [*arguments, *DEMO]
    assert main(["ask", *given]) == 2
    assert "; " in capsys.readouterr().err
