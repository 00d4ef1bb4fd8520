"""What `callwright doctor` looks at: one function a matter."""

from __future__ import annotations

import platform
import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import sqlalchemy as sa

from callcenter.db import open_database, reading
from callcenter.mail.compose import our_addresses
from ivr import embedded, ports
from ivr.actions import specs
from ivr.assembly import make_published
from ivr.channels.mail.imap import ImapAccount
from ivr.channels.sip import encryption
from ivr.finding import Finding, readable_by_others
from ivr.flow.load import read_folders
from ivr.prompts.catalogue import Catalogue
from ivr.published import NothingPublished
from ivr.settings import Settings
from ivr.speech import examined


def examine(settings: Settings) -> Iterator[Finding]:
    """Every finding. An examination that fails is a finding itself."""
    for look in (
        _python,
        _voices,
        _hearing,
        _intents,
        _tools,
        _ports,
        _data,
        _database,
        _redis,
        _twilio,
        _sip,
        _encryption,
        _money,
        _mail,
    ):
        try:
            yield from look(settings)
        except Exception as error:
            reason = str(error).strip().splitlines()
            yield Finding(look.__name__.strip("_"), False, reason[0] if reason else type(error).__name__)


def _python(settings: Settings) -> Iterator[Finding]:
    yield Finding("python", True, f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _voices(settings: Settings) -> Iterator[Finding]:
    languages = Catalogue.read(settings.prompts_dir).languages
    yield from (examined.voices(language) for language in languages)
    if not languages:
        yield Finding("prompts", False, f"no language in {settings.prompts_dir}", "set PROMPTS_DIR")


def _hearing(settings: Settings) -> Iterator[Finding]:
    if not settings.recognisers:
        yield Finding("speech", None, "switched off: callers have keys only", "set SPEECH_WORKERS to -1")
        return
    yield from examined.detector()
    for language in Catalogue.read(settings.prompts_dir).languages:
        yield from examined.recognisers(language)


def _intents(settings: Settings) -> Iterator[Finding]:
    flows, _ = read_folders(settings.flows_dir, settings.prompts_dir, specs())
    for language in flows.company.languages:
        yield from examined.intents(flows.intents, language)


def _tools(settings: Settings) -> Iterator[Finding]:
    found = shutil.which("ffmpeg")
    fix = "recordings must be WAV without it: apt-get install ffmpeg"
    yield Finding("ffmpeg", True if found else None, found or "not there", "" if found else fix)


def _ports(settings: Settings) -> Iterator[Finding]:
    stream, datagram = socket.SOCK_STREAM, socket.SOCK_DGRAM
    for name, host, port, kinds in (
        ("PORT", settings.host, settings.port, (stream,)),
        ("SIP_PORT", settings.sip_host, settings.sip_port, (stream, datagram)),
    ):
        free = ports.is_free(host, port, kinds)
        fix = "" if free else f"fine if that is Callwright; else set {name}, or leave it unset and `run` takes another"
        yield Finding(name, True if free else None, f"{host}:{port} {'is free' if free else 'is taken'}", fix)


def _data(settings: Settings) -> Iterator[Finding]:
    place = settings.data_dir.absolute()
    existing = next(folder for folder in (place, *place.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    enough = free > 500_000_000
    fix = "" if enough else "make room: recordings and rendered prompts go there"
    yield Finding("DATA_DIR", enough, f"{place}, {free / 1e9:.1f} GB free", fix)
    for name, path in (("DATA_DIR", place), (".env", Path(".env")), ("SIP_TLS_KEY", Path(settings.sip_tls_key))):
        if path.is_file() or (name == "DATA_DIR" and path.is_dir()):
            open_to = readable_by_others(path)
            said = f"{path} can be read by everybody on this machine" if open_to else f"{path} is closed to others"
            yield Finding(f"{name} access", None if open_to else True, said, f"chmod o-rwx {path}" if open_to else "")


def _database(settings: Settings) -> Iterator[Finding]:
    url = sa.engine.make_url(settings.database)
    shown = url.render_as_string()
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        yield Finding("database", True, f"{shown}, which `callwright run` makes")
        return
    engine = open_database(settings.database)
    try:
        with reading(engine) as connection:
            connection.execute(sa.select(1))
            migrated = sa.inspect(connection).has_table("flow_versions")
        yield Finding("database", True, shown)
        current = make_published(settings, engine).current().hash if migrated else None
        yield Finding("flows", True if current else None, current or "none published", "" if current else _PUBLISH)
    except NothingPublished:
        yield Finding("flows", None, "none published", _PUBLISH)
    except sa.exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        yield Finding("database", False, f"{shown}: {reason}", "check DATABASE_URL")
    finally:
        engine.dispose()


_PUBLISH = "callwright publish"


def _redis(settings: Settings) -> Iterator[Finding]:
    if not settings.redis_url:
        embedded.binary()
        up = embedded.is_up(embedded.server_url(settings.data_dir))
        yield Finding("redis", True, f"our own, {'running' if up else '`callwright run` starts it'}")
        return
    up = embedded.is_up(settings.redis_url)
    yield Finding("redis", up, "answers" if up else "doesn't answer", "" if up else "check REDIS_URL")


def _twilio(settings: Settings) -> Iterator[Finding]:
    needed = {"PUBLIC_BASE_URL": settings.public_base_url, "TWILIO_AUTH_TOKEN": settings.twilio_auth_token}
    missing = [name for name, value in needed.items() if not value]
    if missing:
        yield Finding("twilio", None, "not set up for calls", f"set {' and '.join(missing)}: docs/twilio.md")
        return
    if not settings.public_base_url.startswith("https://"):
        yield Finding("twilio", None, settings.public_base_url, "Twilio wants https:// outside of experiments")
        return
    yield Finding("twilio", True, f"voice webhook {settings.base_url}/twilio/voice")


def _sip(settings: Settings) -> Iterator[Finding]:
    open_to_all = {"0.0.0.0/0", "::/0"} & {net.strip() for net in settings.sip_allow.split(",")}
    if open_to_all:
        fix = "name your trunk's networks in SIP_ALLOW"
        yield Finding("SIP_ALLOW", None, "anybody may call: dialling robots will", fix)
    elif settings.sip_host.startswith("127.") and not settings.sip_register:
        yield Finding("sip", None, "answers calls from this machine only", "SIP_HOST and SIP_ALLOW: docs/sip.md")
    else:
        yield Finding("sip", True, f"answers calls from {settings.sip_allow}")


def _encryption(settings: Settings) -> Iterator[Finding]:
    """TLS for SIP, and SRTP, whose keys it carries."""
    if settings.sip_tls_cert:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.sip_tls_cert, settings.sip_tls_key or None)
        except (OSError, ssl.SSLError) as error:
            yield Finding("SIP_TLS_CERT", False, f"can't be used: {error}", "PEM files: the whole chain, and its key")
    srtp = encryption.read(settings.sip_srtp, without_tls=settings.sip_srtp_without_tls)
    if srtp.modes == {"off"}:
        yield Finding("srtp", None, "off: whoever is on the way hears calls", "set SIP_SRTP to optional")
        return
    must = "required" in srtp.modes
    if not encryption.available():
        yield Finding("srtp", False if must else None, "pylibsrtp can't be loaded", "pip install pylibsrtp")
        return
    tls = bool(settings.sip_tls_cert) or "transport=tls" in settings.sip_register.lower()
    if srtp.without_tls:
        fix = "only behind a proxy that has TLS, on a network that is trusted: docs/sip.md"
        yield Finding("srtp", None, "keys go over UDP and TCP too, where they can be read", fix)
    elif not tls:
        found = (
            "required, so those calls fail: keys go over TLS alone" if must else "never used: keys go over TLS alone"
        )
        yield Finding("srtp", False if must else None, found, "set SIP_TLS_CERT and SIP_TLS_KEY: docs/sip.md")
    else:
        yield Finding("srtp", True, f"{settings.sip_srtp}, over TLS")


def _money(settings: Settings) -> Iterator[Finding]:
    match settings.payment_gateway:
        case "sandbox":
            yield Finding("payments", None, "sandbox: no money moves", "PAYMENT_GATEWAY=stripe and STRIPE_API_KEY")
        case "stripe" if not settings.stripe_api_key:
            yield Finding("payments", False, "Stripe without a key", "set STRIPE_API_KEY")
        case name:
            yield Finding("payments", True, name)
    yield Finding("bills", True, _shown(settings.billing_url) or "our database (callwright import-bills FILE)")


def _mail(settings: Settings) -> Iterator[Finding]:
    if not settings.smtp_url:
        yield Finding("mail", None, "mails are kept, not sent", "set SMTP_URL and MAIL_FROM")
    else:
        yield Finding(
            "mail", bool(settings.mail_from), "SMTP_URL is set", "" if settings.mail_from else "set MAIL_FROM"
        )
    ours = our_addresses(settings.mail_addresses, settings.mail_from)
    ways = [
        f"SMTP on {settings.mail_in_host}:{settings.mail_in_port}" if settings.mail_in else "",
        f"LMTP on {settings.lmtp_socket}" if settings.lmtp_socket else "",
        f"the mailbox of {ImapAccount.read(settings.imap_url).host}" if settings.imap_url else "",
    ]
    found = ", ".join(sorted(ours.addresses | {f"@{domain}" for domain in ours.domains}))
    yield Finding("mail in", any(ways) or None, f"{found} by {', '.join(filter(None, ways)) or 'nothing'}")


def _shown(url: str) -> str:
    """An address without the user and password that it may hold."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
