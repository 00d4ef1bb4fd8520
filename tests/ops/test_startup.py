"""What is there before calls are answered."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from sqlalchemy.engine import Engine

from callcenter.db import migrate, open_database, reading
from callcenter.tables import accounts
from ivr.actions import specs
from ivr.published import Published
from ivr.settings import Settings
from ivr.startup import DEMO_COMPANY, import_demo

TODAY = date(2026, 11, 23)
FLOWS = Path(__file__).parents[2] / "flows"


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    made = open_database(f"sqlite:///{tmp_path}/callwright.db")
    migrate(made)
    return made


def test_only_the_demo_company_gets_the_demos_bills(engine: Engine) -> None:
    settings = Settings.defaults()
    assert import_demo(engine, settings, "Smile Dental", TODAY) is None
    assert import_demo(engine, Settings.defaults(billing_url="https://bills.example"), DEMO_COMPANY, TODAY) is None
    with reading(engine) as connection:
        assert connection.execute(sa.select(accounts)).all() == []
    made = import_demo(engine, settings, yaml.safe_load((FLOWS / "company.yaml").read_text())["name"], TODAY)
    assert made is not None
    assert made.accounts > 0
    assert import_demo(engine, settings, DEMO_COMPANY, TODAY) is None


def test_a_company_without_prompts_of_its_own_is_read_back_by_other_processes(engine: Engine, tmp_path: Path) -> None:
    flows, prompts = tmp_path / "flows", tmp_path / "prompts"
    flows.mkdir()
    (prompts / "en").mkdir(parents=True)
    (flows / "company.yaml").write_text("name: Smile Dental\nperson: main\n")
    (flows / "main.yaml").write_text("steps: {bye: {hang_up: Goodbye.}}\n")
    made = Published(engine, specs(), tmp_path / "here").publish(flows, prompts)
    other = Published(engine, specs(), tmp_path / "there")
    assert other.current().texts == made.texts
    assert made.texts["en"]["system.yes"] == "yes"
    assert sorted(other.files(made.hash)) == ["flows/company.yaml", "flows/main.yaml"]
