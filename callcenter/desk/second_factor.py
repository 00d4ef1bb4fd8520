"""One-time codes of an app (TOTP, RFC 6238) by pyotp, and recovery codes for when the telephone is gone."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import pyotp
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.desk.secret import Key, digest
from callcenter.desk_tables import recovery_codes, users

STEP = 30
DRIFT = 1
"""Steps that a clock may be wrong, either way."""
RECOVERY_CODES = 10
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike


def new_secret() -> str:
    """160 random bits in base32."""
    return str(pyotp.random_base32())


def address(secret: str, login: str, company: str) -> str:
    """The otpauth:// address that apps read from a QR code."""
    return str(pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=company))


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """The time step that a code belongs to, within the drift; `None` where it fits none."""
    code = code.replace(" ", "")
    if len(code) != 6 or not code.isascii() or not code.isdigit():
        return None
    totp = pyotp.TOTP(secret)
    for off in range(-DRIFT, DRIFT + 1):
        at = now + timedelta(seconds=off * STEP)
        if secrets.compare_digest(totp.at(at), code):
            return int(at.timestamp()) // STEP
    return None


def switch_on(conn: Connection, user_id: str, secret: str, code: str, key: Key, now: datetime) -> list[str]:
    """Ask for codes from now on; returns the recovery codes, which can't be shown again. Raises ValueError where the
    code doesn't fit: the app has another secret."""
    step = step_of(secret, code, now)
    if step is None:
        raise ValueError("the code doesn't fit")
    values = {"totp_secret": key.seal(secret), "totp_step": step}
    conn.execute(sa.update(users).where(users.c.id == user_id).values(values))
    return new_recovery_codes(conn, user_id)


def switch_off(conn: Connection, user_id: str) -> None:
    conn.execute(sa.update(users).where(users.c.id == user_id).values(totp_secret=None, totp_step=0))
    conn.execute(sa.delete(recovery_codes).where(recovery_codes.c.user_id == user_id))


def check(conn: Connection, user_id: str, code: str, key: Key, now: datetime) -> bool:
    """Whether it is the app's code or a recovery code; each works once, also when it comes twice at once. Raises
    `secret.Unreadable` where the server's key has changed."""
    stored = conn.execute(sa.select(users.c.totp_secret).where(users.c.id == user_id)).scalar_one_or_none()
    if stored is None:
        return False
    step = step_of(key.unseal(stored), code, now)
    if step is not None:
        later = sa.update(users).where(users.c.id == user_id, users.c.totp_step < step)
        return conn.execute(later.values(totp_step=step)).rowcount == 1
    mine = sa.update(recovery_codes).where(
        recovery_codes.c.user_id == user_id,
        recovery_codes.c.digest == digest(_bare(code)),
        recovery_codes.c.used_at.is_(None),
    )
    return conn.execute(mine.values(used_at=now)).rowcount == 1


def new_recovery_codes(conn: Connection, user_id: str) -> list[str]:
    """Ten codes of 79 bits in place of those that were; they can't be shown again."""
    conn.execute(sa.delete(recovery_codes).where(recovery_codes.c.user_id == user_id))
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(16)) for _ in range(RECOVERY_CODES)]
    conn.execute(sa.insert(recovery_codes), [{"digest": digest(code), "user_id": user_id} for code in codes])
    return ["-".join(code[start : start + 4] for start in range(0, 16, 4)) for code in codes]


def recovery_codes_left(conn: Connection, user_id: str) -> int:
    query = sa.select(sa.func.count()).select_from(recovery_codes)
    return conn.execute(
        query.where(recovery_codes.c.user_id == user_id, recovery_codes.c.used_at.is_(None))
    ).scalar_one()


def _bare(code: str) -> str:
    return "".join(character for character in code.lower() if character.isalnum())
