"""The page of prompts: what callers hear, and recordings of it that an admin uploads."""

from __future__ import annotations

import io
import re
import subprocess
import wave
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.engine import Engine
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from callcenter.db import reading
from callcenter.desk import audit
from ivr.editing import FlowFiles
from ivr.prompts.catalogue import Catalogue
from ivr.speech import pcm
from ivr.speech.renderer import Renderer
from ivr.web.desk_prompts import PromptFiles
from tests.desk.files import small_files
from tests.desk.support import Browser, Desk, make_desk
from tests.speech.fakes import SPEAKS, FakeVoice, fake_command
from tests.tools import need

ID = "system.sorry"
PAGE = f"/desk/prompts/en/{ID}"


def sound(seconds: float = 1.5, size: float = 0.2, rate: int = 44100) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        tone = size * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)
        file.writeframes((np.clip(tone, -1, 1) * 32767).astype("<i2").tobytes())
    return out.getvalue()


@pytest.fixture
def files(sqlite_engine: Engine, tmp_path: Path) -> FlowFiles:
    return small_files(sqlite_engine, tmp_path)


@pytest.fixture
def desk(sqlite_engine: Engine, tmp_path: Path, files: FlowFiles) -> Desk:
    voice = FakeVoice("fake", SPEAKS, tmp_path / "said")

    def make(cache: Path, catalogue: Catalogue) -> Renderer:
        return Renderer(cache, catalogue, voices=(voice,), command=fake_command)

    return make_desk(sqlite_engine, tmp_path, prompts=PromptFiles(files, make))


@pytest.fixture
def admin(desk: Desk) -> Browser:
    made = desk.browser("admin")
    made.get(PAGE)
    return made


def send(browser: Browser, content: bytes, name: str = "mine.wav", path: str = PAGE) -> TestResponse:
    boundary, body = encode_multipart({"csrf": browser.csrf, "recording": FileStorage(io.BytesIO(content), name)})
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Accept": "text/html"}
    return browser._seen(browser.client.post(path, data=body, headers=headers))


def told(browser: Browser, answer: TestResponse) -> str:
    assert answer.status_code == 303, answer.status_code
    notice = re.search(r'<p class="notice (?:said|fault)"[^>]*>(.*?)</p>', browser.get(PAGE).text, re.DOTALL)
    assert notice is not None
    return unescape(notice[1])


def recordings(files: FlowFiles) -> Path:
    return files.settings.prompts_dir / "en" / "recordings"


def test_all_prompts_with_who_says_them(desk: Desk) -> None:
    auditor = desk.browser("auditor")
    page = auditor.get("/desk/prompts?language=en").text
    assert ID in page
    assert "hours.open_now" in page
    found = auditor.get("/desk/prompts?q=SORRY&state=spoken").text
    assert ID in found
    assert "hours.open_now" not in found
    assert ID not in auditor.get("/desk/prompts?state=recorded").text
    assert auditor.get("/desk/prompts?language=xx").status_code == 404
    assert "the engine" in auditor.get(PAGE).text
    assert "Use this recording" not in auditor.get(PAGE).text
    for path in ("en/nothing", "xx/main.welcome", "en/..%2f..%2fcompany"):
        assert auditor.get(f"/desk/prompts/{path}").status_code == 404, path
        assert auditor.get(f"/desk/prompts/{path}/voice.wav").status_code == 404, path


def test_where_a_prompt_is_used(files: FlowFiles, desk: Desk) -> None:
    (files.settings.flows_dir / "main.yaml").write_text(
        "start: hello\nsteps:\n  hello: {say: main.welcome, next: bye}\n  bye: {say: main.welcome, next: end}\n"
    )
    files.published.publish(files.settings.flows_dir, files.settings.prompts_dir)
    page = desk.browser("admin").get("/desk/prompts/en/main.welcome").text
    assert re.search(r'<a href="/desk/flows/main">main</a> / hello.*main</a> / bye', page, re.DOTALL)


def test_the_voice_speaks_a_prompt_and_the_engine_finds_it_in_its_cache(files: FlowFiles, admin: Browser) -> None:
    answer = admin.get(f"{PAGE}/voice.wav")
    assert answer.content_type == "audio/wav"
    with wave.open(io.BytesIO(answer.data)) as heard:
        assert (heard.getframerate(), heard.getnchannels(), heard.getnframes() > 800) == (8000, 1, True)
    kept = list(files.settings.audio_dir.rglob("*.ulaw"))
    assert kept
    assert admin.get(f"{PAGE}/voice.wav", headers={"Range": "bytes=0-99"}).status_code == 206
    etag = answer.headers["ETag"]
    assert admin.get(f"{PAGE}/voice.wav", headers={"If-None-Match": etag}).status_code == 304
    assert list(files.settings.audio_dir.rglob("*.ulaw")) == kept
    assert admin.get("/desk/prompts/en/hours.open_now/voice.wav").status_code == 200  # with examples for values
    assert admin.get(f"{PAGE}/recording.wav").status_code == 404
    assert admin.get(f"{PAGE}/other.wav").status_code == 404


def test_a_recording_is_played_from_then_on_and_taken_back(files: FlowFiles, desk: Desk, admin: Browser) -> None:
    engine = Renderer(files.settings.audio_dir, Catalogue.load(files.settings.prompts_dir), voices=())
    version = files.published.current().hash
    assert "hear it from now on: 0:02" in told(admin, send(admin, sound(1.5)))
    path = recordings(files) / f"{ID}.wav"
    with wave.open(str(path)) as kept:
        assert (kept.getframerate(), kept.getnchannels(), kept.getsampwidth()) == (16000, 1, 2)
    assert engine.catalogue.recording("en", ID) == path  # of a process that has run all the while
    heard = admin.get(f"{PAGE}/recording.wav")
    with wave.open(io.BytesIO(heard.data)) as file:
        samples = pcm.from_pcm16(file.readframes(file.getnframes()))
    assert 20 * np.log10(pcm.speech_level(samples)) == pytest.approx(pcm.SPEECH_DBFS, abs=1)
    assert files.published.current().hash != version
    assert files.unpublished() == ()
    with reading(desk.engine) as conn:
        entry = audit.listed(conn, limit=1)[0]
    assert (entry.action, entry.target, entry.data["clipped"]) == ("prompt.recorded", f"prompt:en/{ID}", False)

    told(admin, admin.post(f"{PAGE}/voice"))
    assert engine.catalogue.recording("en", ID) is None
    assert admin.get(f"{PAGE}/recording.wav").status_code == 404
    assert admin.post(f"{PAGE}/voice").status_code == 404
    assert "earlier recording again" in told(admin, admin.post(f"{PAGE}/earlier"))
    assert admin.get(f"{PAGE}/recording.wav").data == heard.data
    assert admin.post(f"{PAGE}/earlier").status_code == 404


def test_of_two_recordings_the_earlier_can_come_back(files: FlowFiles, admin: Browser) -> None:
    folder = recordings(files)
    folder.mkdir()
    (folder / f"{ID}.mp3").write_bytes(b"an admin's own")
    told(admin, send(admin, sound(1.0)))
    assert [path.name for path in folder.glob("*.*") if path.is_file()] == [f"{ID}.wav"]
    mine = (folder / f"{ID}.wav").read_bytes()
    told(admin, admin.post(f"{PAGE}/earlier"))
    assert {path.name: path.read_bytes() for path in folder.glob("*.*") if path.is_file()} == {
        f"{ID}.mp3": b"an admin's own"
    }
    told(admin, admin.post(f"{PAGE}/earlier"))
    assert (folder / f"{ID}.wav").read_bytes() == mine


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "flac", "webm", "m4a"])
def test_what_else_is_taken(tmp_path: Path, files: FlowFiles, admin: Browser, suffix: str) -> None:
    (tmp_path / "a.wav").write_bytes(sound())
    subprocess.run(
        [need("ffmpeg", "ffmpeg"), "-loglevel", "error", "-i", tmp_path / "a.wav", tmp_path / f"a.{suffix}"], check=True
    )
    said = told(admin, send(admin, (tmp_path / f"a.{suffix}").read_bytes(), "some name"))
    assert "hear it from now on" in said
    assert (recordings(files) / f"{ID}.wav").is_file()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no sound file"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "no sound file"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "no sound file"),
        (b"<html><script>alert(1)</script>", "no sound file"),
        (b"MZ\x90\0" * 100, "no sound file"),
        (b"RIFF\0\0\0\0WAVE" + b"\xff" * 400, "can't be read"),
        (b"ID3" + b"\0" * 400, "can't be read"),
        (b"\x1aE\xdf\xa3" + b"\0" * 400, "can't be read"),
        (sound(1.0, 0.0), "no sound in it"),
        (sound(1.0, 0.003), "too quiet"),
        (sound(0.05), "hardly a sound"),
        (sound(601, 0.2, 8000), "ten minutes"),
    ],
    ids=["empty", "playlist", "list", "page", "program", "wav", "mp3", "webm", "silence", "quiet", "short", "long"],
)  # fmt: skip
def test_what_is_no_recording_is_refused(files: FlowFiles, admin: Browser, content: bytes, said: str) -> None:
    assert said in told(admin, send(admin, content, "mine.mp3"))
    assert not recordings(files).exists()


def test_a_recording_that_is_cut_off_is_told(admin: Browser) -> None:
    assert "cut off where it is loudest" in told(admin, send(admin, sound(1.0, 3.0)))


def test_too_large_a_file_isnt_read(admin: Browser) -> None:
    assert send(admin, b"RIFF" + b"\0" * (26 * 1024 * 1024)).status_code == 413


def test_prompts_with_values_have_no_recordings(files: FlowFiles, admin: Browser) -> None:
    path = "/desk/prompts/en/hours.open_now"
    assert "places for values" in admin.get(path).text
    answer = send(admin, sound(), path=path)
    assert "places for values" in told(admin, answer)
    assert not recordings(files).exists()


def test_unfinished_files_are_not_published_by_a_recording(files: FlowFiles, admin: Browser) -> None:
    path, version = files.settings.flows_dir / "main.yaml", files.published.current().hash
    path.write_text(path.read_text() + "# unfinished\n")
    told(admin, send(admin, sound()))
    assert files.published.current().hash == version
    assert (recordings(files) / f"{ID}.wav").is_file()


def test_nothing_is_sent_without_a_file(admin: Browser) -> None:
    assert "Choose a file" in told(admin, admin.post(PAGE))


def test_a_folder_that_cant_be_written_is_said_to_be(
    files: FlowFiles, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FlowFiles, "writable", lambda self, folder: False)  # root may write anything
    page = admin.get(PAGE).text
    assert "This server can't write recordings" in unescape(page)
    assert "Use this recording" not in page
    recordings(files).write_text("a file where the folder belongs")
    assert "Nothing was saved" in told(admin, send(admin, sound()))
