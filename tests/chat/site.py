"""A web and a live process's parts in threads, and a browser in front of them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, Route
from werkzeug.serving import BaseWSGIServer, make_server

from ivr import ports
from ivr.assembly import make_live_context
from ivr.live.server import LiveServer
from ivr.settings import Settings
from ivr.web import create_app


class LiveThread:
    """A live server in a thread with a loop of its own; `stop` lets its pages go, `start` opens the same port again."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        # Not of those that the system gives to connections: while it is stopped, one of them would take it.
        self.port = ports.free("127.0.0.1", (socket.SOCK_STREAM,))
        self.start()

    def start(self) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        ready.wait()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        context = make_live_context(self.settings)
        try:
            async with LiveServer(context).listening("127.0.0.1", self.port):
                await context.hub.connected()
                ready.set()
                await self._stop.wait()
        finally:
            context.close()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()


class Site:
    def __init__(self, url: str, live: LiveThread, settings: Settings) -> None:
        self.url = url
        self.live = live
        self.settings = settings


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[Site]:
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        settings = settings.model_copy(update={"port": listening.getsockname()[1], "public_base_url": ""})
        live = LiveThread(settings)
        stack.callback(live.stop)
        settings = settings.model_copy(update={"live_port": live.port})
        app = create_app(settings)
        runner: Any = app.extensions["callwright"]
        stack.callback(runner.engine.dispose)
        stack.callback(runner.close)
        server: BaseWSGIServer = make_server("127.0.0.1", 0, app, threaded=True, fd=listening.fileno())
        stack.callback(server.server_close)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        yield Site(f"http://127.0.0.1:{settings.port}", live, settings)


class Widget:
    """The chat on a page, as a visitor uses it. `errors` are what the page complained of."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page: Page = context.new_page()
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.page.goto(url)

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log")

    def open(self) -> None:
        self.page.get_by_role("button", name="Open the chat").click()

    def write(self, text: str) -> None:
        self.page.get_by_label("Your message").fill(text)
        self.page.keyboard.press("Enter")

    @contextlib.contextmanager
    def tickets_held(self) -> Iterator[None]:
        """What the page asks a ticket with waits until the end."""
        asked: list[Route] = []
        holding = True

        def hold(route: Route) -> None:
            if holding:
                asked.append(route)
            else:  # the answer to one that was held may make the page ask again
                route.continue_()

        self.page.route("**/chat/ticket", hold)
        yield
        holding = False
        for route in asked:
            route.continue_()

    def turns(self, who: str) -> Locator:
        return self.log.locator(f".turn.{who} .text")

    def menu(self, item: str) -> None:
        self.page.get_by_role("button", name="More").click()
        self.page.get_by_role("button", name=item).click()


def shot(widget: Widget, folder: Path, name: str) -> None:
    """For a person to look at: CHAT_SCREENSHOTS names a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    widget.page.screenshot(path=folder / f"{name}.png")
