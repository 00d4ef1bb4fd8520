"""Times of day, said, written and keyed."""

from __future__ import annotations

import pytest

from ivr.flow.understand.lexicon import lexicon
from ivr.flow.understand.times import times


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2:30 pm", ["14:30"]),
        ("2:30 PM.", ["14:30"]),
        ("2:30 p.m.", ["14:30"]),
        ("at two thirty in the afternoon", ["14:30"]),
        ("14:30", ["14:30"]),
        ("14.30", ["14:30"]),
        ("1430", ["14:30"]),
        ("0830", ["08:30"]),
        ("08:30", ["08:30"]),
        ("230", ["14:30", "02:30"]),
        ("half past two", ["14:30", "02:30"]),
        ("quarter to nine in the morning", ["08:45"]),
        ("a quarter past nine", ["09:15", "21:15"]),
        ("ten past three pm", ["15:10"]),
        ("twenty to one pm", ["12:40"]),
        ("three", ["15:00", "03:00"]),
        ("three o'clock", ["15:00", "03:00"]),
        ("around nine please", ["09:00", "21:00"]),
        ("nine oh five am", ["09:05"]),
        ("twelve", ["12:00", "00:00"]),
        ("12 am", ["00:00"]),
        ("12 pm", ["12:00"]),
        ("noon", ["12:00"]),
        ("at midnight", ["00:00"]),
        ("fifteen hundred minutes", []),
        ("25:00", []),
        ("9:75", []),
        ("tomorrow", []),
        ("", []),
        ("call me", []),
        ("to", []),
        ("past three", []),
    ],
)
def test_english(text: str, meant: list[str]) -> None:
    assert times(text, lexicon("en")) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a las tres de la tarde", ["15:00"]),
        ("las tres y media", ["15:30", "03:30"]),
        ("las tres y diez", ["15:10", "03:10"]),
        ("las tres y treinta y cinco de la tarde", ["15:35"]),
        ("las nueve menos cuarto de la mañana", ["08:45"]),
        ("a la una menos diez de la tarde", ["12:50"]),
        ("mediodía", ["12:00"]),
        ("las 9 y cuarto", ["09:15", "21:15"]),
        ("16:45", ["16:45"]),
        ("a las nueve por favor", ["09:00", "21:00"]),
        ("mañana", []),
    ],
)
def test_spanish(text: str, meant: list[str]) -> None:
    assert times(text, lexicon("es")) == meant
