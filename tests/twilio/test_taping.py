"""Conversations on Twilio that their queue records."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from callcenter.tables import recordings
from ivr.rehearsal.twilio_double import Call
from ivr.rehearsal.twilio_double.rest import Refused
from tests.twilio.office import ANA, DANA, Office, Open
from tests.twilio.support import words
from tests.waiting import until

TOLD = "This call is recorded"


def rows(office: Office, contact: str) -> list[Any]:
    return [row for row in office.line.rows(recordings) if row.contact_id == contact]


def kept(office: Office, contact: str) -> list[Any]:
    """The recordings, once all of them have been fetched."""
    return until(lambda: found if (found := rows(office, contact)) and all(row.sha256 for row in found) else [])


def told(call: Call) -> int:
    return sum("record" in said.casefold() for said in words(call))


def test_both_are_told_and_the_file_is_kept(open_recording_office: Open) -> None:
    office = open_recording_office("ana")
    dana, ana = office.conversation()
    assert (told(dana), told(ana)) == (1, 1)
    [tape] = dana.tapes
    assert ana.tapes == []
    assert (tape.channels, tape.went) == ("dual", ["in-progress"])
    contact = office.contact(dana)
    assert office.ordered(dana, "record_pause") == ""
    assert tape.went == ["in-progress", "paused"]
    assert office.ordered(dana, "record_resume") == ""
    ana.hang_up()
    office.step()
    assert tape.went == ["in-progress", "paused", "in-progress", "stopped"], "what the flow says is not on it"
    assert not dana.over
    [row] = kept(office, contact)
    assert (row.kind, row.id, row.number) == ("conversation", tape.sid, DANA)
    assert hashlib.sha256(Path(row.path).read_bytes()).hexdigest() == row.sha256
    dana.hang_up()
    assert dana.failures == ana.failures == []


def test_the_recording_goes_on_with_the_next_agent_and_ends_with_the_call(open_recording_office: Open) -> None:
    office = open_recording_office("ana", "ben")
    office.queues.set_presence("ben", "unavailable", "lunch")
    dana, _ = office.conversation()
    assert office.ordered(dana, "transfer", to={"agent": "ben"}) == ""
    ben = office.rung().start()
    office.step()
    [tape] = dana.tapes
    assert tape.went == ["in-progress"]
    assert told(dana) == 1
    dana.hang_up()
    office.step()
    assert ben.over
    assert tape.over
    assert len(kept(office, office.contact(dana))) == 1


def test_what_twilio_does_not_record_holds_up_nobody(open_recording_office: Open) -> None:
    office = open_recording_office("ana")
    dana, ana = office.conversation()
    office.rest.refuses = Refused(404, 20404, "there is no such recording")
    assert office.ordered(dana, "record_pause") == ""
    assert office.ordered(dana, "hold") == ""
    assert office.ordered(dana, "resume") == ""
    assert (office.hears(dana), office.hears(ana)) == ({ANA}, {DANA})


def test_who_is_called_back_is_recorded_and_told_too(open_recording_office: Open) -> None:
    office = open_recording_office("ana")
    back, ana, contact = office.calls_back()
    assert (told(back), told(ana)) == (1, 1)
    [tape] = back.tapes
    ana.hang_up()
    office.step()
    assert tape.over
    [row] = kept(office, contact)
    assert row.number == DANA


def test_where_a_queue_records_nothing_nothing_is_said_and_a_pause_makes_no_sense(open_office: Open) -> None:
    office = open_office("ana")
    dana, ana = office.conversation()
    assert (told(dana), told(ana), dana.tapes) == (0, 0, [])
    assert office.ordered(dana, "record_pause") == "this call is not recorded"
