"""A payment with the agent on the line on real processes, each of which is killed in the middle."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from callcenter import assisted, control
from callcenter.db import reading
from callcenter.redis_client import connect
from callcenter.tables import messages, payments, sandbox_charges, sessions
from ivr.actions import specs
from ivr.channels.twilio.sip_host import carried
from ivr.published import Published
from ivr.queue_config import PublishedQueues
from ivr.rehearsal.twilio_double import Call, HttpTransport, Twilio
from ivr.rehearsal.twilio_double.rest import Rest
from tests.secrecy import assert_lands_nowhere
from tests.twilio.office import DANA, company_files
from tests.twilio.server import router, web_server, workers
from tests.twilio.support import ACCOUNT, ACCOUNT_SID, BASE_URL, CARD, CODE, EXPIRY, TOKEN, prepare, settings
from tests.valkey import Valkey
from tests.waiting import until

pytestmark = pytest.mark.timeout(240)


def test_every_process_is_killed_and_the_card_is_charged_once(tmp_path: Path, valkey: Valkey) -> None:
    flows = company_files(tmp_path, {"on": True})
    with Rest() as rest:
        changes = {"redis_url": valkey.url, "twilio_api_base": rest.base_url}
        chosen = settings(tmp_path, **changes)
        engine = prepare(chosen, flows)
        environment = {name.upper(): value for name, value in changes.items()} | {"WEB_WORKERS": "2"}
        published = Published(engine, specs(), chosen.data_dir / "versions")
        queues = PublishedQueues(published, connect(valkey.url), carried(chosen)).queues
        with web_server(tmp_path, **environment) as web:
            twilio = Twilio(HttpTransport(web.url), TOKEN, BASE_URL, ACCOUNT_SID)
            rest.twilio = twilio

            def comes(true: Callable[[], Any]) -> Any:
                """Twilio does what it is asked for until it is so."""

                def found() -> Any:
                    twilio.settle()
                    return true()

                return until(found)

            def killed() -> None:
                """A web worker."""
                before = comes(lambda: workers(web.process))
                os.kill(before[0], signal.SIGKILL)
                comes(lambda: len(now := workers(web.process)) == len(before) and before[0] not in now)

            def shown() -> dict[str, Any]:
                return assisted.last(queues.client, contact) or {}

            def rung() -> list[Call]:
                return [call for call in list(twilio.calls.values()) if call.outbound and not call.answered]

            queues.sign_in("ana")
            dana = twilio.call(caller=DANA).start()
            dana.finish_speaking()
            with router(tmp_path, **environment) as first:
                dana.press("0")
                [ana] = comes(rung)
                ana.start()
                ana.press("1")
                with reading(engine) as conn:
                    [contact] = conn.execute(sa.select(sessions.c.contact_id)).scalars()
                comes(lambda: (place := queues.place(contact)) is not None and place.state == "connected")
                control.order(queues.client, contact, "pay", by="ana", args={"account": ACCOUNT, "amount": 5000})
                comes(lambda: dana.conference is None and dana.asks)
                first.kill()
            killed()
            dana.finish_speaking()
            dana.press("1")
            dana.finish_speaking()
            dana.press(CARD + "#")
            killed()
            dana.press(EXPIRY)
            assert shown()["keyed"] == {"card": 16, "expiry": 4, "security_code": 0}
            killed()
            with router(tmp_path, **environment):
                dana.press(CODE + "#")
                comes(lambda: dana.conference is not None and dana.conference is ana.conference)
                room = dana.conference
                assert room is not None
                comes(lambda: room.hears(dana.sid) == {ana.sid} and room.hears(ana.sid) == {dana.sid})
                comes(lambda: dana.tapes[0].went == ["in-progress", "paused", "in-progress"])
                assert (shown()["result"], shown()["card"]) == ("paid", CARD[-4:])
                dana.hang_up()
                comes(lambda: ana.over)
        with reading(engine) as conn:
            assert conn.execute(sa.select(payments.c.status, payments.c.amount)).all() == [("approved", 5000)]
            assert conn.execute(sa.select(sandbox_charges.c.status)).all() == [("charged",)]
            assert len(conn.execute(sa.select(messages)).all()) == 1
            assert all(conn.execute(sa.select(sessions.c.ended)).scalars())
        engine.dispose()
        queues.client.close()
        assert (dana.failures, ana.failures, dana.tapes[0].keys) == ([], [], "")
        written = [path for path in tmp_path.iterdir() if path.name not in ("versions", "flows")]
        assert_lands_nowhere(written, [CARD, EXPIRY, CODE])
