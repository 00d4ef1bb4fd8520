"""Keys as RTP events: each press once, whatever is lost, repeated or out of order (RFC 4733)."""

import itertools
import struct

from hypothesis import given
from hypothesis import strategies as st

from ivr.channels.sip.media.dtmf import DIGITS, EventReceiver, digit_steps


def press(event: int, start: int, *, ticks: int = 5) -> list[tuple[int, bytes]]:
    """The packets of one key: updates, then the end three times."""
    updates = [(start, struct.pack("!BBH", event, 10, 160 * n)) for n in range(1, ticks + 1)]
    return updates + [(start, struct.pack("!BBH", event, 0x8A, 160 * ticks))] * 3


def keys(packets: list[tuple[int, bytes]]) -> str:
    receiver = EventReceiver()
    return "".join(
        receiver.receive(4711, timestamp, payload, 0.02 * tick) or ""
        for tick, (timestamp, payload) in enumerate(packets)
    )


@given(st.lists(st.integers(0, 15), max_size=8), st.data(), st.integers(0, 0xFFFFFFFF))
def test_any_one_packet_of_each_press_is_enough(events: list[int], data: st.DataObject, start: int) -> None:
    packets: list[tuple[int, bytes]] = []
    for number, event in enumerate(events):
        sent = press(event, (start + number * 2400) & 0xFFFFFFFF)
        kept = data.draw(st.lists(st.sampled_from(range(len(sent))), min_size=1, max_size=12))
        packets += [sent[index] for index in kept]  # lost, repeated and in any order
    assert keys(packets) == "".join(DIGITS[event] for event in events)


def test_packets_of_an_earlier_press_that_come_late_change_nothing() -> None:
    first, second = press(1, 1000), press(2, 3000)
    assert keys([*first[:3], *second[:2], *first[3:], *second[2:]]) == "12"


def test_nonsense_is_no_key() -> None:
    assert keys([(1, b""), (2, b"\1\2\3"), (3, b"\x10\x0a\0\xa0"), (4, b"\xff" * 4)]) == ""


def test_a_press_longer_than_an_event_can_tell_is_one_key() -> None:
    first = [(5000, struct.pack("!BBH", 5, 10, 0xFFFF))]
    assert keys(first + press(5, 5000 + 0xFFFF)) == "5"
    # but not where the first one had ended
    assert keys([(5000, struct.pack("!BBH", 5, 0x8A, 160)), *press(5, 5000 + 0xFFFF)]) == "55"


def test_a_sender_that_restarts_its_clock_is_heard() -> None:
    assert keys([*press(1, 3_000_000_000), *press(2, 50)]) == "12"
    assert keys([*press(1, 3000), *press(2, 50)]) == "12"


def test_a_recorded_press_that_is_played_again_is_a_press() -> None:
    receiver = EventReceiver()
    for again in range(3):
        told = [receiver.receive(1, time, payload, 5.0 * again) for time, payload in press(4, 8000)]
        assert told == ["4"] + [None] * 7


def test_what_we_send_reads_as_what_was_asked_and_is_paced_right() -> None:
    steps = list(digit_steps("5#x0", b"\xff" * 160, events=True))
    clock = itertools.count(0, 160)
    sent = [(now - step.elapsed, step) for step, now in zip(steps, clock, strict=False)]
    events = [(start, step) for start, step in sent if step.event]
    assert keys([(start, step.payload) for start, step in events]) == "5#0"
    assert len({start for start, _ in events}) == 3
    first = [step for start, step in events if start == events[0][0]]
    assert [step.marker for step in first] == [True] + [False] * 10
    durations = [struct.unpack("!BBH", step.payload)[2] for step in first]
    assert durations == [160 * n for n in range(1, 9)] + [1280] * 3
    assert [bool(step.payload[1] & 0x80) for step in first] == [False] * 8 + [True] * 3
