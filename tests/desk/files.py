"""The admin's files for a desk to change: copies of the demo company's, published."""

from __future__ import annotations

import shutil
from pathlib import Path

from sqlalchemy.engine import Engine

from ivr.assembly import make_published
from ivr.editing import FlowFiles
from ivr.settings import Settings

COMPANY = "name: Small\ntimezone: America/New_York\nstart: main\nperson: main\n"
MAIN = "start: hello\nsteps:\n  hello: {say: Welcome to a small company., next: end}\n"


def small_files(engine: Engine, folder: Path) -> FlowFiles:
    """As little as can be published, which is quick, with the demo company's hours."""
    flows, prompts = folder / "flows", folder / "prompts"
    flows.mkdir()
    (flows / "company.yaml").write_text(COMPANY)
    (flows / "main.yaml").write_text(MAIN)
    shutil.copy("flows/business_hours.yaml", flows)
    shutil.copytree("prompts/en", prompts / "en")
    return _published(engine, folder)


def admin_files(engine: Engine, folder: Path) -> FlowFiles:
    """The demo company's; below `folder`: flows, prompts and var."""
    shutil.copytree("flows", folder / "flows")
    shutil.copytree("prompts", folder / "prompts")
    return _published(engine, folder)


def _published(engine: Engine, folder: Path) -> FlowFiles:
    flows, prompts = folder / "flows", folder / "prompts"
    settings = Settings(_env_file=None, data_dir=folder / "var", flows_dir=flows, prompts_dir=prompts)
    published = make_published(settings, engine)
    published.publish(flows, prompts)
    return FlowFiles(settings, published)
