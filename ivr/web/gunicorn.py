"""gunicorn for the web process.

The application is loaded before the fork: every worker has the same vault key. There is no access log: each turn of
a call is in the event log, and a log of requests would be one more place that could hold what a caller keyed.
"""

from __future__ import annotations

import gc
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from ivr.settings import Settings


def options(settings: Settings) -> dict[str, Any]:
    """gunicorn's settings."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return {
        "bind": f"{host}:{settings.port}",
        "worker_class": "gthread",
        "workers": settings.web_workers,
        "threads": settings.web_threads,
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
