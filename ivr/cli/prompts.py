"""callwright prompts"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, ClassVar

from ivr.cli.command import Command, command

if TYPE_CHECKING:
    from ivr.prompts.catalogue import Catalogue


@command
class Prompts(Command):
    """Render all prompts that don't change from call to call, so that no caller waits for a voice. Prompts that
    are rendered already take no time, so an interrupted run continues where it stopped.
    """

    name: ClassVar[str] = "prompts"
    help: ClassVar[str] = "render prompts ahead of calls, or list those without a recording"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--list", action="store_true", help="list the prompts that have no recording")

    def run(self, arguments: argparse.Namespace) -> int:
        from ivr.prompts.catalogue import Catalogue
        from ivr.settings import Settings

        settings = Settings()
        catalogue = Catalogue.load(settings.prompts_dir)
        if arguments.list:
            return self._list(catalogue)
        from ivr.cli.folders import usable
        from ivr.cli.show import console
        from ivr.rendering import all_prompts, render
        from ivr.speech.renderer import Renderer

        prompts = all_prompts(catalogue, usable(settings.flows_dir, settings.prompts_dir))
        renderer = Renderer(settings.audio_dir, catalogue)
        try:
            messages = renderer.run_sync(render(renderer, prompts, console()))
        finally:
            renderer.close_sync()
        return 1 if messages else 0

    def _list(self, catalogue: Catalogue) -> int:
        for language in catalogue.languages:
            for id in catalogue.ids(language):
                if catalogue.recording(language, id) is None:
                    print(f"{language}  {id}: {catalogue.text(language, id)}")
        return 0
