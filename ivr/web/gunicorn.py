"""gunicorn for the web process.

The application is loaded before the fork: every worker has the same vault key. There is no access log: each turn of
a call is in the event log, and a log of requests would be one more place that could hold what a caller keyed.
"""

from __future__ import annotations

import gc
import resource
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from ivr.settings import Settings

MOST_CONNECTIONS = 8000
"""Connections that a worker keeps: a browser has up to six, and lets them wait for its next request."""
OTHER_FILES = 200
"""Open files of a worker that are no connections of browsers."""


def options(settings: Settings) -> dict[str, Any]:
    """gunicorn's settings."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return {
        "bind": f"{host}:{settings.port}",
        "worker_class": "gthread",
        "workers": settings.web_workers,
        "threads": settings.web_threads,
        "worker_connections": connections(settings.web_threads),
        "preload_app": True,
        "timeout": 60,
        "graceful_timeout": 20,  # longer than Twilio waits
        "keepalive": 75,
        "limit_request_line": 4094,
        "limit_request_fields": 60,
        "accesslog": None,
        "loglevel": "warning",
        "proc_name": "callwright-web",
        "control_socket_disable": True,
    }


def connections(threads: int) -> int:
    """How many connections a worker may keep, by what the system lets a process open; at least one a thread. Raises
    that limit as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + OTHER_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(2 * threads, allowed - OTHER_FILES)


class Server(BaseApplication):  # type: ignore[misc]
    """`Server(app, settings).run()` serves until SIGTERM."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in options(self._settings).items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)
        self.cfg.set("when_ready", _ready)
        self.cfg.set("post_worker_init", _quiet)

    def load(self) -> Flask:
        # What is loaded stays: the collector needn't walk it, and the workers go on sharing its pages.
        gc.collect()
        gc.freeze()
        return self._app


def _ready(arbiter: Any) -> None:
    """Says where it listens: PORT=0 leaves the choice to the system."""
    for listener in arbiter.LISTENERS:
        host, port, *_ = listener.sock.getsockname()
        print(f"web: http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)
    _quiet(arbiter)


def _quiet(worker: Any) -> None:
    """gunicorn's loggers end in our stream."""
    import logging

    for name in ("gunicorn.error", "gunicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
