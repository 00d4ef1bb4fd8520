"""SSML's common part: one reading for every voice, Twilio and text channels."""

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ivr.flow.expr import ExprError
from ivr.flow.pace import text_seconds
from ivr.flow.template import MarkupError, parse
from ivr.prompts.parts import Part, Prompt
from ivr.prompts.spoken import PAUSE, Piece, pieces, spoken
from ivr.prompts.ssml import TAGS
from ivr.prompts.written import written


def prompt(text: str, **slots: object) -> Prompt:
    return Prompt(parse(text).fill(slots), "en")


SAID = [
    ('Hello<break time="500ms"/>there.', [Piece("Hello"), Piece("", seconds=0.5), Piece("there.")], "Hello there."),
    ('One. <break time="1.5s"/> Two.', [Piece("One."), Piece("", seconds=1.5), Piece("Two.")], "One. Two."),
    ("Yes<break/>, sir.", [Piece("Yes"), Piece("", seconds=0.4), Piece("sir.")], "Yes, sir."),
    ('A<break strength="none"/>B', [Piece("AB")], "AB"),
    ('It is <emphasis level="strong">not</emphasis> due.',
     [Piece("It is,"), Piece("not,", 100, "strong"), Piece("due.")], "It is not due."),
    ("It is <emphasis>due</emphasis>.", [Piece("It is,"), Piece("due", 100, "moderate")], "It is due."),
    ('<prosody rate="slow">Slowly.</prosody>', [Piece("Slowly.", 80)], "Slowly."),
    ('<prosody rate="50%"><prosody rate="120%">x y</prosody></prosody>', [Piece("x y", 60)], "x y"),
    ('<prosody rate="-20%">{x|digits}</prosody>', [Piece("4", 80), Piece("2", 80)], "42"),
    ('<say-as interpret-as="digits">{x}</say-as>', [Piece("4"), Piece("2")], "42"),
    ('<say-as interpret-as="characters">AB-1</say-as>', [Piece("A"), Piece("B"), PAUSE, Piece("1")], "AB-1"),
    ('<say-as interpret-as="spell-out">q</say-as>', [Piece("Q")], "q"),
    ('<say-as interpret-as="telephone">+1 212 555 0123</say-as>',
     [*map(Piece, "212"), PAUSE, *map(Piece, "555"), PAUSE, *map(Piece, "0123")], "+1 212-555-0123"),
    ('<say-as interpret-as="date">2026-11-23</say-as>',
     [Piece("Monday, November the twenty-third, twenty twenty-six")], "Monday, November 23, 2026"),
    ('<say-as interpret-as="date" format="dmy">23.11.2026</say-as>',
     [Piece("Monday, November the twenty-third, twenty twenty-six")], "Monday, November 23, 2026"),
    ('<say-as interpret-as="time">2:05pm</say-as>', [Piece("two oh five p.m.")], "2:05 PM"),
    ('<say-as interpret-as="time" format="hms24">14:05:00</say-as>', [Piece("two oh five p.m.")], "2:05 PM"),
    ('<say-as interpret-as="currency">EUR 42.50</say-as>', [Piece("forty-two euros and fifty cents")], "€42.50"),
    ('<say-as interpret-as="currency">{x}</say-as>', [Piece("forty-two cents")], "$0.42"),
    ('<say-as interpret-as="cardinal">21000</say-as>', [Piece("twenty-one thousand")], "21,000"),
    ('<say-as interpret-as="ordinal">3</say-as>', [Piece("third")], "3rd"),
    ("R&amp;D &lt;b&gt; AT&T 1 < 2", [Piece("R&D <b> AT&T 1 < 2")], "R&D <b> AT&T 1 < 2"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "heard", "read"), SAID, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_heard_and_what_is_read(text: str, heard: list[Piece], read: str) -> None:
    said = prompt(text, x=42)
    assert pieces(said) == heard
    assert written(said) == read
    assert Prompt.from_json(json.loads(json.dumps(said.to_json()))) == said
    assert "<" not in spoken(said) or "&lt;" in text


WRONG = [
    ("Say <b>it</b>", 4, "<b> can't be spoken"),
    ("<speak>x</speak>", 0, "leave <speak> out"),
    ("<p>x</p>", 0, "not needed"),
    ("<brake/>", 0, "did you mean 'break'?"),
    ('a <audio src="x.wav"/>', 2, "<audio> can't be spoken"),
    ("a < b <c", 6, "not closed"),
    ("<!-- x -->", 0, "&lt;"),
    ('x <break time="5"/>', 2, "500ms or 1.5s"),
    ('<break time="11s"/>', 0, "10 seconds"),
    ('<break strength="huge"/>', 0, "not a strength"),
    ("<break time=5s/>", 7, 'name="value"'),
    ('<break time="1s" time="2s"/>', 17, "twice"),
    ('<break size="5"/>', 0, "no 'size'"),
    ("<break>x</break>", 0, "stands alone"),
    ('<break time="{x}s"/>', 7, "written out|write it out"),
    ("x</prosody>", 1, "closes nothing"),
    ('x <prosody rate="slow">y', 2, "not closed; write </prosody>"),
    ('<prosody rate="slow"><emphasis>x</prosody></emphasis>', 32, "has to be"),
    ("<prosody>x</prosody>", 0, "needs a rate"),
    ('<prosody pitch="high">x</prosody>', 0, "no 'pitch'"),
    ('<prosody rate="quick">x</prosody>', 0, "not a rate"),
    ('<prosody rate="300%">x</prosody>', 0, "from 50% to 200%"),
    ('<prosody rate="60%"><prosody rate="60%">x</prosody></prosody>', 20, "this makes 36%"),
    ('<emphasis level="much">x</emphasis>', 0, "not a level"),
    ('<say-as interpret-as="fraction">1/2</say-as>', 0, "can't be spoken"),
    ("<say-as>1</say-as>", 0, "can't be spoken"),
    ('<say-as interpret-as="digits" format="x">1</say-as>', 0, "takes none"),
    ('<say-as interpret-as="date" format="ydm">x</say-as>', 0, "ymd, mdy, dmy"),
    ('<say-as interpret-as="date">2026-02-30</say-as>', 28, "write it as 2026-11-23"),
    ('<say-as interpret-as="time">25:00</say-as>', 28, "as a time"),
    ('<say-as interpret-as="currency">$4</say-as>', 32, "USD 42.50"),
    ('<say-as interpret-as="telephone">call</say-as>', 33, "telephone"),
    ('<say-as interpret-as="digits"> - </say-as>', 30, "digits"),
    ('<say-as interpret-as="digits"></say-as>', 30, "nothing to say"),
    ('<say-as interpret-as="date">{x}{x}</say-as>', 32, "several values"),
    ('<say-as interpret-as="digits">{x|money}</say-as>', 31, "without a kind"),
    ('<say-as interpret-as="digits"><say-as interpret-as="date">1</say-as></say-as>', 30, "another one"),
    ('<say-as interpret-as="digits">1<break/></say-as>', 31, "in <say-as>"),
]


@pytest.mark.parametrize(("text", "offset", "what"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_a_mistake_says_where_it_stands_and_what_to_write(text: str, offset: int, what: str) -> None:
    with pytest.raises(MarkupError, match=what) as caught:
        parse(text)
    assert caught.value.offset == offset


def test_what_a_caller_brings_is_never_a_tag() -> None:
    said = prompt("Hello {name}.", name='<break time="9s"/>&lt;')
    assert said.parts == (Part("text", 'Hello <break time="9s"/>&lt;.'),)


def test_tags_count_for_the_length_of_a_menu_as_long_as_they_sound() -> None:
    plain = text_seconds("Press one for bills.", "en")
    assert text_seconds('Press one for <break time="2s"/>bills.', "en") == pytest.approx(plain + 2, abs=0.01)
    assert text_seconds('<prosody rate="50%">Press one for bills.</prosody>', "en") > 1.7 * plain


SCRAPS = ["<", ">", "/", "</", "/>", "=", '"', "'", " ", "{x}", "{", "&lt;", "a", "rate", "time", "interpret-as", *TAGS,
          '"slow"', '"1s"', '"digits"', '<prosody rate="slow">', "</prosody>", "<break/>", "<emphasis>"]  # fmt: skip


@given(st.lists(st.sampled_from(SCRAPS), max_size=14).map("".join))
@example("<" * 2000)
@example("<a " + '"' * 1999)
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    offset = None
    try:
        said = prompt(text, x="4")
    except ExprError as error:
        offset = error.offset
    if offset is not None:
        assert 0 <= offset <= len(text)
        return
    assert all(part.kind in ("text", "break", "digits") for part in said.parts)
    if "&lt;" not in text:  # which is how to write a tag that is none
        assert not re.search(r"<(break|prosody|emphasis|say-as)[ />]", written(said).replace("<<", ""))
