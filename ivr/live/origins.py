"""Which sites' pages may connect: a browser says in `Origin` whose page it is (RFC 6454)."""

from __future__ import annotations

from urllib.parse import urlsplit

from ivr.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def normal(origin: str) -> str:
    """An origin as browsers write it: scheme and host in lower case, no default port. Raises ValueError for what is
    no http or https origin."""
    parts = urlsplit(origin.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError(f"{origin!r} is not an origin; write it as https://www.example.com")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, default) else "")


def own(settings: Settings) -> frozenset[str]:
    """Our web process's own; where no public address is set, by every name of this machine."""
    if settings.public_base_url:
        parts = urlsplit(settings.base_url)
        return frozenset({normal(f"{parts.scheme}://{parts.netloc}")})
    hosts = {*LOOPBACK, f"[{settings.host}]" if ":" in settings.host else settings.host}
    return frozenset(normal(f"http://{host}:{settings.port}") for host in hosts)


def listed(setting: str) -> frozenset[str]:
    """The origins of a setting, with commas between. Raises ValueError."""
    return frozenset(normal(origin) for origin in setting.split(",") if origin.strip())
