"""The private Valkey server: its socket, what it keeps, and when it can't start."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from ivr import embedded
from ivr.settings import Settings


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def server(data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(embedded.server_command(data_dir))
    try:
        embedded.wait_until_up(embedded.server_url(data_dir))
        yield process
    finally:
        process.terminate()
        process.wait()


def test_it_listens_on_a_socket_of_ours_alone(server: subprocess.Popen[bytes], data_dir: Path) -> None:
    path = embedded.socket_path(data_dir)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with embedded.connect(Settings(_env_file=None, data_dir=data_dir, redis_url="")) as client:
        assert client.config_get("port") == {"port": "0"} or client.config_get("port") == {b"port": b"0"}


def test_nothing_that_was_confirmed_is_held_back(server: subprocess.Popen[bytes], data_dir: Path) -> None:
    """`everysec` holds writes back while the disk is busy, which no test can make it be."""
    with embedded.connect(Settings(_env_file=None, data_dir=data_dir, redis_url="")) as client:
        told = {str(name): str(value) for name, value in client.config_get("append*").items()}
    assert "no" in next(value for name, value in told.items() if "appendfsync" in name)
    assert "yes" in next(value for name, value in told.items() if "appendonly" in name)


def test_what_it_knows_survives_it(data_dir: Path) -> None:
    url = embedded.server_url(data_dir)
    for expected in (None, b"1"):
        process = subprocess.Popen(embedded.server_command(data_dir))
        try:
            embedded.wait_until_up(url)
            with redis.Redis.from_url(url) as client:
                assert client.get("key") == expected
                client.set("key", 1)
        finally:
            process.kill()
            process.wait()


def test_without_a_server_commands_say_what_to_do(data_dir: Path) -> None:
    with pytest.raises(embedded.NoRedis, match=r"start `callwright run`.* or set REDIS_URL"):
        embedded.redis_url(Settings(_env_file=None, data_dir=data_dir, redis_url=""))


def test_a_long_folder_name_has_its_socket_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    path = embedded.socket_path(deep)
    assert len(os.fsencode(path)) <= embedded.SOCKET_PATH_BYTES
    assert path != embedded.socket_path(tmp_path / ("x" * 121))


def test_a_socket_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    deep = tmp_path / ("x" * 120)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    embedded.socket_path(deep).parent.symlink_to(theirs)
    with pytest.raises(embedded.NoRedis, match="belongs to somebody else"):
        embedded.server_command(deep)
