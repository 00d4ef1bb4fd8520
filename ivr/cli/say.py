"""callwright say"""

from __future__ import annotations

import argparse
from typing import ClassVar

from ivr.cli.command import Command, Failure, command


@command
class Say(Command):
    """Speak a text as callers would hear it, into a sound file: 8 kHz, mono, through mu-law.

    Values are spoken as in a flow: callwright say 'You owe {8450|money}.'
    """

    name: ClassVar[str] = "say"
    help: ClassVar[str] = "write a spoken text to a sound file"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("text")
        parser.add_argument("-l", "--language", default="en", help="en, es, ... (en)")
        parser.add_argument("-o", "--output", default="say.wav", help="the WAV file to write (say.wav)")
        parser.add_argument("--currency", default="USD", help="for {...|money} (USD)")

    def run(self, arguments: argparse.Namespace) -> int:
        import audioop
        import wave

        from ivr.flow import template
        from ivr.flow.expr import ExprError
        from ivr.prompts.catalogue import Catalogue
        from ivr.prompts.parts import Prompt
        from ivr.settings import Settings
        from ivr.speech.errors import SpeechError
        from ivr.speech.renderer import Renderer

        settings = Settings()
        try:
            parts = template.parse(arguments.text).fill({}, arguments.currency)
        except ExprError as error:
            raise Failure(f"{arguments.text!r} at character {error.offset + 1}: {error}") from None
        renderer = Renderer(settings.audio_dir, Catalogue(settings.prompts_dir))
        try:
            clips = renderer.clips_sync(Prompt(parts, arguments.language))
        except (SpeechError, ValueError, LookupError) as error:
            raise Failure(str(error)) from None
        finally:
            renderer.close_sync()
        # Opened here: where it can't be, a `wave` that was made all the same complains when it is thrown away.
        with open(arguments.output, "wb") as file, wave.open(file, "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
            for clip in clips:
                sound.writeframes(audioop.ulaw2lin(clip.ulaw, 2))
        print(f"{arguments.output}: {sum(clip.seconds for clip in clips):.1f} seconds")
        return 0
