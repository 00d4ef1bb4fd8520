"""The cache of rendered audio: keys, its limits, and files that are broken or missing."""

import logging
import multiprocessing
from pathlib import Path

import pytest

from ivr.channels.leg import FRAME_BYTES
from ivr.speech.cache import AudioCache, cache_key

KEY = cache_key("a", "b")
SOUND = bytes(range(160)) * 3


def test_what_was_put_is_found_by_another_process_s_cache(tmp_path: Path) -> None:
    assert AudioCache(tmp_path / "new" / "folder").put(KEY, SOUND).ulaw == SOUND
    clip = AudioCache(tmp_path / "new" / "folder").get(KEY)
    assert clip is not None
    assert (clip.key, clip.ulaw) == (KEY, SOUND)
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".ulaw"]
    assert AudioCache(tmp_path).get(cache_key("other")) is None


def test_keys_do_not_run_together() -> None:
    assert cache_key("ab", "c") != cache_key("a", "bc")


@pytest.mark.parametrize("left", [b"", SOUND[:-1]])
def test_a_file_cut_short_counts_as_none_and_goes(tmp_path: Path, left: bytes) -> None:
    AudioCache(tmp_path).put(KEY, SOUND)
    cache = AudioCache(tmp_path)
    cache.path(KEY).write_bytes(left)
    assert cache.get(KEY) is None
    assert not cache.path(KEY).exists()


def test_memory_is_bounded_and_the_least_used_goes_first(tmp_path: Path) -> None:
    cache = AudioCache(tmp_path, memory_bytes=3 * FRAME_BYTES)
    for name in "abc":
        cache.put(name * 64, b"x" * FRAME_BYTES)
    assert cache.held("a" * 64)
    cache.put("d" * 64, b"x" * FRAME_BYTES)
    assert cache.held("b" * 64) is None
    assert cache.held("a" * 64)
    assert cache.get("b" * 64)
    cache.put("e" * 64, b"x" * FRAME_BYTES * 9)
    assert cache.held("e" * 64)


def test_a_full_disk_still_gives_audio_and_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ivr.speech.cache.os.replace", full)
    cache = AudioCache(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert cache.put(KEY, SOUND).ulaw == SOUND
        assert cache.put(cache_key("c"), SOUND).ulaw == SOUND
    assert len(caplog.records) == 1
    assert "No space left" in caplog.text
    held = cache.get(KEY)
    assert held is not None
    assert held.ulaw == SOUND
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    cache = AudioCache(tmp_path / "cache")
    assert cache.put(KEY, SOUND).ulaw == SOUND
    assert cache.get(cache_key("z")) is None


def _write(folder: Path, fill: int) -> None:
    cache = AudioCache(folder)
    for _ in range(100):
        cache.put(KEY, bytes([fill]) * FRAME_BYTES * 50)


def test_processes_that_write_the_same_key_never_mix(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path, fill)) for fill in (1, 2)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        clip = AudioCache(tmp_path).get(KEY)
        assert clip is None or len(set(clip.ulaw)) == 1
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
        writer.close()
    found = AudioCache(tmp_path).get(KEY)
    assert found is not None
    assert len(found.ulaw) == FRAME_BYTES * 50
