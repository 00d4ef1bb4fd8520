"""The renderer: every prompt rendered once, in time, by a voice that works."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ivr.channels.leg import FRAME_BYTES
from ivr.prompts.catalogue import Catalogue
from ivr.prompts.parts import Part, Prompt
from ivr.speech.client import VoiceWorker, WorkerDied
from ivr.speech.errors import NoVoice, RenderFailed, RenderLate
from ivr.speech.prerender import prerender, static_prompts
from ivr.speech.renderer import DOWN_SECONDS, Renderer
from tests.speech.fakes import DIES, DIES_ONCE, NONSENSE, REFUSES, SPEAKS, WAITS, FakeVoice, fake_command

HELLO = Prompt((Part("text", "Hello there."),), "en")
BALANCE = Prompt((Part("text", "Account "), Part("digits", "4274"), Part("text", ".")), "en")


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    (tmp_path / "prompts" / "en").mkdir(parents=True)
    (tmp_path / "prompts" / "en" / "main.yaml").write_text(
        "hello: Hello there.\nbalance: 'You owe {due|money}. Press 1 to pay {due|money} now.'\n"
    )
    return Catalogue.load(tmp_path / "prompts")


class Rig:
    def __init__(self, folder: Path, catalogue: Catalogue) -> None:
        self.folder, self.catalogue = folder, catalogue
        self.now = 0.0

    def voice(self, script: str = SPEAKS, name: str = "fake", rank: int = 1) -> FakeVoice:
        return FakeVoice(name, script, self.folder / f"{name}.log", rank)

    def renderer(self, *voices: FakeVoice, budget_seconds: float = 60) -> Renderer:
        return Renderer(
            self.folder / "cache",
            self.catalogue,
            voices=voices,
            budget_seconds=budget_seconds,
            clock=lambda: self.now,
            command=fake_command,
        )

    def run(self, renderer: Renderer, work: Callable[[], Awaitable[None]]) -> None:
        async def whole() -> None:
            try:
                await work()
            finally:
                await renderer.close()

        asyncio.run(whole())


@pytest.fixture
def rig(tmp_path: Path, catalogue: Catalogue) -> Rig:
    return Rig(tmp_path, catalogue)


def test_a_prompt_is_rendered_once_and_then_comes_from_the_cache(rig: Rig) -> None:
    voice = rig.voice()
    renderer = rig.renderer(voice)

    async def work() -> None:
        assert renderer.cached(BALANCE) is None
        clips = await renderer.clips(BALANCE)
        assert [clip.seconds > 0 and len(clip.ulaw) % FRAME_BYTES == 0 for clip in clips] == [True] * 5
        assert clips[1] is clips[4]
        assert renderer.cached(BALANCE) == clips == await renderer.clips(BALANCE)

    rig.run(renderer, work)
    assert sorted(voice.asked()) == ["2", "4", "7", "Account,"]
    again = rig.renderer(voice)
    found = again.cached(BALANCE)
    assert found is not None
    assert len(found) == 5


def test_identical_requests_share_one_rendering(rig: Rig) -> None:
    voice = rig.voice()
    renderer = rig.renderer(voice)

    async def work() -> None:
        results = await asyncio.gather(*(renderer.clips(HELLO) for _ in range(50)))
        assert all(result == results[0] for result in results)

    rig.run(renderer, work)
    assert voice.asked() == ["Hello there."]


def test_late_audio_raises_but_lands_in_the_cache(rig: Rig) -> None:
    voice = rig.voice(WAITS)
    renderer = rig.renderer(voice)

    async def work() -> None:
        with pytest.raises(RenderLate):
            await renderer.clips(HELLO, budget_seconds=0)
        hung_up = asyncio.create_task(renderer.clips(HELLO))
        await asyncio.sleep(0)
        hung_up.cancel()
        await asyncio.gather(hung_up, return_exceptions=True)
        voice.go()
        assert await renderer.clips(HELLO, budget_seconds=None)
        assert renderer.cached(HELLO)

    rig.run(renderer, work)
    assert voice.asked() == ["Hello there."]


def test_a_worker_that_dies_is_started_again(rig: Rig) -> None:
    voice = rig.voice(DIES_ONCE)
    renderer = rig.renderer(voice)

    async def work() -> None:
        assert await renderer.clips(HELLO)

    rig.run(renderer, work)
    assert voice.asked() == ["Hello there."]


@pytest.mark.parametrize("script", [DIES, NONSENSE, REFUSES, "raise SystemExit(1)"])
def test_the_next_voice_speaks_where_the_first_cannot(rig: Rig, script: str) -> None:
    renderer = rig.renderer(rig.voice(script, "broken"), rig.voice(SPEAKS, "spare"))

    async def work() -> None:
        assert await renderer.clips(HELLO)

    rig.run(renderer, work)


def test_a_voice_that_failed_is_left_alone_for_a_while(rig: Rig) -> None:
    broken = rig.voice(DIES, "broken")
    renderer = rig.renderer(broken, rig.voice(SPEAKS, "spare"))

    async def work() -> None:
        await renderer.clips(HELLO)
        assert renderer.cached(HELLO)
        assert len(broken.asked()) == 2
        await renderer.clips(BALANCE)
        assert len(broken.asked()) == 2
        rig.now += DOWN_SECONDS
        await renderer.clips(Prompt((Part("text", "Later."),), "en"))
        assert len(broken.asked()) == 4

    rig.run(renderer, work)


def test_without_any_voice_the_error_says_what_to_install(rig: Rig) -> None:
    renderer = rig.renderer(rig.voice())
    spanish = Prompt((Part("text", "Hola."),), "es-MX")

    async def work() -> None:
        with pytest.raises(NoVoice, match=r"'es'.*install the fake voice"):
            await renderer.clips(spanish)
        assert renderer.cached(spanish) is None

    rig.run(renderer, work)


def test_when_every_voice_fails_it_is_told_and_nothing_is_cached(rig: Rig) -> None:
    renderer = rig.renderer(rig.voice(DIES), rig.voice(REFUSES, "other"))

    async def work() -> None:
        with pytest.raises(RenderFailed, match="no such sound"):
            await renderer.clips(HELLO)
        assert renderer.cached(HELLO) is None

    rig.run(renderer, work)


def test_a_hung_worker_is_killed(rig: Rig) -> None:
    async def work() -> None:
        worker = VoiceWorker(rig.voice(WAITS), fake_command, hang_seconds=0.05)
        with pytest.raises(WorkerDied, match="TimeoutError"):
            await worker.synthesise("Hello", "en")
        assert worker.pid is None
        await worker.close()

    asyncio.run(work())


def test_a_very_long_value_is_cut(rig: Rig) -> None:
    voice = rig.voice()
    renderer = rig.renderer(voice)

    async def work() -> None:
        assert await renderer.clips(Prompt((Part("text", "x" * 100_000),), "en"))

    rig.run(renderer, work)
    assert len(voice.asked()[0]) == 2000


def test_prerendering_covers_what_filled_prompts_need(rig: Rig) -> None:
    voice = rig.voice()
    renderer = rig.renderer(voice)
    ticks: list[tuple[int, int, str]] = []
    wanted = [*static_prompts(rig.catalogue), HELLO]
    assert renderer.run_sync(prerender(renderer, wanted, lambda *tick: ticks.append(tick))) == []
    assert [tick[0] for tick in ticks] == list(range(1, len(ticks) + 1))
    assert {tick[1] for tick in ticks} == {len(ticks)}
    filled = Prompt(
        (
            Part("text", "You owe "),
            Part("digits", "0123456789*#"),
            Part("text", ". Press 1 to pay "),
            Part("digits", "5"),
            Part("text", " now."),
        ),
        "en",
        "balance",
    )
    assert renderer.cached(filled)
    asked = voice.asked()
    assert len(asked) == len(set(asked))
    assert renderer.clips_sync(filled) == renderer.cached(filled)
    assert voice.asked() == asked
    renderer.close_sync()


def test_prerendering_tells_each_failure_once(rig: Rig) -> None:
    renderer = rig.renderer(rig.voice(REFUSES))
    messages = renderer.run_sync(prerender(renderer, static_prompts(rig.catalogue)))
    assert len(messages) == 1
    assert "no such sound" in messages[0]
    renderer.close_sync()
