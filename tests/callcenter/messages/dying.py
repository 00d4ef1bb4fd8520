"""A process that sends what is due and may be killed at any moment: run by test_exactly_once."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta

from callcenter import outbox
from callcenter.db import open_database
from ivr.settings import Settings


def main(url: str, base: str, kind: str, late: str) -> None:
    """Once the input ends, sweep until nothing is queued, at a clock that is `late` seconds ahead."""
    secret = "c2VjcmV0IGtleSBmb3IgdGVzdHM="
    settings = Settings.defaults(sms_http_url=f"{base}/sms", sms_http_secret=secret, sms_http_from="+12025550100")
    if kind == "twilio":
        settings = Settings.defaults(
            twilio_account_sid="AC1", twilio_auth_token="t", twilio_from="+12025550100", twilio_api_base=base
        )
    elif kind == "smtp":
        settings = Settings.defaults(smtp_url=base.replace("http", "smtp"), mail_from="bills@example.com")
    engine = open_database(url)
    print("up", flush=True)
    sys.stdin.read()
    while outbox.sweep(engine, settings, datetime.now(UTC) + timedelta(seconds=float(late))):
        time.sleep(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
