"""uvloop for the processes that serve sockets."""

from __future__ import annotations

import os
from collections.abc import Coroutine
from typing import Any

import uvloop


def run(main: Coroutine[Any, Any, object]) -> None:
    """Run `main` to its end."""
    # libuv's io_uring was seen to spin in the kernel for ever when the loop closed, beyond the reach of SIGKILL
    # (uvloop 0.23 on Linux 6.18). epoll costs nothing here: our files are read and written in threads.
    os.environ.setdefault("UV_USE_IO_URING", "0")
    uvloop.run(main)
