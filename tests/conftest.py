"""For all tests. With CALLWRIGHT_NO_SKIP=1 (as .ci/run has it) a skipped test fails: on a build machine every tool is
there, and a test that doesn't run proves nothing."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest
import structlog
from hypothesis import settings

pytest_plugins = ["tests.valkey"]

os.environ.setdefault("UV_USE_IO_URING", "0")  # as in ivr.event_loop
NO_SKIP = os.environ.get("CALLWRIGHT_NO_SKIP") == "1"

# No example is too slow on a busy machine. A build is told the same each time; new examples are looked for at a desk.
settings.register_profile("callwright", deadline=None, derandomize=NO_SKIP)
settings.load_profile("callwright")

# As a server does (ivr.logs): tracebacks with all local variables take seconds from the calls of the test.
structlog.configure(
    [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.StackInfoRenderer(),
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


def _forbid(report: Any) -> None:
    if NO_SKIP and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"skipped, which CALLWRIGHT_NO_SKIP forbids: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _forbid(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _forbid(report)
    return report
