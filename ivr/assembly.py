"""The parts put together from the settings: the one place that web, SIP, jobs and commands share."""

from __future__ import annotations

from sqlalchemy.engine import Engine

from callcenter.db import open_database
from ivr.actions import specs
from ivr.prompts.catalogue import Catalogue
from ivr.published import Published
from ivr.runner import Runner
from ivr.settings import Settings
from ivr.speech.recognise.service import RecognitionService
from ivr.speech.renderer import Renderer
from ivr.vault import Vault


def make_published(settings: Settings, engine: Engine) -> Published:
    return Published(engine, specs(), settings.data_dir / "versions")


def make_runner(settings: Settings) -> Runner:
    """A runner on the settings' database, which must be migrated. Raises `ValueError` for a wrong setting."""
    engine = open_database(settings.database)
    return Runner(engine, make_published(settings, engine), Vault.from_setting(settings.seal_key), settings)


def make_renderer(settings: Settings) -> Renderer:
    """Raises `FlowError` where the prompts can't be read."""
    return Renderer(settings.audio_dir, Catalogue.load(settings.prompts_dir))


def make_recognition(settings: Settings, renderer: Renderer) -> RecognitionService | None:
    """Recognition for the languages that there are prompts in; `None` where it is switched off or nothing is there
    to recognise with."""
    if not settings.speech_workers:
        return None
    service = RecognitionService(renderer.catalogue.languages, workers=settings.speech_workers)
    return service if service.pools else None
