"""Coroutine tests run as those of the SIP engine do."""

from tests.channels.sip.conftest import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]
