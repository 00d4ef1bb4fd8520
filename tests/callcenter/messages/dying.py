"""A process that sends what is due and may be killed at any moment: run by test_exactly_once."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta

from callcenter import outbox
from callcenter.db import open_database


def main(url: str, base: str, kind: str, late: str) -> None:
    """Once the input ends, sweep until nothing is queued, at a clock that is `late` seconds ahead."""
    secret = "c2VjcmV0IGtleSBmb3IgdGVzdHM="
    settings = {"SMS_HTTP_URL": f"{base}/sms", "SMS_HTTP_SECRET": secret, "SMS_HTTP_FROM": "+12025550100"}
    if kind == "twilio":
        settings = {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t", "TWILIO_FROM": "+12025550100",
                    "TWILIO_API_BASE": base}  # fmt: skip
    elif kind == "smtp":
        settings = {"SMTP_URL": base.replace("http", "smtp"), "MAIL_FROM": "bills@example.com"}
    engine = open_database(url)
    print("up", flush=True)
    sys.stdin.read()
    while outbox.sweep(engine, settings, datetime.now(UTC) + timedelta(seconds=float(late))):
        time.sleep(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
