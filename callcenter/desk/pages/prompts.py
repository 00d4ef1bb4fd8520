"""Prompts: what callers hear, to listen to, and own recordings of it: uploaded, or spoken into the browser."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args

from flask import Response, request
from werkzeug.exceptions import NotFound

from callcenter.desk.ports import CannotWrite
from callcenter.desk.prompts_port import Prompts, PromptShown, SoundRefused, Which
from callcenter.desk.routing import link, page
from callcenter.desk.visit import Refused, Visit

link(57, "prompts", "Prompts", icon="sound", needs="prompts.read", key="m")

T = TypeVar("T")
LARGEST = 25_000_000
"""Bytes of an upload: ten minutes at a good quality in any format but WAV; of WAV at 16 kHz, too."""
STATES = ("", "recorded", "spoken")


@page("/prompts", needs="prompts.read", transaction="own")
def prompts(visit: Visit) -> Response:
    port = _port(visit)
    voices = port.voices()
    language = visit.arg("language", 20) or next(iter(voices), "")
    if not voices:
        return visit.render("prompts.html", voices={}, language="", found=[], q="", state="", count=0)
    if language not in voices:
        raise NotFound
    every = _there(lambda: port.prompts(language))
    q, state = visit.arg("q", 100).strip(), visit.arg("state", 10)
    found = [one for one in every if _fits(one, q.casefold(), state if state in STATES else "")]
    return visit.render(
        "prompts.html", voices=voices, language=language, found=found, q=q, state=state, count=len(every)
    )


@page("/prompts/<language>/<prompt_id>", needs="prompts.read", transaction="own")
def prompt(visit: Visit, language: str, prompt_id: str) -> Response:
    port = _port(visit)
    found = _there(lambda: port.prompt(language, prompt_id))
    flows = {flow.name for flow in visit.desk.flows.flows()}
    return visit.render(
        "prompt.html", found=found, flows=flows, voice=port.voices().get(language, ""),
        writable=port.writable(language), largest=LARGEST,
    )  # fmt: skip


@page("/prompts/<language>/<prompt_id>/<which>.wav", needs="prompts.read", transaction="own")
def prompt_sound(visit: Visit, language: str, prompt_id: str, which: str) -> Response:
    """As it sounds on the telephone; players ask for parts of it (RFC 9110, 14.2)."""
    asked: list[Which] = [one for one in get_args(Which) if one == which]
    if not asked:
        raise NotFound
    try:
        sound = _there(lambda: _port(visit).sound(language, prompt_id, asked[0]))
    except SoundRefused as error:
        raise Refused(_why(visit, error)) from None
    response = Response(sound, content_type="audio/wav")
    response.headers["Cache-Control"] = "private, no-cache"
    response.add_etag()
    response.make_conditional(request, accept_ranges=True, complete_length=len(sound))
    return response


@page("/prompts/<language>/<prompt_id>", needs="prompts.write", method="POST", transaction="own", largest=LARGEST)
def keep_recording(visit: Visit, language: str, prompt_id: str) -> Response:
    upload = request.files.get("recording")
    if upload is None or not upload.filename:
        raise Refused(visit.t("Choose a file, or record one."))
    with tempfile.TemporaryDirectory() as folder, upload.stream:
        path = Path(folder) / "upload.wav"
        upload.save(path)
        kept = _writing(visit, lambda: _port(visit).keep(language, prompt_id, path))
    visit.log("prompt.recorded", f"prompt:{language}/{prompt_id}", seconds=round(kept.seconds, 1),
              decibels=round(kept.decibels, 1), clipped=kept.clipped)  # fmt: skip
    said = visit.t("Callers hear it from now on: %(length)s.", length=visit.words.seconds(kept.seconds))
    if kept.clipped:
        said += " " + visit.t("It is cut off where it is loudest: record it again from farther away.")
    return visit.go("prompt", language=language, prompt_id=prompt_id, said=said)


@page("/prompts/<language>/<prompt_id>/voice", needs="prompts.write", method="POST", transaction="own")
def drop_recording(visit: Visit, language: str, prompt_id: str) -> Response:
    _writing(visit, lambda: _port(visit).drop(language, prompt_id))
    visit.log("prompt.spoken", f"prompt:{language}/{prompt_id}")
    said = visit.t("The voice speaks it from now on.")
    return visit.go("prompt", language=language, prompt_id=prompt_id, said=said)


@page("/prompts/<language>/<prompt_id>/earlier", needs="prompts.write", method="POST", transaction="own")
def bring_recording_back(visit: Visit, language: str, prompt_id: str) -> Response:
    _writing(visit, lambda: _port(visit).bring_back(language, prompt_id))
    visit.log("prompt.brought_back", f"prompt:{language}/{prompt_id}")
    said = visit.t("Callers hear the earlier recording again.")
    return visit.go("prompt", language=language, prompt_id=prompt_id, said=said)


def _fits(one: PromptShown, q: str, state: str) -> bool:
    if state and (one.recording is not None) != (state == "recorded"):
        return False
    return all(word in f"{one.id} {one.text}".casefold() for word in q.split())


def _port(visit: Visit) -> Prompts:
    if visit.desk.prompts is None:
        raise NotFound
    return visit.desk.prompts


def _there(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except KeyError:
        raise NotFound from None


def _writing(visit: Visit, do: Callable[[], T]) -> T:
    try:
        return _there(do)
    except SoundRefused as error:
        raise Refused(_why(visit, error)) from None
    except CannotWrite as error:
        raise Refused(visit.t("Nothing was saved: %(why)s", why=str(error))) from None


def _why(visit: Visit, error: SoundRefused) -> str:
    known: dict[str, Any] = {
        "kind": visit.t("That is no sound file that we take: send WAV, MP3, Ogg, FLAC, M4A or WebM."),
        "no_ffmpeg": visit.t("This server can only read WAV: ffmpeg isn't installed on it."),
        "unreadable": visit.t("This file can't be read: save it again as WAV or MP3."),
        "too_long": visit.t("A recording has ten minutes at most."),
        "too_short": visit.t("There is hardly a sound in it: record it again."),
        "silent": visit.t("There is no sound in it: record it again."),
        "too_quiet": visit.t("It is too quiet: record it again from nearer."),
        "values": visit.t("This prompt has places for values: the voice speaks it, or it is split into several."),
        "no_voice": visit.t("No voice is installed that speaks this language."),
        "failed": visit.t("The voice couldn't speak it."),
    }
    return f"{known[error.why]} {error.detail}".strip()
