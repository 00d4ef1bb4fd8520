"""What is logged, and what never is."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from ivr.logs import about, configure, mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("card 4242424242424242.", "card ••••."),
        ("4242 4242 4242 4242", "••••"),
        ("4242-4242-4242-4242!", "••••!"),
        ("call +15550123456", "call +15550123456"),
        ("4242424242424241", "4242424242424241"),
        ("CA42424242424242424242424242424242", "CA42424242424242424242424242424242"),
        ("2026-11-22 01:48:01", "2026-11-22 01:48:01"),
    ],
)
def test_card_numbers_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_traceback_shows_no_card(logged: io.StringIO, format: str) -> None:
    out = io.StringIO()
    configure(format, stream=out)
    card = "4242424242424242"
    try:
        raise ValueError(card)
    except ValueError:
        structlog.get_logger("test").exception("broken", given=card)
        logging.getLogger("library").exception("broken with %s", card)
    assert "ValueError" in out.getvalue()
    assert card not in out.getvalue()


def test_the_call_s_ids_are_in_every_line(logged: io.StringIO) -> None:
    with about(call="CA1", session="s1"):
        structlog.get_logger("ours").info("one")
        logging.getLogger("theirs").warning("two")
    logging.getLogger("theirs").warning("three")
    one, two, three = (json.loads(line) for line in logged.getvalue().splitlines())
    assert (one["call"], one["session"], two["call"]) == ("CA1", "s1", "CA1")
    assert "call" not in three


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="LOG_FORMAT"):
        configure("xml")


@pytest.mark.parametrize("how", ["structlog", "standard"])
def test_a_stranger_draws_no_lines_and_steers_no_terminal(logged: io.StringIO, how: str) -> None:
    """In what is shown to people; JSON has no such lines."""
    said = "call a\nforged \x1b[2J\x9b31m"
    out = io.StringIO()
    configure("console", stream=out)
    try:
        raise ValueError(said)
    except ValueError:
        if how == "structlog":
            structlog.get_logger("test").exception(said, given=said)
        else:
            logging.getLogger("library").exception("%s", said)
    assert r"call a\nforged \x1b[2J\x9b31m" in out.getvalue().splitlines()[0]
    assert "ValueError" in out.getvalue()
    assert not {"\x1b", "\x9b"} & set(out.getvalue())
