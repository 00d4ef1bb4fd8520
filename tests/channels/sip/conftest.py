"""Coroutine tests run on uvloop, as the SIP process does; each must leave no task behind."""

from __future__ import annotations

import asyncio
import inspect
import threading

import pytest
import uvloop


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    function = pyfuncitem.obj
    if not inspect.iscoroutinefunction(function):
        return None
    names = inspect.signature(function).parameters

    async def run() -> None:
        # uvloop that waits forever would not let pytest-timeout's signal through.
        async with asyncio.timeout(60):
            await function(**{name: pyfuncitem.funcargs[name] for name in names})
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, f"tasks left behind: {left}"

    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    try:
        runner.run(run())
    finally:
        # Very rarely uvloop waits for ever for a handle of its own that is closing; that no signal gets through to.
        closing = threading.Thread(target=runner.close, daemon=True)
        closing.start()
        closing.join(30)
    return True
