"""Preview: the agent looks at whom to call, and calls or skips; each is decided once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from callcenter import consent
from callcenter.campaigns import deciding, skipping
from callcenter.campaigns.config import Campaign
from callcenter.db import reading
from callcenter.queues import previewing, screenpop
from tests.campaigns.conftest import ANA, Desk
from tests.campaigns.support import audited, ended

SKIPS = {"not_now": "later", "wrong_person": "close", "no_more": "do_not_contact"}


@pytest.fixture
def offer(desk: Desk) -> str:
    """Whom Ana looks at."""
    desk.file["plan"] |= {"preview": True, "skips": SKIPS, "spacing": {"skipped": "2h"}}
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    return desk.offered()


def skip(desk: Desk, offer: str, reason: str) -> bool:
    contact = desk.queues.offer(offer).contact_id
    with desk.engine.begin() as conn:
        done = skipping.skip(conn, contact, desk.queues.context(contact), "ana", reason, desk.now)
    desk.queues.cancel_callback(contact, "skipped")
    desk.drain()
    return done


def test_the_first_decision_counts(desk: Desk, offer: str) -> None:
    queues = desk.queues
    assert previewing.decision(queues, offer) == ""
    assert not previewing.decide(queues, "ben", offer, "call")
    assert previewing.decide(queues, "ana", offer, "call")
    assert previewing.decide(queues, "ana", offer, "call")
    assert not previewing.decide(queues, "ana", offer, "skip")
    assert previewing.decision(queues, offer) == "call"
    desk.talks(offer)
    assert desk.state() == ("done", "reached", 1)
    assert audited(desk) == []


def test_an_offer_that_is_over_is_nobodys_to_decide(desk: Desk, offer: str) -> None:
    desk.queues.refuse(offer, "no_answer")
    assert not previewing.decide(desk.queues, "ana", offer, "call")
    assert not previewing.decide(desk.queues, "ana", "none", "call")


def test_the_agent_sees_the_reasons(desk: Desk, offer: str) -> None:
    found = desk.queues.offer(offer)
    entry, given = desk.queues.entry(found.contact_id), desk.queues.context(found.contact_id)
    with reading(desk.engine) as conn:
        pop = screenpop.build(conn, found, entry, desk.queues.queue("billing"), given, desk.clock())
    assert pop.campaign is not None
    assert (pop.campaign.preview, pop.campaign.skips) == (True, [*SKIPS])


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        ("not_now", ("waiting", "skipped", 0)),
        ("wrong_person", ("done", "skipped", 0)),
        ("no_more", ("done", "do_not_contact", 0)),
    ],
)
def test_what_a_reason_means(desk: Desk, offer: str, reason: str, state: tuple[str, str, int]) -> None:
    contact = desk.row().contact_id
    assert skip(desk, offer, reason)
    assert not skip(desk, offer, reason)
    row = desk.row()
    assert desk.state() == state
    assert (row.code, row.agent) == (reason, "ana")
    assert ended(desk, contact) == "skipped"
    assert desk.queues.agents()["ana"].state == "idle"
    with reading(desk.engine) as conn:
        known = consent.of(conn, row.customer_id).get("phone")
    assert (known is not None and known.do_not_contact) is (reason == "no_more")
    assert audited(desk) == []


def test_whoever_is_skipped_for_now_is_offered_later(desk: Desk, offer: str) -> None:
    skip(desk, offer, "not_now")
    assert desk.row().next_at == desk.now + timedelta(hours=2)
    assert desk.fed() == 0
    desk.clock.sleep(7200)
    assert desk.fed() == 1
    assert desk.row().contact_id != desk.queues.offer(offer).contact_id
    assert previewing.decision(desk.queues, desk.offered()) == ""


def test_a_reason_that_the_campaign_hasnt(desk: Desk, offer: str) -> None:
    with pytest.raises(skipping.NoReason):
        skip(desk, offer, "lazy")
    assert desk.state() == ("queued", "", 0)


def test_a_process_that_died_between_skip_and_cancel_has_nobody_called(desk: Desk, offer: str) -> None:
    """The entry is still in the queue, and its person is back on the list: whoever would dial finds that out."""
    contact = desk.queues.offer(offer).contact_id
    with desk.engine.begin() as conn:
        skipping.skip(conn, contact, desk.queues.context(contact), "ana", "not_now", desk.now)
    assert deciding.hindered(desk.engine, desk.lists(), contact, desk.now) == "not_on_the_list"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"skips": {"a": "later"}}, "`skips` is for campaigns with `preview: true`"),
        ({"preview": True, "skips": {}}, "skips"),
        ({"preview": True, "skips": {"a": "never"}}, "'later', 'close' or 'do_not_contact'"),
        ({"flow": "remind", "preview": True}, "`preview` is for calls by agents"),
    ],
)
def test_mistakes_in_settings(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Campaign.model_validate({"queue": "billing", **more})


def test_without_preview_there_is_nothing_to_skip(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    with pytest.raises(skipping.NoReason):
        skip(desk, desk.offered(), "not_now")
    assert desk.state() == ("queued", "", 0)
