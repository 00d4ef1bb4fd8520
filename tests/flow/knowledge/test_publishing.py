"""Articles belong to a published version: rolled back with it, and there when another file is changed."""

from __future__ import annotations

from pathlib import Path

from callcenter.db import migrate, open_database
from ivr.assembly import make_published
from ivr.editing import FlowFiles
from ivr.settings import Settings
from tests.flow.knowledge.support import METER

MAIN = (
    "start: hello\nsteps:\n  hello: {ask: 'What?', as: text, into: question, exits: {done: look, unsupported: end}}\n"
)
LOOK = "  look: {knowledge: question, tags: [meters], exits: {answered: end, not_helped: end, unknown: end}}\n"


def test_articles_are_published_rolled_back_and_checked_with_the_flows(tmp_path: Path) -> None:
    flows, prompts = tmp_path / "flows", tmp_path / "prompts"
    (flows / "knowledge" / "en").mkdir(parents=True)
    article = flows / "knowledge" / "en" / "meter.md"
    article.write_text(METER)
    (flows / "company.yaml").write_text("name: Small\nperson: main\n")
    (flows / "main.yaml").write_text(MAIN + LOOK)
    (prompts / "en").mkdir(parents=True)
    settings = Settings(_env_file=None, data_dir=tmp_path / "var", flows_dir=flows, prompts_dir=prompts)
    engine = open_database(f"sqlite:///{tmp_path}/a.db")
    migrate(engine)
    first = make_published(settings, engine).publish(flows, prompts).hash
    article.write_text(METER.replace("Write down the black figures.", "Write down all figures."))
    files = FlowFiles(settings, make_published(settings, engine))
    assert files.unpublished() == ("flows/knowledge/en/meter.md",)
    make_published(settings, engine).publish(flows, prompts)

    def answer() -> str:
        """As a process that has just started tells it."""
        found = make_published(settings, engine).current().knowledge.get("meter", "en")
        assert found is not None
        return found.answer

    assert answer() == "Write down all figures."
    assert files.unpublished() == ()
    # A page changes another file: the articles are still those that were published.
    files.change("main.yaml", lambda text: text.replace("What?", "What is it?"), ())
    assert answer() == "Write down all figures."
    make_published(settings, engine).roll_back(first)
    assert answer() == "Write down the black figures."
    engine.dispose()
