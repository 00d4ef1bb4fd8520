"""`.env.example` lists every setting with its default."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from dotenv import dotenv_values

from ivr.cli.settings import example
from ivr.settings import Settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"


def test_the_example_lists_every_setting_with_its_default() -> None:
    assert EXAMPLE.read_text() == example(), "run: callwright settings > .env.example"


def test_the_example_read_as_env_file_gives_the_defaults() -> None:
    text = "\n".join(line.removeprefix("#") if "=" in line.split(" ")[0] else line for line in example().splitlines())
    values = dotenv_values(stream=io.StringIO(text))
    assert values.keys() == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        assert values[name.upper()] == str(field.default)


def test_the_defaults_are_those_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_FROM", "somebody@example.com")
    monkeypatch.setenv("WEB_WORKERS", "7")
    assert (Settings().mail_from, Settings().web_workers) == ("somebody@example.com", 7)
    plain = Settings.defaults(web_workers=3)
    assert (plain.mail_from, plain.web_workers, plain.base_url) == ("", 3, "http://127.0.0.1:8080")
    assert {name: getattr(Settings.defaults(), name) for name in Settings.model_fields} == {
        name: field.default for name, field in Settings.model_fields.items()
    }
