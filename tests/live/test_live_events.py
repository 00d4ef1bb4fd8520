"""Live events by topic: order, resuming by id, and what is gone."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from callcenter import live
from callcenter.live import BEGINNING, Live, LiveEvent


@pytest.fixture
def events(redis_url: str) -> Iterator[Live]:
    live = Live(redis_url)
    yield live
    live.close()


def test_what_was_published_is_read_in_order_after_an_id(events: Live) -> None:
    first = events.publish("contact:1", "message", {"text": "añb"})
    second = events.publish("contact:1", "typing", {})
    events.publish("contact:2", "message", {})
    assert first
    assert second
    assert events.read({"contact:1": BEGINNING}) == [
        LiveEvent("contact:1", first, "message", {"text": "añb"}),
        LiveEvent("contact:1", second, "typing", {}),
    ]
    assert [event.id for event in events.read({"contact:1": first})] == [second]
    assert events.read({"contact:1": second}) == []
    assert events.read({}) == []
    both = events.read({"contact:1": first, "contact:2": BEGINNING})
    assert [(event.topic, event.kind) for event in both] == [("contact:1", "typing"), ("contact:2", "message")]


def test_a_reader_waits_for_the_next(events: Live) -> None:
    found: list[LiveEvent] = []
    reader = threading.Thread(target=lambda: found.extend(events.read({"floor": BEGINNING}, block_ms=30_000)))
    reader.start()
    events.publish("floor", "figures", {"waiting": 3})
    reader.join()
    assert [event.data for event in found] == [{"waiting": 3}]


def test_waiting_ends(events: Live) -> None:
    assert events.read({"floor": BEGINNING}, block_ms=1) == []


def test_the_newest_id_is_where_to_go_on(events: Live) -> None:
    assert events.last("contact:1", "floor") == {"contact:1": BEGINNING, "floor": BEGINNING}
    newest = events.publish("floor", "figures", {})
    assert events.last("contact:1", "floor") == {"contact:1": BEGINNING, "floor": newest}
    assert events.last() == {}


def test_what_was_trimmed_is_told(events: Live) -> None:
    first = events.publish("floor", "figures", {})
    assert first
    assert events.missed({"floor": BEGINNING}) == set()
    assert events.missed({"floor": first}) == set()
    ids = [events.publish("floor", "figures", {"n": n}) for n in range(live.KEPT + 300)]
    assert ids[-1]
    assert events.missed({"floor": first}) == {"floor"}
    assert events.missed({"floor": ids[-1]}) == set()
    assert len(events.read({"floor": BEGINNING})) < live.KEPT + 300


def test_another_redis_is_told(events: Live, redis_url: str) -> None:
    newest = events.publish("floor", "figures", {})
    assert newest
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    assert events.missed({"floor": newest, "contact:1": BEGINNING}) == {"floor"}
    with redis.Redis.from_url(redis_url) as client:
        client.xadd(live.key("floor"), {"kind": "figures", "data": "{}"}, id="5-0")
    assert events.missed({"floor": newest}) == {"floor"}


def test_a_topic_is_forgotten_some_day(events: Live, redis_url: str) -> None:
    events.publish("contact:1", "message", {})
    with redis.Redis.from_url(redis_url) as client:
        assert 0 < client.ttl(live.key("contact:1")) <= live.KEPT_SECONDS


def test_what_publishes_goes_on_without_redis(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    events = Live(f"unix://{tmp_path}/nobody.sock")
    assert events.publish("floor", "figures", {}) is None
    assert events.publish("floor", "figures", {}) is None
    assert [record.message for record in caplog.records] == ["live events can't be published: ConnectionError"]
    with pytest.raises(redis.RedisError):
        events.read({"floor": BEGINNING})
    with pytest.raises(redis.RedisError):
        events.missed({"floor": BEGINNING})
    events.close()


def test_it_publishes_again_when_redis_is_back(events: Live, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("callcenter.live.time.monotonic", lambda: now)
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory", "1")
        try:
            assert events.publish("floor", "figures", {}) is None
        finally:
            client.config_set("maxmemory", "0")
    assert events.publish("floor", "figures", {}) is None, "still quiet"
    now += live.PAUSE
    assert events.publish("floor", "figures", {})


@pytest.mark.parametrize(
    "topic", ["", "floor ", "contact:", "contact:a b", "contact:a*", "Floor", "contact:" + "a" * 129]
)
def test_no_topic(events: Live, topic: str) -> None:
    with pytest.raises(ValueError, match="is no topic"):
        events.publish(topic, "message", {})


def test_no_kind(events: Live) -> None:
    with pytest.raises(ValueError, match="is no kind"):
        events.publish("floor", "two words", {})


def test_who_is_there_hears_it_at_once(events: Live, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client, client.pubsub() as channel:
        channel.subscribe(live.key("floor"))
        channel.get_message(timeout=10)
        events.publish("floor", "figures", {"text": "two words"})
        message = channel.get_message(timeout=10)
        assert message
        assert [live.heard(message["channel"], message["data"])] == events.read({"floor": BEGINNING})


@pytest.mark.parametrize("id", ["", "$", "0", "1", "-", "1-", "1-1-1", "99999999999999999999-1", "1-1\n", "a-b"])
def test_no_id(events: Live, id: str) -> None:
    with pytest.raises(ValueError, match="is no id"):
        events.read({"floor": id})


def test_ids_are_compared_as_numbers() -> None:
    assert live.order("9-10") > live.order("9-9")
    assert live.order("10-0") > live.order("9-10")


def test_it_survives_a_fork(events: Live) -> None:
    events.publish("floor", "figures", {"from": "parent"})
    child = os.fork()
    if child == 0:
        done = events.publish("floor", "figures", {"from": "child"})
        os._exit(0 if done else 1)
    assert os.waitpid(child, 0)[1] == 0
    events.publish("floor", "figures", {"from": "parent"})
    assert [event.data["from"] for event in events.read({"floor": BEGINNING})] == ["parent", "child", "parent"]
