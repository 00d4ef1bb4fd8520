"""Health, metrics and the front page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask.testing import FlaskClient

from tests.twilio.support import TOKEN, Line, line, settings


def test_the_front_page_tells_what_runs_and_nothing_of_callers(phone_line: Line) -> None:
    phone_line.call(caller="+15550123456")
    answer = phone_line.app.test_client().get("/")
    assert answer.status_code == 200
    assert "Riverbend Water and Power" in answer.text
    assert "https://voice.example.com/twilio/voice" in answer.text
    assert "+15550123456" not in answer.text
    assert TOKEN not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "http" not in answer.text.replace("https://voice.example.com", "")
    with phone_line.app.test_client().get("/static/page.css") as style:
        assert style.status_code == 200


def health(client: FlaskClient) -> tuple[int, dict[str, Any]]:
    answer = client.get("/healthz")
    return answer.status_code, answer.get_json()


def test_health_says_what_is_wrong(phone_line: Line) -> None:
    client = phone_line.app.test_client()
    status, found = health(client)
    assert status == 200
    assert found["database"] == found["flows"] == "ok"
    with phone_line.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM flow_versions"))
    status, found = health(client)
    assert (status, found["flows"]) == (503, "NothingPublished")
    assert client.get("/").status_code == 200


def test_a_dead_database_is_unhealthy(tmp_path: Path) -> None:
    made = line(settings(tmp_path))
    try:
        (tmp_path / "callwright.db").write_bytes(b"no database" * 1000)
        made.runner.engine.dispose()
        status, found = health(made.app.test_client())
        assert (status, found["database"]) == (503, "DatabaseError")
        assert "the database can&#39;t be reached" in made.app.test_client().get("/").text
    finally:
        made.close()


def test_metrics_count_turns(phone_line: Line) -> None:
    phone_line.call().press("1")
    text = phone_line.app.test_client().get("/metrics").text
    assert 'callwright_steps_total{channel="twilio"}' in text


def test_unknown_pages_are_404(phone_line: Line) -> None:
    assert phone_line.app.test_client().get("/nothing").status_code == 404
