"""Offers and answers (RFC 3264): what is taken, how it is answered, and what is refused with which warning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.channels.sip.sdp import Agreed, NotAcceptable, Session

HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nt=0 0\r\n"
CONNECTION = "c=IN IP4 192.0.2.7\r\n"


def offer(*lines: str, head: str = HEAD + CONNECTION) -> bytes:
    return (head + "".join(f"{line}\r\n" for line in lines)).encode()


def media(text: bytes) -> list[str]:
    """The lines from the first m-line on."""
    found = text.decode().split("\r\n")
    assert found.pop() == ""
    return found[next(index for index, line in enumerate(found) if line.startswith("m=")) :]


def answer(*lines: str, **options: str) -> tuple[list[str], Agreed]:
    body, agreed = Session("192.0.2.1").answer(offer(*lines, **options), 4000)
    return media(body), agreed


@pytest.mark.parametrize(
    ("lines", "types", "codec", "events"),
    [
        (["m=audio 5000 RTP/AVP 0"], "0", "PCMU", None),
        (["m=audio 5000 RTP/AVP 8 0"], "8", "PCMA", None),
        (["m=audio 5000 RTP/AVP 18 3 9 0 8"], "0", "PCMU", None),
        (["m=audio 5000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/8000"], "0 101", "PCMU", 101),
        (["m=audio 5000 RTP/AVP 0 96", "a=rtpmap:96 telephone-event/8000", "a=fmtp:96 0-16"], "0 96", "PCMU", 96),
        (["m=audio 5000 RTP/AVP 127 8", "a=rtpmap:127 TELEPHONE-EVENT/8000/1"], "8 127", "PCMA", 127),
        (["m=audio 5000 RTP/AVP 0 101", "a=rtpmap:101 telephone-event/48000"], "0", "PCMU", None),
        (
            [
                "m=audio 5000 RTP/AVP 111 110 0 126",
                "a=rtpmap:111 opus/48000/2",
                "a=rtpmap:110 telephone-event/48000",
                "a=rtpmap:126 telephone-event/8000",
            ],
            "0 126",
            "PCMU",
            126,
        ),
        (["m=audio 5000 RTP/AVP 0 101"], "0", "PCMU", None),
        (["m=audio 5000 RTP/AVP 0 8", "a=rtpmap:0 G722/8000"], "8", "PCMA", None),
        (["m=audio 5000 RTP/AVP 0", "a=ptime:30", "a=maxptime:150", "b=AS:64"], "0", "PCMU", None),
        (["m=audio 5000/1 RTP/AVP 0"], "0", "PCMU", None),
        (["m=audio 5000 rtp/avp 0"], "0", "PCMU", None),
    ],
)
def test_codecs_and_events(lines: list[str], types: str, codec: str, events: int | None) -> None:
    """The answer names one codec and the offered type of telephone-event, if there is one at our rate."""
    said, agreed = answer(*lines)
    assert said[0] == f"m=audio 4000 RTP/AVP {types}"
    assert f"a=rtpmap:{types.split()[0]} {codec}/8000" in said
    assert (f"a=rtpmap:{events} telephone-event/8000" in said) == (events is not None)
    assert (f"a=fmtp:{events} 0-15" in said) == (events is not None)
    assert "a=ptime:20" in said
    assert agreed == Agreed(("192.0.2.7", 5000), codec, events, True, True)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", ["session", "media"])
@pytest.mark.parametrize(
    ("theirs", "ours", "send", "receive"),
    [
        ("sendrecv", "sendrecv", True, True),
        ("sendonly", "recvonly", False, True),
        ("recvonly", "sendonly", True, False),
        ("inactive", "inactive", False, False),
    ],
)
def test_directions(level: str, theirs: str, ours: str, send: bool, receive: bool) -> None:
    head = HEAD + CONNECTION + (f"a={theirs}\r\n" if level == "session" else "")
    lines = ["m=audio 5000 RTP/AVP 0"] + ([f"a={theirs}"] if level == "media" else [])
    said, agreed = answer(*lines, head=head)
    assert said[-1] == f"a={ours}"
    assert (agreed.send, agreed.receive) == (send, receive)


def test_the_streams_own_direction_beats_the_sessions() -> None:
    said, agreed = answer("m=audio 5000 RTP/AVP 0", "a=sendrecv", head=HEAD + CONNECTION + "a=inactive\r\n")
    assert said[-1] == "a=sendrecv"
    assert agreed.send
    assert agreed.receive


def test_a_hold_by_an_unspecified_address() -> None:
    """RFC 2543's way (RFC 3264 section 8.4): nothing may be sent there."""
    _, agreed = answer("m=audio 5000 RTP/AVP 0", head=HEAD + "c=IN IP4 0.0.0.0\r\n")
    assert not agreed.send
    assert agreed.receive


def test_the_streams_own_address_beats_the_sessions() -> None:
    _, agreed = answer("m=audio 5000 RTP/AVP 0", "c=IN IP4 192.0.2.99/127")
    assert agreed.remote == ("192.0.2.99", 5000)


VIDEO = ["m=video 5002 RTP/AVP 99", "a=rtpmap:99 H264/90000"]


@pytest.mark.parametrize(
    ("lines", "answers"),
    [
        ([*VIDEO, "m=audio 5000 RTP/AVP 0"], ["m=video 0 RTP/AVP 99", "m=audio 4000 RTP/AVP 0"]),
        (["m=audio 5000 RTP/AVP 0", *VIDEO], ["m=audio 4000 RTP/AVP 0", "m=video 0 RTP/AVP 99"]),
        (
            ["m=audio 5000 RTP/AVP 0", "m=audio 5004 RTP/AVP 8"],
            ["m=audio 4000 RTP/AVP 0", "m=audio 0 RTP/AVP 8"],
        ),
        (
            ["m=audio 5000 RTP/AVP 18", "m=audio 5004 RTP/AVP 8"],
            ["m=audio 0 RTP/AVP 18", "m=audio 4000 RTP/AVP 8"],
        ),
        (
            ["m=audio 5000 RTP/SAVP 0", "m=audio 5004 RTP/AVP 0"],
            ["m=audio 0 RTP/SAVP 0", "m=audio 4000 RTP/AVP 0"],
        ),
        (["m=audio 0 RTP/AVP 0", "m=audio 5004 RTP/AVP 0"], ["m=audio 0 RTP/AVP 0", "m=audio 4000 RTP/AVP 0"]),
        (
            ["m=audio 5000 RTP/AVP 0", "m=image 5006 udptl t38", "m=application 9 UDP/BFCP *"],
            ["m=audio 4000 RTP/AVP 0", "m=image 0 udptl t38", "m=application 0 UDP/BFCP *"],
        ),
        (["m=text 5000", "m=audio 5004 RTP/AVP 0"], ["m=0 0 RTP/AVP 0", "m=audio 4000 RTP/AVP 0"]),
    ],
)
def test_other_streams_are_refused_in_their_place(lines: list[str], answers: list[str]) -> None:
    """As many m-lines as the offer has, in its order; port 0 refuses (RFC 3264 section 6)."""
    said, _ = answer(*lines)
    assert [line for line in said if line.startswith("m=")] == answers


@pytest.mark.parametrize(
    ("body", "warning"),
    [
        (b"", 399),
        (b"\0\xff" * 50, 399),
        (b"v=0\r\n", 399),
        (offer("m=audio 0 RTP/AVP 0"), 305),
        (offer("m=audio 99999 RTP/AVP 0"), 305),
        (offer("m=audio -1 RTP/AVP 0"), 305),
        (offer("m=audio x RTP/AVP 0"), 399),
        (offer("m=audio"), 305),
        (offer("m=audio 5000 RTP/AVP 18"), 305),
        (offer("m=audio 5000 RTP/AVP"), 305),
        (offer("m=audio 5000 RTP/AVP zero"), 305),
        (offer("m=audio 5000 RTP/SAVPF 0"), 305),
        (offer("m=video 5000 RTP/AVP 0"), 305),
        (offer("m=audio 5000 RTP/AVP 0", "a=rtpmap:x y"), 399),
        (offer("m=audio 5000 RTP/AVP 0", head=HEAD), 399),
        (offer("m=audio 5000 RTP/AVP 0", head=HEAD + "c=IN IP4 pbx.example.com\r\n"), 300),
        (offer("m=audio 5000 RTP/AVP 0", head=HEAD + "c=IN IP4 239.1.1.1/127\r\n"), 301),
        (offer("m=audio 5000 RTP/AVP 0", head=HEAD + "c=IN IP6 2001:db8::7\r\n"), 301),
        (offer(*["m=audio 5000 RTP/AVP 0"] * 40), 399),
        (offer("m=audio 5000 RTP/AVP 0", "a=x:" + "y" * 20_000), 399),
    ],
    ids=range(20),
)
def test_refusals(body: bytes, warning: int) -> None:
    session = Session("192.0.2.1")
    with pytest.raises(NotAcceptable) as refused:
        session.check(body)
    assert refused.value.warning == warning
    with pytest.raises(NotAcceptable):
        session.answer(body, 4000)


def test_ipv6() -> None:
    head = "v=0\r\no=- 1 1 IN IP6 2001:db8::7\r\ns=-\r\nc=IN IP6 2001:db8::7\r\nt=0 0\r\n"
    body, agreed = Session("2001:db8::1").answer(offer("m=audio 5000 RTP/AVP 0", head=head), 4000)
    assert agreed.remote == ("2001:db8::7", 5000)
    assert "c=IN IP6 2001:db8::1\r\n" in body.decode()
    assert " IN IP6 2001:db8::1\r\n" in body.decode()


@pytest.mark.parametrize("address", ["192.0.2.7", "fe80::1%eth0", "fe80::1%" + "x" * 200, "ff02::1"])
def test_addresses_that_ipv6_can_not_send_to(address: str) -> None:
    with pytest.raises(NotAcceptable):
        Session("2001:db8::1").check(offer("m=audio 5000 RTP/AVP 0", head=f"{HEAD}c=IN IP6 {address}\r\n"))


def origin(body: bytes) -> tuple[str, int]:
    words = body.decode().split("\r\n")[1].split()
    assert words[0] == "o=-"
    return words[1], int(words[2])


def test_the_origin_stays_and_its_version_goes_up_with_each_change() -> None:
    """RFC 3264 section 8."""
    session = Session("192.0.2.1")
    first = session.answer(offer("m=audio 5000 RTP/AVP 0"), 4000)[0]
    same = session.answer(offer("m=audio 5008 RTP/AVP 0"), 4000)[0]
    held = session.answer(offer("m=audio 5008 RTP/AVP 0", "a=sendonly"), 4000)[0]
    ours = session.offer(4000)
    assert len({origin(body)[0] for body in (first, same, held, ours)}) == 1
    versions = [origin(body)[1] for body in (first, same, held, ours)]
    assert versions == [versions[0], versions[0], versions[0] + 1, versions[0] + 2]
    assert origin(Session("192.0.2.1").offer(4000))[0] != origin(first)[0]


def test_an_offer_of_our_own_and_its_answer() -> None:
    session = Session("192.0.2.1")
    assert media(session.offer(4000)) == [
        "m=audio 4000 RTP/AVP 0 8 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=sendrecv",
    ]
    agreed = session.accept(offer("m=audio 5000 RTP/AVP 8 101", "a=rtpmap:101 telephone-event/8000"))
    assert agreed == Agreed(("192.0.2.7", 5000), "PCMA", 101, True, True)
    assert media(session.offer(4000, hold=True))[-1] == "a=sendonly"


def test_an_offer_of_ours_keeps_every_stream_and_the_type_in_use() -> None:
    """No m-line of a session may ever vanish (RFC 3264 section 8)."""
    session = Session("192.0.2.1")
    session.answer(offer(*VIDEO, "m=audio 5000 RTP/AVP 0 96", "a=rtpmap:96 telephone-event/8000"), 4000)
    said = media(session.offer(4000))
    assert said[:2] == ["m=video 0 RTP/AVP 99", "m=audio 4000 RTP/AVP 0 8 96"]


LINES = st.sampled_from(
    [
        "m=audio 5000 RTP/AVP 0 101",
        "m=video 1 RTP/AVP 9",
        "m=audio 1/2 x",
        "m=",
        "a=rtpmap:101 telephone-event/8000",
        "a=sendonly",
        "c=IN IP4 192.0.2.7",
        "c=IN IP4 \x85",
        "a=rtpmap:",
        "b=AS:x",
        "a=fmtp:101 ",
        "o=",
        "t=x y",
        "m=\u2028",
    ]
)


@given(st.lists(st.one_of(LINES, st.text(max_size=30)), max_size=12))
def test_any_text_is_answered_or_refused(lines: list[str]) -> None:
    """And an answer is one that we would take ourselves, with a line for each of the offer's streams."""
    try:
        body, agreed = Session("192.0.2.1").answer("\r\n".join(lines).encode("utf-8", "replace"), 4000)
    except NotAcceptable:
        return
    assert 0 < agreed.remote[1] < 65536
    text = body.decode()
    assert all(len(line) > 2 and line[1] == "=" for line in text.split("\r\n")[:-1])
    assert text.count("m=audio 4000 ") == 1
    assert Session("192.0.2.1").accept(body).remote == ("192.0.2.1", 4000)
