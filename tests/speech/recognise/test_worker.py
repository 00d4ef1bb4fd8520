"""The worker's protocol, and that no word ends up where it does not belong."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from ivr.speech.recognise.worker import serve, want_from
from tests.speech.recognise.fakes import FakeRecogniser


def answers(*requests: tuple[dict[str, Any], bytes]) -> list[dict[str, Any]]:
    given = b"".join(
        json.dumps({**request, **({"bytes": len(frames)} if frames else {})}).encode() + b"\n" + frames
        for request, frames in requests
    )
    out = io.BytesIO()
    serve(FakeRecogniser(), io.BytesIO(given), out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_utterances_are_kept_apart() -> None:
    got = answers(
        ({"do": "open", "id": 1, "want": {"kind": "open"}}, b""),
        ({"do": "open", "id": 2, "want": {"kind": "open"}}, b""),
        ({"do": "feed", "id": 1}, b"pay\n"),
        ({"do": "feed", "id": 2}, b"agent"),
        ({"do": "finish", "id": 2}, b""),
        ({"do": "cancel", "id": 1}, b""),
        ({"do": "finish", "id": 1}, b""),
        ({"do": "feed", "id": 7}, b"nobody"),
    )
    assert got[:2] == [{"id": 1, "partial": "pay\n"}, {"id": 2, "partial": "agent"}]
    assert got[2]["heard"]["text"] == "agent"
    assert len(got) == 3


def test_an_error_names_its_kind_and_nothing_that_was_said(capfd: pytest.CaptureFixture[str]) -> None:
    got = answers(
        ({"do": "open", "id": 1, "want": {"kind": "card", "secret": True}}, b""),
        ({"do": "feed", "id": 1}, b"boom"),
        ({"do": "finish", "id": 1}, b""),
        ({"do": "open", "id": 2, "want": {"kind": "open"}}, b""),
        ({"do": "finish", "id": 2}, b""),
    )
    assert got[1] == {"id": 1, "failed": "ValueError in the fake recogniser"}
    assert got[2]["id"] == 2
    assert capfd.readouterr() == ("", "")


def test_a_want_survives_the_journey_and_unknown_fields_do_no_harm() -> None:
    want = want_from({"kind": "menu", "phrases": ["a", "b"], "at_most": 3, "from_the_future": True})
    assert want.phrases == ("a", "b")
    assert want.at_most == 3
